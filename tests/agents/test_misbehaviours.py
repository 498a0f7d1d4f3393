"""Every way the model's service misbehaves, and what the writer makes of it."""

from __future__ import annotations

import pytest

from campaigns.agents.failures import FailureCode
from campaigns.agents.planner import Planner
from campaigns.agents.providers.hosted import HostedModel
from campaigns.agents.writer import Writer
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.fake_bedrock_script import BEHAVIOURS, Slow
from tests.agents.conftest import reached
from tests.agents.inputs import TALKS, TENANT, situation

ENDS_AT_ONCE = {
    "throttle": FailureCode.THROTTLED,
    "throttle_lower_case": FailureCode.THROTTLED,
    "throttle_retry_after": FailureCode.THROTTLED,
    "model_error": FailureCode.MODEL_UNAVAILABLE,
    "unavailable": FailureCode.MODEL_UNAVAILABLE,
    "not_ready": FailureCode.MODEL_UNAVAILABLE,
    "internal": FailureCode.MODEL_UNAVAILABLE,
    "not_json": FailureCode.MODEL_UNAVAILABLE,
    "cut_connection": FailureCode.MODEL_UNAVAILABLE,
    "model_timeout": FailureCode.MODEL_TIMEOUT,
    "slow": FailureCode.MODEL_TIMEOUT,
    "dripping": FailureCode.MODEL_TIMEOUT,
    "withdrawn": FailureCode.MODEL_WITHDRAWN,
    "unknown_model": FailureCode.MODEL_WITHDRAWN,
    "denied": FailureCode.ACCESS_DENIED,
    "expired_token": FailureCode.ACCESS_DENIED,
    "quota": FailureCode.ACCESS_DENIED,
    "bad_request": FailureCode.REQUEST_REJECTED,
    "refusal": FailureCode.REFUSED,
    "refusal_stop": FailureCode.REFUSED,
    "guardrail_intervened": FailureCode.CONTENT_FILTERED,
    "content_filtered": FailureCode.CONTENT_FILTERED,
}
"""One call, no repair: what the caller then does stands in the code."""

NEVER_IN_TIME = {"slow", "dripping"}

REPAIRED = [
    "malformed", "prose", "truncated", "truncated_call", "empty", "empty_text", "too_long", "nan", "duplicate_keys",
    "ten_megabytes", "wrong_shape", "not_an_object", "deep", "malformed_tool_use",
]  # fmt: skip
"""Asked again with the list of faults; the second answer is right."""

ONLY_WARNED = ["ok", "wrong_language"]


def test_every_misbehaviour_has_its_expectation() -> None:
    assert set(BEHAVIOURS) == {*ENDS_AT_ONCE, *REPAIRED, *ONLY_WARNED}


@pytest.mark.parametrize(("name", "code"), ENDS_AT_ONCE.items(), ids=ENDS_AT_ONCE.keys())
def test_a_failure_that_no_repair_helps_ends_after_one_call(
    name: str, code: FailureCode, bedrock: FakeBedrock, claude: HostedModel, hurried: HostedModel
) -> None:
    bedrock.script = [BEHAVIOURS[name]]

    answer = Writer(hurried if name in NEVER_IN_TIME else claude).run(TENANT, situation().writer_input())

    assert len(bedrock.requests) == 1
    assert not answer.success
    assert answer.content is None
    assert answer.error is not None
    assert answer.error.code == code
    assert answer.usage.calls == 1


@pytest.mark.parametrize("name", REPAIRED)
def test_an_unusable_answer_is_asked_for_again_with_its_faults(
    name: str, bedrock: FakeBedrock, claude: HostedModel
) -> None:
    bedrock.script = [BEHAVIOURS[name]]

    answer = Writer(claude).run(TENANT, situation().writer_input())

    first, second = (str(request["body"]["messages"]) for request in bedrock.requests)
    assert "faults" not in first
    assert "faults" in second
    assert answer.status == "completed"
    assert answer.usage.calls == 2


