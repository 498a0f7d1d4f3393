"""How the outbox leaves: to Prefect (start, wake, read a style) and to people (mail, chat, webhook, file).

Belongs here: one function for each kind of entry, and the channels. Does not: the words
(`campaigns.approval.messages`).
"""
