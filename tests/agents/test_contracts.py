"""The contract of `run`: complete inputs, a result or an error, nothing thrown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from campaigns.agents import planner, style, writer
from campaigns.agents.contracts import AgentOutput, PlannerOutput, Revision, WriterOutput
from campaigns.agents.failures import FailureCode
from campaigns.agents.planner import Planner
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers.offline import OfflineModel
from campaigns.agents.providers.text_model import Answer, ModelAnswer
from campaigns.agents.style import StyleReader
from campaigns.agents.writer import Writer
from campaigns.model.base import derived_id
from campaigns.model.post import ModelUsage
from tests.agents.inputs import NOW, TALKS, TENANT, examples, situation, style_input


def _a_validation_error() -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        WriterOutput(success=False)
    return raised.value


class Forbidden:
    """A model that must not be asked."""

    name = "forbidden"

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        raise AssertionError("the model was asked")

    def price(self, input_tokens: int, output_tokens: int) -> float:
        return 0.0


class Broken(Forbidden):
    """A model with a bug."""

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        raise ZeroDivisionError("secret words of the prompt")


def test_the_modules_run_with_the_model_of_the_process() -> None:
    planned = planner.run(TENANT, situation().planner_input(3))
    written = writer.run(TENANT, situation().writer_input())
    read = style.run(TENANT, style_input(examples()))

    assert planned.success
    assert written.success
    assert read.success


def test_an_input_may_arrive_as_json() -> None:
    answer = Writer(OfflineModel()).run(TENANT, situation().writer_input().to_wire())

    assert answer.status == "needs_review"


def test_an_incomplete_input_is_answered_with_every_fault() -> None:
    wire = situation().writer_input().to_wire()
    del wire["brief"], wire["policy"]
    wire["surprise"] = 1

    answer = Writer(Forbidden()).run(TENANT, wire)

    assert answer.error is not None
    assert answer.error.code == FailureCode.INVALID_INPUT
    assert answer.error.details is not None
    assert {(fault["field"], fault["code"]) for fault in answer.error.details["errors"]} == {
        ("brief", "REQUIRED"),
        ("policy", "REQUIRED"),
        ("surprise", "UNKNOWN_FIELD"),
    }


def foreign(part: Any) -> Any:
    return part.model_copy(update={"tenant_id": "rival"})


def test_another_tenants_data_reaches_no_model() -> None:
    given = situation().writer_input()
    plan = situation().planner_input()
    style_given = style_input(examples())
    assert given.brand_config is not None
    mixed = [
        Writer(Forbidden()).run("rival", given),
        Writer(Forbidden()).run(TENANT, foreign(given)),
        Writer(Forbidden()).run(TENANT, given.model_copy(update={"persona_config": foreign(given.persona_config)})),
        Writer(Forbidden()).run(TENANT, given.model_copy(update={"brand_config": foreign(given.brand_config)})),
        Writer(Forbidden()).run(TENANT, given.model_copy(update={"post": foreign(given.post)})),
        Writer(Forbidden()).run(TENANT, given.model_copy(update={"examples": [foreign(examples()[0])]})),
        Planner(Forbidden()).run(TENANT, plan.model_copy(update={"campaign": foreign(plan.campaign)})),
        Planner(Forbidden()).run(
            TENANT,
            plan.model_copy(update={"persona_configs": [plan.persona_configs[0], foreign(plan.persona_configs[1])]}),
        ),
        StyleReader(Forbidden()).run(TENANT, style_given.model_copy(update={"examples": [foreign(examples()[0])]})),
    ]

    for answer in mixed:
        assert answer.error is not None
        assert answer.error.code == FailureCode.TENANT_MISMATCH


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"brand_config": None}, FailureCode.BRAND_NOT_FOUND),
        ({"persona_configs": situation().personas[:1]}, FailureCode.PERSONA_NOT_FOUND),
        ({"campaign_id": derived_id("campaign", "other")}, FailureCode.INVALID_INPUT),
        ({"slots": situation().slots(2) + situation().slots(1)}, FailureCode.INVALID_INPUT),
    ],
    ids=["no brand", "no persona", "other campaign", "number twice"],
)
def test_a_plan_without_all_its_parts_is_refused_before_the_model_is_asked(
    changes: dict[str, Any], code: FailureCode
) -> None:
    answer = Planner(Forbidden()).run(TENANT, situation().planner_input(6).model_copy(update=changes))

    assert answer.error is not None
    assert answer.error.code == code
    assert not answer.error.retryable


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"post_id": derived_id("post", "other")}, FailureCode.INVALID_INPUT),
        ({"persona_config": situation().personas[1]}, FailureCode.PERSONA_NOT_FOUND),
        ({"policy": situation(TALKS).writer_input().policy}, FailureCode.INVALID_INPUT),
    ],
    ids=["other post", "other persona", "other platform"],
)
def test_a_post_without_all_its_parts_is_refused_before_the_model_is_asked(
    changes: dict[str, Any], code: FailureCode
) -> None:
    answer = Writer(Forbidden()).run(TENANT, situation().writer_input().model_copy(update=changes))

    assert answer.error is not None
    assert answer.error.code == code


def test_a_bug_is_an_answer_too_and_tells_only_its_kind() -> None:
    answer = Writer(Broken()).run(TENANT, situation().writer_input())

    assert answer.error is not None
    assert answer.error.code == FailureCode.AGENT_ERROR
    assert answer.error.retryable
    assert answer.error.details == {"kind": "ZeroDivisionError"}


class Paid(OfflineModel):
    """A model that costs a dollar for an answer."""

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        answer = super().answer(prompt, form)
        return replace(answer, usage=answer.usage.plus(ModelUsage(model=self.name, cost_usd=1.0)))


@pytest.mark.parametrize("where", ["writer.check_post", "writer._comment_answers", "planner._summary", "style._style"])
@pytest.mark.parametrize("error", [ZeroDivisionError, RecursionError, _a_validation_error()])
def test_what_was_paid_before_a_bug_is_told(
    where: str, error: type[Exception] | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents: dict[str, Callable[[], AgentOutput]] = {
        "writer": lambda: Writer(Paid()).run(TENANT, situation().writer_input()),
        "planner": lambda: Planner(Paid()).run(TENANT, situation().planner_input(3)),
        "style": lambda: StyleReader(Paid()).run(TENANT, style_input(examples())),
    }

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(f"campaigns.agents.{where}", broken)

    answer = agents[where.partition(".")[0]]()

    assert (answer.usage.calls, answer.usage.cost_usd) == (1, 1.0)
    assert answer.error is not None
    assert (answer.error.code, answer.error.retryable) == (FailureCode.AGENT_ERROR, True)


def test_an_output_has_a_result_or_an_error_and_never_both() -> None:
    with pytest.raises(ValidationError):
        WriterOutput(success=False)
    good = Writer(OfflineModel()).run(TENANT, situation().writer_input())
    bad = Writer(Broken()).run(TENANT, situation().writer_input())

    with pytest.raises(ValidationError):
        WriterOutput.model_validate({**good.model_dump(), "error": bad.error})


# --- the plan -----------------------------------------------------------------------------------------


def test_the_plan_keeps_every_slot_as_the_calendar_made_it() -> None:
    slots = situation().slots(30)

    answer = Planner(OfflineModel()).run(TENANT, situation().planner_input(30))

    kept = {"number", "persona_id", "platform", "scheduled_at", "pillar", "required_inclusions", "needs_cta", "visual"}
    assert [post.model_dump(include=kept) for post in answer.posts] == [slot.model_dump(include=kept) for slot in slots]
    assert answer.plan_summary is not None
    assert answer.plan_summary.total_posts == 30
    assert answer.plan_summary.posts_per_platform == {"twitter": 10, "linkedin": 10, "instagram": 10}


def test_the_same_plan_has_the_same_post_ids_and_another_plan_has_others() -> None:
    given = situation().planner_input(3)

    first = Planner(OfflineModel()).run(TENANT, given)
    second = Planner(OfflineModel()).run(TENANT, given)
    other = Planner(OfflineModel()).run(TENANT, given.model_copy(update={"plan_key": "another"}))

    ids = [[post.post_id for post in answer.posts] for answer in (first, second, other)]
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])


def test_a_planned_topic_becomes_a_post_that_the_writer_takes() -> None:
    planned = Planner(OfflineModel()).run(TENANT, situation().planner_input(3)).posts[2]

    post = planned.as_post(TENANT, situation().campaign.id, at=NOW)

    assert post.asset_requirements.image_required
    assert Writer(OfflineModel()).run(TENANT, situation().writer_input(post)).status == "needs_review"


class Scripted(Forbidden):
    """A model that says what it is told to, and then nothing usable."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.prompts: list[Prompt] = []

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        self.prompts.append(prompt)
        return Answer(self._answers.pop(0) if self._answers else "", PlannerOutput(success=True).usage)


