"""The judge: its verdict is a finding like others, and what it cannot judge is left to a person."""

from __future__ import annotations

import json
from typing import Any

from campaigns.agents.contracts import WriterOutput
from campaigns.agents.fence import unfenced
from campaigns.agents.providers.hosted import HostedModel
from campaigns.agents.providers.offline import OfflineModel
from campaigns.agents.writer import Writer
from campaigns.rules.approval.decisions import is_auto_approved
from deployments.local.fake_bedrock import FakeBedrock
from tests.agents.inputs import TENANT, situation
from tests.agents.test_contracts import Scripted

POST = '{"text": "38 families. Order the first bags."}'
FINE = {"voice": 0.9, "voiceReason": "Exact.", "quality": 0.7, "qualityReason": "Clear.", "claims": []}


def written(verdict: dict[str, Any] | str, **changes: Any) -> tuple[WriterOutput, Scripted]:
    said = verdict if isinstance(verdict, str) else json.dumps({**FINE, **verdict})
    model = Scripted(POST, said)
    return Writer(model).run(TENANT, situation().writer_input(judged=True, **changes)), model


def codes(answer: WriterOutput) -> list[str]:
    assert answer.quality is not None
    return [check.code for check in answer.quality.checks]


def test_a_good_verdict_is_the_score_and_no_finding() -> None:
    answer, model = written({})

    assert answer.quality is not None
    assert (answer.quality.score, codes(answer), len(model.prompts)) == (0.8, [], 2)
    assert unfenced(str(model.prompts[1]))["request"]["post"] == "38 families. Order the first bags."
    assert answer.usage.calls == 2


def test_a_claim_is_a_finding_where_it_stands_and_no_policy_approves_it() -> None:
    answer, _ = written({"claims": [{"quote": "38 families", "reason": "The brief says so of last year only."}]})

    assert answer.quality is not None
    (claim,) = answer.quality.checks
    assert (claim.code, claim.severity, claim.span) == ("CLAIM", "warn", (0, 11))
    post = situation().post().model_copy(update={"quality": answer.quality, "usage": answer.usage})
    assert not is_auto_approved(post, "auto_approve", 0.0)


def test_a_voice_that_is_not_the_personas_and_words_that_say_nothing_are_findings() -> None:
    answer, _ = written({"voice": 0.2, "quality": 0.1})

    assert codes(answer) == ["VOICE", "QUALITY"]
    assert answer.quality is not None
    assert answer.quality.score == 0.15


def test_what_was_not_judged_is_left_to_a_person() -> None:
    answer, _ = written("Looks good to me!")

    assert answer.success
    assert codes(answer) == ["CLAIM"]


def test_nobody_is_asked_where_it_is_not_wanted_nor_about_drafts_of_the_offline_writer() -> None:
    model = Scripted(POST)
    Writer(model).run(TENANT, situation().writer_input())

    assert len(model.prompts) == 1
    assert Writer(OfflineModel()).run(TENANT, situation().writer_input(judged=True)).usage.calls == 1


def test_a_hosted_model_judges_in_its_form(bedrock: FakeBedrock, claude: HostedModel) -> None:
    answer = Writer(claude).run(TENANT, situation().writer_input(judged=True))

    assert len(bedrock.requests) == 2
    assert answer.quality is not None
    assert answer.quality.score == 0.8
