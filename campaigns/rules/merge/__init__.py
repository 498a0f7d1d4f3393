"""One configuration from system defaults, brand, campaign and personas, with where each value came from.

Belongs here: precedence and its explanation. Does not: a rule on the merged values.
"""
