"""What is asked of Prefect's server: runs and their states, what a run tells of itself, orders, the work pool.

Belongs here: a question or an order by Prefect's client, and what the answer means. Does not: what a run does inside
(`tasks.engine`).
"""
