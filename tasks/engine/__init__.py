"""What knows Prefect: runs and their states, the lease of a build, orders given in its UI, pools, limits, retries.

Belongs here: calls of Prefect's client and runtime. Does not: forms (`tasks.forms`), and rules on what was found
(`campaigns.operations`).
"""
