"""What a platform takes: its limits, and how it counts.

Belongs here: a way of counting, or a grammar that decides what counts. Figures with their sources are
`campaigns.model.platforms`.
Does not: whether a post that is too long blocks (`campaigns.rules.guardrails`).
"""
