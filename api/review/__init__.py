"""The review page: what an approver sees and sends, with its templates and its style sheet.

Belongs here: the routes (`router`), coming in (`arriving`), `showing`, `answering`, the list of an approver, and the
`status`, which wears the same style. Does not: values for the templates (`api.review.views`), whether a decision may be
recorded (`campaigns.rules.approval`), JSON (`api.routers`).
"""
