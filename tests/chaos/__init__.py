"""Kills and outages against the whole product in real processes, and a checker that recounts: `make chaos`."""
