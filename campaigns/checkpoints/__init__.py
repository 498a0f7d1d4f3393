"""Checkpoints: the paid-for results of steps, sealed, and never mistaken for missing.

Belongs here: the vault, its keys, and the places that keep bytes. Does not: what a result is, and when it is kept
(`tasks.checkpoints`), cryptography (`campaigns.keys`).
"""
