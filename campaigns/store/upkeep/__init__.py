"""What keeps order across tenants: counts, alarms, permits, turns, what is moved and what is removed for good.

Belongs here: what no single campaign or tenant asks for.
Does not: the duties that call it (`tasks.upkeep`).
"""
