"""What goes over the wire to a hosted model, and what does not."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from campaigns.agents.contracts import WriterOutput
from campaigns.agents.failures import FailureCode
from campaigns.agents.planner import Planner
from campaigns.agents.providers import models
from campaigns.agents.providers.beginnings import KEPT_SECONDS, Beginnings
from campaigns.agents.providers.hosted import HostedModel, hosted_model
from campaigns.agents.providers.models import ModelOptions
from campaigns.agents.style import StyleReader
from campaigns.agents.writer import Writer
from campaigns.errors import AgentError
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.fake_bedrock_script import BEHAVIOURS
from tests.agents.conftest import MODEL, reached
from tests.agents.inputs import NOW, TENANT, examples, situation, style_input


def body(bedrock: FakeBedrock, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = bedrock.requests[number]["body"]
    return found


def test_a_call_is_bounded_cached_and_asks_for_the_form(bedrock: FakeBedrock, claude: HostedModel) -> None:
    Writer(claude).run(TENANT, situation().writer_input())

    sent = body(bedrock)
    assert bedrock.requests[0]["model"] == MODEL.removeprefix("bedrock:")
    assert sent["inferenceConfig"]["maxTokens"] == 2000
    blocks = sent["messages"][0]["content"]
    assert [list(block) for block in blocks] == [["text"], ["cachePoint"], ["text"]]
    # The instructions alone are below what the service caches: a mark behind them would do nothing.
    assert [list(block) for block in sent["system"]] == [["text"]]
    wanted = sent["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert "commentAnswers" in json.loads(wanted["schema"])["properties"]
    assert "toolConfig" not in sent


def test_a_model_without_structured_output_gets_a_tool(bedrock: FakeBedrock) -> None:
    with reached(bedrock, name="bedrock:us.anthropic.claude-3-5-haiku-20241022-v1:0") as older:
        answer = Writer(older).run(TENANT, situation().writer_input())

    assert answer.success
    assert [tool["toolSpec"]["name"] for tool in body(bedrock)["toolConfig"]["tools"]] == ["final_answer"]


def test_a_beginning_too_short_to_be_kept_is_not_marked(bedrock: FakeBedrock) -> None:
    with reached(bedrock, name="bedrock:us.anthropic.claude-haiku-4-5-20251001-v1:0") as small:
        Writer(small).run(TENANT, situation().writer_input())

    assert "cachePoint" not in json.dumps(body(bedrock))


def test_of_posts_written_at_once_one_pays_for_the_cache_and_later_ones_read_it() -> None:
    given = situation().writer_input()
    with FakeBedrock(seconds=0.5) as slow, reached(slow, name=MODEL) as model:
        with ThreadPoolExecutor(4) as pool:
            assert all(answer.success for answer in pool.map(lambda _: Writer(model).run(TENANT, given), range(4)))
        Writer(model).run(TENANT, given)
        marked = ["cachePoint" in json.dumps(request["body"]) for request in slow.requests]

    assert sum(marked[:4]) == 1
    assert marked[4:] == [True]


def test_a_beginning_is_written_again_when_its_writer_failed_or_its_time_is_over() -> None:
    now = [0.0]
    beginnings = Beginnings(lambda: now[0])

    assert [beginnings.marked("a"), beginnings.marked("a"), beginnings.marked("b")] == [True, False, True]
    beginnings.answered("a", kept=False)
    assert [beginnings.marked("a"), beginnings.marked("a")] == [True, False]
    beginnings.answered("a", kept=True)
    assert [beginnings.marked("a"), beginnings.marked("a")] == [True, True]
    now[0] += KEPT_SECONDS
    assert [beginnings.marked("a"), beginnings.marked("a")] == [True, False]


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
    assert first["outputConfig"] == second["outputConfig"]
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
