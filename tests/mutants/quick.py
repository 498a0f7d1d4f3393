"""What a property is held against a mutant with: the same examples every time, many, and the first failure is enough.

A property that is quick enough for every test run meets a rare break only now and then; here it has to.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings

TIMES = 8

settings.register_profile(
    "mutants",
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Multiply the number of examples that each property names itself."""
    for item in items:
        machine, test = getattr(item, "cls", None), getattr(item, "obj", None)
        if isinstance(getattr(machine, "settings", None), settings):
            machine.settings = _more(machine.settings)
        elif own := getattr(test, "_hypothesis_internal_use_settings", None):
            test._hypothesis_internal_use_settings = _more(own)


def _more(own: settings) -> settings:
    return settings(own, max_examples=TIMES * own.max_examples)
