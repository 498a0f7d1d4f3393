"""The steps: each with its retries, its checkpoint and one call of the domain.

Belongs here, at the root: a step in a module of its name, and what steps share. Does not: rules, words and writes,
which are one call of `campaigns.build` or `campaigns.approval`.
"""
