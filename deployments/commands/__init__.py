"""Commands for people, on an installation or on a text: each a module with a `main` that says what it did.

Belongs here: arguments, one call of the domain, words on a terminal. Does not: commands of one kind of installation
(`deployments.aws`, `deployments.local`), and what containers begin with (`deployments.worker`, `healthy`, `server`).
"""
