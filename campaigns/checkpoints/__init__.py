"""Checkpoints: the paid-for results of steps, sealed, and never mistaken for missing."""
