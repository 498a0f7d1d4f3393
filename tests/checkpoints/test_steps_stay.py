"""A deploy strands no waiting run: a renamed step, another result type or a lost parameter is refused here."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.golden import GOLDEN
from tests.checkpoints.steps import broken, described

VERSIONS = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
NOW = described()


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_runs_that_wait_since_a_release_find_their_steps_and_flows(version: Path) -> None:
    released = json.loads((version / "steps.json").read_text())

    # Keep the old name or type readable. A migration of waiting runs is a new folder and a word in CHANGELOG.
    assert broken(released, NOW) == []


def renamed(now: dict[str, Any]) -> None:
    now["steps"]["write"] = now["steps"].pop("generate")


def keyed_otherwise(now: dict[str, Any]) -> None:
    now["steps"]["generate"]["keyedBy"].append("persona")


def field_renamed(now: dict[str, Any]) -> None:
    fields = now["steps"]["save"]["returns"]["properties"]
    fields["version"] = fields.pop("planVersion")


def other_type(now: dict[str, Any]) -> None:
    now["steps"]["ask"]["returns"]["properties"]["n"]["type"] = "string"


def other_type_deep_inside(now: dict[str, Any]) -> None:
    now["steps"]["plan"]["returns"]["$defs"]["PlannedPost"]["properties"]["number"]["type"] = "string"


def one_more_is_required(now: dict[str, Any]) -> None:
    now["steps"]["complete"]["returns"]["required"].append("by")


def a_status_less(now: dict[str, Any]) -> None:
    now["steps"]["generate"]["returns"]["$defs"]["PostStatus"]["enum"].pop()


def flow_moved(now: dict[str, Any]) -> None:
    now["flows"]["build-campaign/build-campaign"]["entrypoint"] = "flows.build:build_campaign"


def deployment_gone(now: dict[str, Any]) -> None:
    del now["flows"]["analyze-persona/analyze-persona"]


def parameter_renamed(now: dict[str, Any]) -> None:
    names = now["flows"]["build-campaign/build-campaign"]["parameters"]
    names[names.index("campaign")] = "brief"


BREAKS = [
    renamed, keyed_otherwise, field_renamed, other_type, other_type_deep_inside, one_more_is_required, a_status_less,
    flow_moved, deployment_gone, parameter_renamed,
]  # fmt: skip


@pytest.mark.parametrize("breaks", BREAKS)
def test_what_would_strand_a_waiting_run_is_refused(breaks: Callable[[dict[str, Any]], None]) -> None:
    later = copy.deepcopy(NOW)
    breaks(later)

    assert broken(NOW, later)


def a_step_more(now: dict[str, Any]) -> None:
    now["steps"]["judge"] = now["steps"]["revise"]


def a_field_more(now: dict[str, Any]) -> None:
    now["steps"]["plan"]["returns"]["properties"]["cost"] = {"type": "number"}


def a_status_more(now: dict[str, Any]) -> None:
    now["steps"]["generate"]["returns"]["$defs"]["PostStatus"]["enum"].append("held")


def a_parameter_more(now: dict[str, Any]) -> None:
    now["flows"]["build-campaign/build-campaign"]["parameters"].append("template_id")


@pytest.mark.parametrize("adds", [a_step_more, a_field_more, a_status_more, a_parameter_more])
def test_what_only_adds_is_taken(adds: Callable[[dict[str, Any]], None]) -> None:
    later = copy.deepcopy(NOW)
    adds(later)

    assert broken(NOW, later) == []
