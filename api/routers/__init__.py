"""One module for each resource of the HTTP API: what comes in, one call of the domain, what goes out.

Belongs here: paths, parameters, status codes. Does not: who may come in (`api.auth`), the review page (`api.review`).
"""
