"""What knows Prefect: the lease of a build, limits, retries, how a run waits and ends; `server` asks the server itself.

Belongs here: calls of Prefect's client and runtime. Does not: forms (`tasks.forms`), and rules on what was found
(`campaigns.operations`).
"""
