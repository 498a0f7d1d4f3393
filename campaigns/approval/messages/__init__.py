"""What people are told about rounds, and when: notices and their words, reminders, digests, the list of what waits.

Belongs here: a kind of notice, its paragraphs, and putting it into the outbox. The texts are `campaigns.texts`.
Does not: the way on which a message leaves (`tasks.delivery`).
"""
