"""The table of numbers: each of the design's, counted beside stored, and a difference is said."""

from __future__ import annotations

from campaigns.telemetry.instruments import Measure
from campaigns.telemetry.series import series_of
from deployments.commands.numbers import is_same, numbers, table

LIVED = [
    Measure("CampaignsMoved", 1, {"Status": "completed"}),
    Measure("CampaignsMoved", 1, {"Status": "failed"}),
    Measure("CampaignFailures", 1, {"Code": "REVISION_LIMIT"}),
    Measure("CheckpointsKept", 1, {"StepName": "plan"}),
    Measure("CheckpointsKept", 1, {"StepName": "generate"}),
    Measure("StepRetries", 1, {"StepName": "generate"}),
    Measure("WorkflowStepDuration", 30.0, {"StepName": "plan"}),
    Measure("RoundsDecided", 1, {"Outcome": "approved"}),
    Measure("RoundsTimedOut", 1),
    Measure("CostUsd", 0.0125),
]
FAILED_ONCE = Measure("StepAttemptsFailed", 1, {"StepName": "generate", "Code": "THROTTLED"})


def test_what_was_counted_stands_beside_what_is_stored() -> None:
    found = {each.name: each for each in numbers(series_of([*LIVED, FAILED_ONCE]), series_of(LIVED))}

    assert (found["success rate"][1:], found["approval rate"][1:]) == ((0.5, 0.5), (1, 1))
    assert found["step completion"][1:] == (0.6667, 0.6667)
    assert found["failures by code REVISION_LIMIT"][1:] == (1, 1)
    assert found["step duration of plan, ms"][1:] == (30, 30)
    assert found["time-out rate"][1:] == (0.5, 0.5)
    assert found["execution duration, ms"][1:] == (None, None)
    assert all(map(is_same, found.values()))


def test_a_difference_is_said() -> None:
    more = [*LIVED, Measure("CostUsd", 0.01), LIVED[0]]
    found = numbers(series_of([*LIVED, FAILED_ONCE]), series_of(more))

    lines = [line.split("  differs")[0].split() for line in table(found).splitlines() if line.endswith("differs")]
    assert lines == [["success", "rate", "0.5", "0.6667"], ["cost,", "US", "dollars", "0.0125", "0.0225"]]
