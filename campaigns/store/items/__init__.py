"""What an item is: its keys, its values as attributes and back, its place in an index, the pages of a listing.

Belongs here: forms and places, said on values; nothing here reads or writes on its own.
Does not: repositories, which say when an item is written (`campaign`, `library`, `upkeep`).
"""
