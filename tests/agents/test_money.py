"""Money: every call is counted, and none is made that could break the budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.agents.failures import FailureCode
from campaigns.agents.planner import Planner
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers.hosted import HostedModel, hosted_model
from campaigns.agents.providers.models import ModelOptions
from campaigns.agents.providers.money import estimate
from campaigns.agents.providers.offline import OfflineModel
from campaigns.agents.providers.text_model import Answer, ModelAnswer
from campaigns.agents.writer import Writer
from campaigns.model.post import ModelUsage
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.fake_bedrock_script import BEHAVIOURS
from tests.agents.inputs import TENANT, situation


class Meter:
    """A model that costs a dollar for a thousand tokens in, ten for a thousand out, and uses as much as it may."""

    name = "meter"

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self.spent = 0.0
        self.calls = 0

    def price(self, input_tokens: int, output_tokens: int) -> float:
        return input_tokens / 1000 + output_tokens / 100

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        tokens_in, tokens_out = len(str(prompt)) // 4, prompt.max_tokens
        cost = self.price(tokens_in, tokens_out)
        self.spent += cost
        self.calls += 1
        usage = ModelUsage(model=self.name, input_tokens=tokens_in, output_tokens=tokens_out, cost_usd=cost)
        return Answer(self._answer, usage)


@given(left=st.floats(0, 200), answer=st.sampled_from(["nonsense", '{"text": "Guaranteed."}', '{"text": "Bags."}']))
def test_no_budget_is_ever_broken_whatever_the_model_answers(left: float, answer: str) -> None:
    meter = Meter(answer)

    written = Writer(meter).run(TENANT, situation().writer_input(budget_left_usd=left))

    assert meter.spent <= left
    assert meter.calls <= 3
    assert written.usage.cost_usd == pytest.approx(meter.spent)
    assert written.usage.calls == meter.calls
    if meter.calls == 0:
        assert written.error is not None
        assert written.error.code == FailureCode.BUDGET_EXCEEDED
        assert not written.error.retryable


def test_a_post_that_the_budget_cannot_repair_keeps_its_words_for_a_review() -> None:
    meter = Meter('{"text": "Guaranteed. Order the first bags. 38 families."}')

    written = Writer(meter).run(TENANT, situation().writer_input(budget_left_usd=30))

    assert meter.calls == 1
    assert written.status == "needs_review"
    assert written.content is not None


def test_a_plan_stops_at_the_budget_too() -> None:
    meter = Meter("nonsense")

    planned = Planner(meter).run(TENANT, situation().planner_input(60, budget_left_usd=250.0))

    assert meter.spent <= 250.0
    assert planned.error is not None
    assert planned.error.code == FailureCode.BUDGET_EXCEEDED
    assert planned.usage.cost_usd == pytest.approx(meter.spent)


def test_a_refused_call_tells_the_price_and_what_is_left() -> None:
    written = Writer(Meter("")).run(TENANT, situation().writer_input(budget_left_usd=0.5))

    assert written.error is not None
    assert written.error.message.endswith("$0.5000 of the budget are left.")
    assert written.error.details is not None
    assert written.error.details["leftUSD"] == 0.5
    assert written.error.details["nextCallUSD"] > 20


def test_with_a_budget_a_model_without_a_known_price_is_not_asked(server: FakeBedrock) -> None:
    unknown = hosted_model(ModelOptions(name="bedrock:acme.unheard-of-v1:0", region="us-east-1", base_url=server.url))

    written = Writer(unknown).run(TENANT, situation().writer_input(budget_left_usd=100.0))

    assert unknown.price(1, 1) is None
    assert written.error is not None
    assert written.error.code == FailureCode.BUDGET_EXCEEDED
    assert "set the model's price" in written.error.message


def test_a_price_in_the_settings_counts_for_gate_and_bill(bedrock: FakeBedrock, claude: HostedModel) -> None:
    options = ModelOptions(
        name="bedrock:acme.unheard-of-v1:0", region="us-east-1", base_url=bedrock.url, price_in=1000.0, price_out=0.0
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "x")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        priced = hosted_model(options)

        written = Writer(priced).run(TENANT, situation().writer_input(budget_left_usd=10.0))

    assert written.usage.cost_usd == pytest.approx(written.usage.input_tokens / 1000)


def test_every_attempt_of_a_repaired_post_is_counted(bedrock: FakeBedrock, claude: HostedModel) -> None:
    bedrock.script = [BEHAVIOURS["prose"], BEHAVIOURS["malformed"]]

    written = Writer(claude).run(TENANT, situation().writer_input())

    assert written.usage.calls == 3
    assert written.usage.input_tokens == sum(
        len(str_of) // 4 for str_of in (json_of(request["body"]) for request in bedrock.requests)
    )


def json_of(value: object) -> str:
    import json

    return json.dumps(value)


def test_an_estimate_is_near_what_a_campaign_then_uses(bedrock: FakeBedrock, claude: HostedModel) -> None:
    slots = situation().slots(30)

    expected = estimate(slots, claude)

    planned = Planner(claude).run(TENANT, situation().planner_input(30))
    used = planned.usage
    for slot in slots:
        used = used.plus(Writer(claude).run(TENANT, situation().writer_input(situation().post(slot))).usage)
    assert expected.cost_usd is not None
    assert used.calls <= expected.calls
    assert 0.5 < expected.cost_usd / used.cost_usd < 2.5


def test_the_offline_writer_is_free() -> None:
    assert estimate(situation().slots(3), OfflineModel()).cost_usd == 0
    assert Writer(OfflineModel()).run(TENANT, situation().writer_input(budget_left_usd=0)).success
