"""The calendar of a campaign: how many posts, when, by whom, about what; or the smallest change that makes it possible.

Belongs here: pure arithmetic on a merged configuration. Does not: the words of a post, and what a brief may hold
(`campaigns.model.brief`).
"""
