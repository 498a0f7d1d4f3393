"""Who comes in, and how often: bearer tokens, OIDC, the gate before every route, limits by tenant, network and link.

Belongs here: what is decided before a body is read. Does not: what an approver may decide (`campaigns.rules.approval`).
"""
