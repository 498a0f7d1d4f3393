"""Days with a name: the key dates of a brief, the posts that they want, and why they cannot be kept.

Belongs here: whatever only a brief with key dates, or with times per platform, needs.
Does not: posts that are spread freely (`calendar.building`).
"""
