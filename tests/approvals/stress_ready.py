"""Imported once by the process that actors are copied from: everything is imported, made and done once."""

from __future__ import annotations

from tests.approvals.stress_acts import warm_up

warm_up()
