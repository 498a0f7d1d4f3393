"""What watches: counts and the trail they are drawn from, alarms, rates, and whether what is stored agrees with itself.

Belongs here: what reads and tells. Does not: what changes a campaign (`operations.acts`, `recovery`), and the one
list of metrics with its ways out (`campaigns.telemetry`).
"""
