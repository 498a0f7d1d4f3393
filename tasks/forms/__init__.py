"""The forms that Prefect's UI draws: the brief, the answer of an approver; and user text escaped for its markdown.

Belongs here: schemas and the reading of what was typed. Does not: whether it may be recorded
(`campaigns.rules.approval`).
"""
