"""Counts the answers of a test run by status, as a plugin: `pytest -p tests.api.counted`; `check.py` reads the line."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.api.truth import Truth

STATUSES: Counter[str] = Counter()
_check = Truth.check


def _counting(self: Truth, response: object) -> None:
    STATUSES[str(response.status_code)] += 1
    _check(self, response)


Truth.check = _counting


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"answers {json.dumps(STATUSES)}")
