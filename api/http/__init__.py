"""HTTP itself: problems as answers, bounded JSON, headers, connections, CORS, the access log.

Belongs here: what would serve any API. Does not: a resource of ours.
"""