def test_each_fault_of_a_plan_goes_back_by_slot_and_what_stays_wrong_is_filled_and_marked() -> None:
    said = (
        '{"topics": ['
        '{"number": 1, "topic": "Why politics matters for coffee", "intent": "announce"},'
        '{"number": 2, "topic": "Thirty-eight families and their harvest", "intent": "educate",'
        ' "assetDescription": "Hands sorting cherries"},'
        '{"number": 3, "topic": "The families and the harvest: thirty-eight", "assetDescription": "short"},'
        '{"number": 2, "topic": "A second topic for the same slot"},'
        '{"number": 9, "topic": "A slot nobody asked for"}'
        "]}"
    )
    model = Scripted(said)

    answer = Planner(model).run(TENANT, situation().planner_input(4))

    faults = model.prompts[1].request
    for expected in [
        "Slot 1: the topic touches one that must be avoided.",
        "Slot 3: the topic says nearly the same as another one.",
        "Slot 2 was answered twice.",
        "There is no slot 9.",
        "Slot 4 has no topic.",
    ]:
        assert expected in faults
    assert len(model.prompts) == 3
    assert [post.review_reason is None for post in answer.posts] == [False, True, False, False]
    assert answer.plan_summary is not None
    assert answer.plan_summary.warnings == ["3 of 4 topics were made without the model; have a look."]


