"""What keeps campaigns going and watches them: acts of operators, cancelling, recovery,
templates at work, consistency, alarms, metrics.

Belongs here: what acts on a campaign from outside of its run. Does not: what Prefect knows of runs (`tasks.engine`),
the loop that calls it every minute (`tasks.upkeep`).
"""
