"""What one campaign has: itself, its plan, posts, rounds, decisions and costs, and what was tried for it.

Belongs here: a repository of what ends with its campaign.
Does not: what outlives it (`library`), and counts over all campaigns (`upkeep`).
"""
