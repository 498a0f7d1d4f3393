"""What a change of a campaign writes with it: one transaction with its audit, its outbox, its lease and its next look.

Belongs here: whatever every writer of a campaign takes along, under one condition.
Does not: what the change is about (`campaign`).
"""
