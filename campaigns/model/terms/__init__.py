"""The parts of a brief: when posts go out, who speaks, on what days, what posts are given, who approves and how.

Belongs here: a value that a brief or its configuration holds. Does not: the brief itself, and what is made from it
(`campaigns.model`).
"""
