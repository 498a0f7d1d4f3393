"""What goes over the wire to a hosted model, and what does not."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from campaigns.agents import models
from campaigns.agents.contracts import WriterOutput
from campaigns.agents.failures import FailureCode
from campaigns.agents.hosted import HostedModel, hosted_model
from campaigns.agents.models import ModelOptions
from campaigns.agents.planner import Planner
from campaigns.agents.style import StyleReader
from campaigns.agents.writer import Writer
from campaigns.errors import AgentError
from deployments.fake_bedrock import FakeBedrock
from deployments.fake_bedrock_script import BEHAVIOURS
from tests.agents.conftest import MODEL
from tests.agents.inputs import NOW, TENANT, examples, situation, style_input


def body(bedrock: FakeBedrock, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = bedrock.requests[number]["body"]
    return found


def test_a_call_is_bounded_cached_and_asks_for_the_form(bedrock: FakeBedrock, claude: HostedModel) -> None:
    Writer(claude).run(TENANT, situation().writer_input())

    sent = body(bedrock)
    assert bedrock.requests[0]["model"] == MODEL.removeprefix("bedrock:")
    assert sent["inferenceConfig"]["maxTokens"] == 2000
    assert sent["system"][-1] == {"cachePoint": {"type": "default"}}
    blocks = sent["messages"][0]["content"]
    assert [list(block) for block in blocks] == [["text"], ["cachePoint"], ["text"]]
    assert [tool["toolSpec"]["name"] for tool in sent["toolConfig"]["tools"]] == ["final_answer"]


def test_what_people_typed_is_in_no_system_prompt(bedrock: FakeBedrock, claude: HostedModel) -> None:
    Planner(claude).run(TENANT, situation().planner_input())
    Writer(claude).run(TENANT, situation().writer_input())

    for request in bedrock.requests:
        instructions = json.dumps(request["body"]["system"])
        for typed in ("Huila", "Fernwood", "Ines", "38 families"):
            assert typed not in instructions


def test_the_stable_part_is_the_same_for_all_posts_of_a_persona_on_a_platform(
    bedrock: FakeBedrock, claude: HostedModel
) -> None:
    slots = situation().slots(7)
    for slot in (slots[0], slots[6]):
        Writer(claude).run(TENANT, situation().writer_input(situation().post(slot)))

    first, second = (request["body"] for request in bedrock.requests)
    assert first["system"] == second["system"]
    assert first["toolConfig"] == second["toolConfig"]
    assert first["messages"][0]["content"][0] == second["messages"][0]["content"][0]
    assert first["messages"][0]["content"][2] != second["messages"][0]["content"][2]


def test_no_id_no_approver_and_no_key_is_told_to_a_model(bedrock: FakeBedrock, claude: HostedModel) -> None:
    approval = {"approvers": [{"name": "Vera Approver", "email": "vera@canary.example"}]}
    given = situation(approval=approval)
    Planner(claude).run(TENANT, given.planner_input())
    Writer(claude).run(TENANT, given.writer_input())
    StyleReader(claude).run(TENANT, style_input(examples()))

    told = json.dumps([request["body"] for request in bedrock.requests])
    for secret in ["canary", "CANARY", "Vera", "campaign_", "persona_", "brand_", "post_", "tenantId"]:
        assert secret not in told


def test_the_usage_and_cost_of_a_call_are_counted(bedrock: FakeBedrock, claude: HostedModel) -> None:
    answer = Writer(claude).run(TENANT, situation().writer_input())

    sent = len(json.dumps(body(bedrock))) // 4
    assert answer.usage.model == MODEL
    assert answer.usage.calls == 1
    assert answer.usage.input_tokens == sent
    # Claude Sonnet 4.5 in a US region: $3.30 and $16.50 for a million tokens.
    expected = (answer.usage.input_tokens * 3.3 + answer.usage.output_tokens * 16.5) / 1_000_000
    assert answer.usage.cost_usd == pytest.approx(expected, rel=1e-6)


def test_a_refusal_was_paid_for_and_is_counted(bedrock: FakeBedrock, claude: HostedModel) -> None:
    bedrock.script = [BEHAVIOURS["refusal_stop"]]

    answer = Writer(claude).run(TENANT, situation().writer_input())

    assert not answer.success
    assert answer.usage.cost_usd > 0


def test_many_threads_share_one_model(bedrock: FakeBedrock, claude: HostedModel) -> None:
    posts = [situation().post(slot) for slot in situation().slots(12)]
    answers: list[WriterOutput] = []
    writer = Writer(claude, clock=lambda: NOW)
    threads = [
        threading.Thread(target=lambda post=post: answers.append(writer.run(TENANT, situation().writer_input(post))))
        for post in posts
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(bedrock.requests) == 12
    assert [answer.status for answer in answers] == ["completed"] * 12


def test_a_model_is_built_once_and_only_when_it_is_used() -> None:
    handle = models.ModelHandle()
    handle.configure(ModelOptions(name="bedrock:"))

    assert handle.name() == "bedrock:"
    handle.configure(ModelOptions())
    first = handle.model()
    handle.configure(ModelOptions())

    assert handle.model() is first


@pytest.mark.parametrize("name", ["", "nonsense", "nobody:model", "openai"])
def test_a_name_that_is_no_models_is_refused_in_words(name: str) -> None:
    with pytest.raises(AgentError) as caught:
        hosted_model(ModelOptions(name=name))

    assert caught.value.reason == FailureCode.REQUEST_REJECTED
    assert not caught.value.retryable


def test_a_name_that_is_no_models_fails_every_post_in_words() -> None:
    handle = models.ModelHandle()
    handle.configure(ModelOptions(name="nonsense"))

    answer = Writer(handle.model()).run(TENANT, situation().writer_input())

    assert answer.error is not None
    assert answer.error.code == FailureCode.REQUEST_REJECTED
    assert "'nonsense'" in answer.error.message
