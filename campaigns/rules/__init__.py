"""Pure decisions on values: no I/O, no clock of their own, the same answer every time.

Belongs here: what can be asked with values alone. Does not: bounds of a single value (`campaigns.model`).
"""
