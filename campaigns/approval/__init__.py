"""An approval round, from opening it to what its outcome sets off: decisions, links renewed, reminders, expiry, words.

Belongs here: what is done with a round and writes it through `campaigns.store`. Does not: whether it may be done
(`campaigns.rules.approval`), how a link is signed (`campaigns.keys.links`), how a message leaves (`tasks.delivery`).
"""
