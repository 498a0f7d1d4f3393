"""What is told of the product while it works: the one list of metrics, and the ways by which numbers and spans leave.

Belongs here: names and kinds of metrics, what an audit entry measures, what holds measures until they are written,
exporters, spans. Does not: who counts (`operations.watching` the trail, the store usage, `tasks` steps), and alarms.
Nothing here fails or delays what it watches, and nothing heavy is imported unless somebody listens.
"""
