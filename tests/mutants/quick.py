"""What a test is held against a mutant with: examples of the seed that is given, and the first failure is enough.

A marked property is held as it is: it must meet a break with its own number of examples, whatever the seed. Any other
test by hypothesis is given many more: one that is quick enough for every run meets a rare break only now and then.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings

TIMES = 8

settings.register_profile(
    "mutants",
    derandomize=False,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


BROKEN: Final = 70
"""How pytest ends when something else than the test itself failed, such as what it stands on: that proves nothing."""


class _Seen:
    elsewhere = False


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _Seen.elsewhere |= report.failed and report.when == "setup"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _Seen.elsewhere:
        session.exitstatus = BROKEN


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Multiply the number of examples that each unmarked test names itself."""
    for item in items:
        if item.get_closest_marker("property") is not None:
            continue
        machine, test = getattr(item, "cls", None), getattr(item, "obj", None)
        if isinstance(getattr(machine, "settings", None), settings):
            machine.settings = _more(machine.settings)
        elif own := getattr(test, "_hypothesis_internal_use_settings", None):
            test._hypothesis_internal_use_settings = _more(own)


def _more(own: settings) -> settings:
    return settings(own, max_examples=TIMES * own.max_examples)
