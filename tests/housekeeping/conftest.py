"""Housekeeping on a real Prefect server, with the clock in our hand."""

from __future__ import annotations

from tests.flows.conftest import studio

__all__ = ["studio"]
