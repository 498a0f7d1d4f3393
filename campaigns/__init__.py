"""The subject: campaigns, without Prefect and without HTTP. ARCHITECTURE.md shows its rooms, floor by floor.

Belongs here: at the root only what every room may ask: settings, errors, logs, wiring. Does not: steps (`tasks`).
"""