@pytest.mark.parametrize("name", REPAIRED)
def test_a_model_that_never_gets_it_right_is_asked_three_times_and_no_more(
    name: str, bedrock: FakeBedrock, claude: HostedModel
) -> None:
    bedrock.script = [BEHAVIOURS[name]] * 10

    answer = Writer(claude).run(TENANT, situation().writer_input())

    assert len(bedrock.requests) == 3
    if answer.success:  # words of the right form, but too many of them
        assert name == "too_long"
        assert answer.status == "needs_review"
        assert answer.quality is not None
        assert "TOO_LONG" in {check.code for check in answer.quality.checks}
    else:
        assert answer.error is not None
        assert answer.error.code == FailureCode.INVALID_OUTPUT
        assert not answer.error.retryable


def test_a_post_in_another_language_is_kept_and_marked(bedrock: FakeBedrock, claude: HostedModel) -> None:
    given = situation(TALKS).writer_input()
    given = given.model_copy(update={"policy": given.policy.model_copy(update={"language": "en"})})
    bedrock.script = [BEHAVIOURS["wrong_language"]] * 3

    answer = Writer(claude).run(TENANT, given)

    assert answer.quality is not None
    assert "LANGUAGE" in {check.code for check in answer.quality.checks if check.severity == "warn"}


def test_a_late_answer_is_dropped_and_the_next_attempt_starts_clean(bedrock: FakeBedrock, server: FakeBedrock) -> None:
    bedrock.script = [Slow(4.5)]

    with reached(server, read_timeout=3.0) as model:
        late = Writer(model).run(TENANT, situation().writer_input())
        again = Writer(model).run(TENANT, situation().writer_input())

    assert late.error is not None
    assert late.error.code == FailureCode.MODEL_TIMEOUT
    assert again.status == "completed"


def test_a_throttle_says_how_long_the_service_wants_to_be_left_alone(bedrock: FakeBedrock, claude: HostedModel) -> None:
    bedrock.script = [BEHAVIOURS["throttle_retry_after"]]

    answer = Writer(claude).run(TENANT, situation().writer_input())

    assert answer.error is not None
    assert answer.error.details is not None
    assert answer.error.details["retryAfterSeconds"] == 7.0


@pytest.mark.parametrize(("name", "code"), ENDS_AT_ONCE.items(), ids=ENDS_AT_ONCE.keys())
def test_the_planner_ends_the_same_way(
    name: str, code: FailureCode, bedrock: FakeBedrock, claude: HostedModel, hurried: HostedModel
) -> None:
    bedrock.script = [BEHAVIOURS[name]]

    answer = Planner(hurried if name in NEVER_IN_TIME else claude).run(TENANT, situation().planner_input())

    assert len(bedrock.requests) == 1
    assert answer.error is not None
    assert answer.error.code == code


@pytest.mark.parametrize("name", [name for name in REPAIRED if name != "too_long"])
def test_a_plan_that_the_model_cannot_give_is_made_from_the_brief_and_marked(
    name: str, bedrock: FakeBedrock, claude: HostedModel
) -> None:
    bedrock.script = [BEHAVIOURS[name]] * 10

    answer = Planner(claude).run(TENANT, situation().planner_input(6))

    assert len(bedrock.requests) == 3
    assert answer.success
    assert [post.number for post in answer.posts] == [1, 2, 3, 4, 5, 6]
    assert all(post.review_reason for post in answer.posts)


def test_an_error_tells_no_words_of_the_prompt_and_no_key(
    bedrock: FakeBedrock, claude: HostedModel, hurried: HostedModel
) -> None:
    for name in ENDS_AT_ONCE:
        bedrock.script = [BEHAVIOURS[name]]

        answer = Writer(hurried if name in NEVER_IN_TIME else claude).run(TENANT, situation().writer_input())

        assert answer.error is not None
        told = str(answer.error.to_wire())
        assert "Huila" not in told
        assert "CANARY" not in told
        assert "canary" not in told