def test_a_topic_without_the_model_makes_its_post_need_a_review() -> None:
    planned = Planner(Scripted()).run(TENANT, situation().planner_input(1)).posts[0]
    post = planned.as_post(TENANT, situation().campaign.id, at=NOW)

    answer = Writer(OfflineModel()).run(TENANT, situation().writer_input(post))

    assert answer.status == "needs_review"
    assert answer.quality is not None
    assert [check.code for check in answer.quality.checks] == ["TOPIC_FALLBACK"]


def test_an_address_that_the_model_made_up_is_no_reference() -> None:
    said = (
        '{"topics": [{"number": 1, "topic": "The first bags", "references":'
        ' ["https://fernwood.example/harvest", "https://evil.example/x", "https://fernwood.example/harvest/../admin"]}]}'
    )

    answer = Planner(Scripted(said)).run(TENANT, situation().planner_input(1))

    assert [reference.value for reference in answer.posts[0].references] == ["https://fernwood.example/harvest"]


def test_the_intent_that_the_calendar_needs_stays() -> None:
    said = '{"topics": [{"number": 1, "topic": "The first bags", "intent": "opinion"}]}'
    model = Scripted(said, said, said)

    answer = Planner(model).run(TENANT, situation().planner_input(1))

    assert "the intent must stay announce" in model.prompts[1].request
    assert answer.posts[0].intent == "announce"


# --- the words ----------------------------------------------------------------------------------------


def test_a_warning_alone_is_shown_but_not_paid_for_again() -> None:
    model = Scripted('{"text": "38 families. Order the first bags. Write to ines@fernwood.example."}')

    answer = Writer(model).run(TENANT, situation().writer_input())

    assert len(model.prompts) == 1
    assert answer.status == "completed"
    assert answer.quality is not None
    assert [(check.code, check.severity) for check in answer.quality.checks] == [("PII", "warn")]


def test_a_text_that_another_post_has_already_is_sent_back() -> None:
    said = '{"text": "38 families grew these bags. Order the first bags."}'
    model = Scripted(said, said, said)

    answer = Writer(model).run(
        TENANT, situation().writer_input(sibling_texts=["38 families grew these bags! Order the first bags!"])
    )

    assert "DUPLICATE" in model.prompts[1].request
    assert answer.status == "needs_review"


def test_a_topic_that_a_person_has_seen_needs_no_second_look() -> None:
    planned = Planner(Scripted()).run(TENANT, situation().planner_input(1)).posts[0]
    post = planned.as_post(TENANT, situation().campaign.id, at=NOW)
    seen = Revision(previous_text="The first bags are here.", comment="Warmer.")

    answer = Writer(Scripted('{"text": "38 families. Order the first bags."}')).run(
        TENANT, situation().writer_input(post, revision=seen)
    )

    assert answer.status == "completed"


def test_what_is_stored_is_without_the_signs_and_has_its_time() -> None:
    said = '{"text": "38 families. Order the first bags.", "hashtags": ["#Coffee"], "mentions": ["@fernwood"]}'

    answer = Writer(Scripted(said, said, said), clock=lambda: NOW).run(TENANT, situation().writer_input())

    assert answer.content is not None
    assert answer.content.hashtags == ["Coffee"]
    assert answer.content.mentions == ["fernwood"]
    assert answer.content.generated_at == NOW
