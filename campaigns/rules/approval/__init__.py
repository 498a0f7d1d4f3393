"""Who may decide what, and what follows: the gate asked inside each write, who an approver is, when a reminder is due.

Belongs here: decisions on a round as it is stored. Does not: reading or writing one (`campaigns.approval`).
"""
