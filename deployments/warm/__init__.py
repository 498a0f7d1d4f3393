"""How the worker starts a flow run in milliseconds: from a process that has imported everything already.

Belongs here: the fork server and the worker's way to ask it. Does not: what a run does, and which runs are due
(`deployments.worker`).
"""
