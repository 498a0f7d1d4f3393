"""Values of the domain and their bounds. No I/O, no clock, no Prefect, no HTTP.

Belongs here: what a campaign is (brief, campaign, post, approval), and what all values stand on (`base`, `vocabulary`).
Does not: decisions on several values (`campaigns.rules`).
"""
