"""Style inference: at least five texts, the newest ten, coverage counted and not asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.agents.failures import FailureCode
from campaigns.agents.providers.hosted import HostedModel
from campaigns.agents.providers.offline import OfflineModel
from campaigns.agents.style import StyleReader
from deployments.local.fake_bedrock import FakeBedrock
from tests.agents.inputs import NOW, TENANT, examples, style_input


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_few_examples_are_refused_with_the_numbers(count: int) -> None:
    answer = StyleReader(OfflineModel()).run(TENANT, style_input(examples(count)))

    assert answer.error is not None
    assert answer.error.code == FailureCode.INSUFFICIENT_EXAMPLES
    assert answer.error.retryable
    assert answer.error.details == {"required": 5, "provided": count}


@pytest.mark.parametrize("deleted", [{"deleted_at": NOW}, {"text": ""}], ids=["marked", "emptied"])
def test_deleted_examples_never_count(deleted: dict[str, Any]) -> None:
    given = [*examples(4), examples(5)[4].model_copy(update=deleted)]

    answer = StyleReader(OfflineModel()).run(TENANT, style_input(given))

    assert answer.error is not None
    assert answer.error.details == {"required": 5, "provided": 4}


def test_only_the_newest_ten_are_read(bedrock: FakeBedrock, claude: HostedModel) -> None:
    given = examples(12)
    given[0] = given[0].model_copy(update={"text": "The oldest text of all of them."})
    given[11] = given[11].model_copy(update={"text": "The newest text of all of them."})

    answer = StyleReader(claude).run(TENANT, style_input(given))

    told = str(bedrock.requests[0]["body"])
    assert "oldest" not in told
    assert "newest" in told
    assert answer.inferred_style is not None
    assert answer.inferred_style.confidence.coverage.example_count == 10


def test_coverage_is_counted_here() -> None:
    answer = StyleReader(OfflineModel()).run(TENANT, style_input(examples(6)))

    assert answer.inferred_style is not None
    coverage = answer.inferred_style.confidence.coverage
    assert (coverage.example_count, coverage.platform_count, coverage.intent_count) == (6, 2, 1)


def test_what_the_offline_writer_counts_is_below_the_threshold_of_trust() -> None:
    answer = StyleReader(OfflineModel()).run(TENANT, style_input(examples(6)))

    assert answer.inferred_style is not None
    assert answer.inferred_style.sentence_length_pattern.classification == "short"
    assert answer.inferred_style.confidence.overall < 0.5


@pytest.mark.parametrize("text", ["!!!!!!!!!!", "😀" * 12, "- one\n- two\n- three", "word " * 2000, "漢字" * 300])
def test_the_offline_writer_reads_any_text(text: str) -> None:
    given = [example.model_copy(update={"text": text}) for example in examples(5)]

    assert StyleReader(OfflineModel()).run(TENANT, style_input(given)).success


def test_examples_of_somebody_else_are_refused() -> None:
    given = examples(5)
    given[2] = given[2].model_copy(update={"persona_id": "persona_01JZ0K7F6N8V2Z4D7HRWTC9YAQ"})

    answer = StyleReader(OfflineModel()).run(TENANT, style_input(given))

    assert answer.error is not None
    assert answer.error.code == FailureCode.INVALID_INPUT


def test_the_order_of_the_examples_does_not_matter() -> None:
    given = examples(6)
    mixed = [given[3], given[0], given[5], given[1], given[4], given[2]]

    first = StyleReader(OfflineModel()).run(TENANT, style_input(given))
    second = StyleReader(OfflineModel()).run(TENANT, style_input(mixed))

    assert first == second
    assert timedelta(0) < given[5].created_at - given[0].created_at
