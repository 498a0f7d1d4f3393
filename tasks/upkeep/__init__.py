"""What runs every minute or on an operator's order: the sweep, housekeeping, repair of runs, alarms, restored tables.

Belongs here: duties and their order. Does not: the rules they follow (`campaigns.operations`).
"""
