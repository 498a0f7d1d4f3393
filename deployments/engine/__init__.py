"""What Prefect's server is told of a release: blocks, work pool, deployments, choices of the forms, automations.

Belongs here: whatever is written into Prefect, so that it may be written again. Does not: what asks Prefect while
campaigns run (`tasks.engine`), and pools of containers (`deployments.pools`).
"""
