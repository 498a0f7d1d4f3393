"""The table of flat items, and the databases that are one.

Belongs here: what the store asks of a database (`table`), and a module for each database that promises it.
Does not: what an item means, and which keys it lies under (`items`).
"""
