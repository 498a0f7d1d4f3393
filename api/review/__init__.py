"""The review page: what an approver sees and sends, with its templates and its style sheet.

Belongs here: values for the templates, what the forms carry, the routes (`api.review.router`). Does not: whether a
decision may be recorded (`campaigns.rules.approval`), JSON (`api.routers`).
"""
