"""Checkpoints: sealed, proven, and never taken for missing."""
