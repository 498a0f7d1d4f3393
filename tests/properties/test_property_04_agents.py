"""Property 4: agents are called with everything, and give back a result or a reason, whatever the model says.

The planner alone, with whatever a model may say; and a stored campaign from its brief to its stored words, by what the
steps call: there is looked at what reached the model, and what became of words that break a rule.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from campaigns.agents.contracts import PlannerInput, WriterInput
from campaigns.agents.failures import REMEDIES, FailureCode, agent_error
from campaigns.agents.fence import unfenced
from campaigns.agents.planner import Planner
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers import models
from campaigns.agents.providers.offline import OfflineModel
from campaigns.agents.providers.text_model import Answer, ModelAnswer
from campaigns.agents.writer import Writer
from campaigns.build.planning import plan
from campaigns.build.submission import Submission, submit
from campaigns.build.writing import write_post
from campaigns.errors import AgentError
from campaigns.model.base import derived_id
from campaigns.model.campaign import Campaign
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.post import ModelUsage, PostContent, Slot
from campaigns.model.vocabulary import PLATFORM_NAMES, Intent
from campaigns.rules.guardrails import check_post
from campaigns.rules.guardrails.policy_of import content_policy
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from tests.samples import sample
from tests.strategies import CREATED, TENANT, Situation, situations

# --- what a model may say -----------------------------------------------------------------------------

Step = str | FailureCode
"""Either the raw text of an answer, or why there is none."""

_SAID = ["bags", "families", "harvest", "roast", "drum", "arrive", "paid", "October", "grew", "lot"]
clean = st.lists(st.sampled_from(_SAID), min_size=3).map(lambda chosen: f"{' '.join(chosen)}.".capitalize())
words = st.one_of(clean, st.text("abc Bags1%@#<{[é漢🙂\u202e\x00\n", max_size=60))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
posts = st.fixed_dictionaries(
    {"text": st.one_of(clean, clean, words)},
    optional={
        "hashtags": st.lists(words, max_size=3),
        "mentions": st.lists(words, max_size=3),
        "link": st.sampled_from(["https://shop.example/harvest", "https://evil.example", "x"]),
        "altText": words,
        "commentAnswers": st.lists(st.fixed_dictionaries({"number": st.integers(0, 3), "answer": words}), max_size=2),
        "status": st.just("approved"),
    },
)
topics = st.fixed_dictionaries(
    {"number": st.integers(-1, 40), "topic": st.one_of(words, st.text("abcdefgh ", min_size=5, max_size=60))},
    optional={
        "intent": st.sampled_from([*get_args(Intent), "spam"]),
        "assetDescription": words,
        "references": st.lists(words, max_size=2),
    },
)
_TOPIC_WORDS = st.lists(st.sampled_from([f"word{chr(97 + n)}" for n in range(20)]), min_size=4, max_size=6, unique=True)


@st.composite
def right_topics(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Topics for the first slots in order, well described; one may say what another said, or change an intent."""
    found = draw(st.lists(_TOPIC_WORDS, min_size=1, max_size=30))
    if len(found) > 1 and draw(st.booleans()):
        found[draw(st.integers(1, len(found) - 1))] = draw(st.permutations(found[0]))
    answers = [
        {"number": number, "topic": " ".join(topic), "assetDescription": "Hands at work"}
        for number, topic in enumerate(found, 1)
    ]
    for answer in answers if draw(st.booleans()) else []:
        answer["intent"] = draw(st.sampled_from(get_args(Intent)))
    return answers


plans = st.one_of(right_topics(), right_topics(), st.lists(topics, max_size=30)).map(lambda found: {"topics": found})


@st.composite
def mutated(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> str:
    """A JSON text, now and then with a cut, an insertion or prose around it."""
    text = json.dumps(draw(values), ensure_ascii=draw(st.booleans()))
    match draw(st.sampled_from(["as it is"] * 12 + ["cut", "insert", "prose", "twice"])):
        case "cut":
            return text[: draw(st.integers(0, len(text)))]
        case "insert":
            at = draw(st.integers(0, len(text)))
            return text[:at] + draw(st.sampled_from(['"', "}", ",", "NaN", "\x00", "\ud800"])) + text[at:]
        case "prose":
            return f"Here it is: {text}"
        case "twice":
            return text + text
        case _:
            return text


refusals = st.sampled_from(["I'm sorry, but I can't help with that.", "I cannot write this.", ""])
failures = st.sampled_from([code for code in FailureCode if code != FailureCode.BUDGET_EXCEEDED])


def scripts(form: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Step]]:
    answers = st.one_of(*[mutated(form)] * 8, mutated(json_values), refusals, failures)
    return st.lists(answers, min_size=1, max_size=4)


class ScriptedModel:
    """Says what the script says, again and again; every question is kept."""

    name = "scripted"

    def __init__(self, script: list[Step]) -> None:
        self._script = script
        self.heard: list[Prompt] = []

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        step = self._script[len(self.heard) % len(self._script)]
        self.heard.append(prompt)
        if isinstance(step, FailureCode):
            raise agent_error(step)
        return Answer(step, ModelUsage(model=self.name, input_tokens=10, output_tokens=10, cost_usd=0.01))

    def price(self, input_tokens: int, output_tokens: int) -> float:
        return 0.01


# What the planner may make of a slot whose intent is free (domain.md section 14), written down a second time.
_ANY = {"educate", "opinion", "invite_discussion", "social_proof"}
INTENTS = {
    "awareness": _ANY,
    "education": _ANY,
    "conversion": _ANY - {"invite_discussion"},
    "event": _ANY,
    "launch": _ANY,
}


def same_topic(one: str, other: str) -> bool:
    """Whether two topics of made-up words say the same: at least 85 of 100 of their words are shared."""
    ours, theirs = set(one.lower().split()), set(other.lower().split())
    made_up = all(word.startswith("word") for word in ours | theirs)
    return made_up and 200 * len(ours & theirs) >= 85 * (len(ours) + len(theirs))


# --- what agents are given ----------------------------------------------------------------------------


def stored(situation: Situation) -> Campaign:
    approvers = {"approvers": [{"name": "Vera Canary", "email": "vera@canary.example"}]}
    wire = situation.brief.to_wire()
    wire["approval"] = {**wire.get("approval", {}), **approvers}
    identity = {"id": derived_id("campaign", 4), "tenantId": TENANT, "createdAt": CREATED, "updatedAt": CREATED}
    return Campaign.model_validate({**wire, **identity})


@st.composite
def planner_inputs(draw: st.DrawFn) -> tuple[Situation, PlannerInput]:
    situation = draw(situations())
    campaign, config = stored(situation), situation.config
    slot = st.builds(
        dict,
        persona_id=st.sampled_from([persona.id for persona in situation.personas]),
        platform=st.sampled_from(campaign.participants.platforms),
        scheduled_at=st.just("2027-03-15T09:00:00Z"),
        pillar=st.sampled_from([None, *(pillar.name for pillar in config.pillars.value)]),
        intent=st.sampled_from(get_args(Intent)),
        required_inclusions=st.sampled_from([[], campaign.messaging.required_inclusions[:1]]),
        needs_cta=st.booleans(),
        visual=st.sampled_from(["none", "optional_image", "image", "video"]),
    )
    slots = [
        Slot.model_validate({**made, "number": number})
        for number, made in enumerate(draw(st.lists(slot, min_size=1, max_size=30)), start=1)
    ]
    return situation, PlannerInput(
        tenant_id=TENANT,
        campaign_id=campaign.id,
        campaign=campaign,
        slots=slots,
        brand_config=situation.brand,
        persona_configs=situation.personas,
        merged_config=config,
    )


def _with_a_strangers_persona(asked: PlannerInput) -> PlannerInput:
    stranger = asked.persona_configs[-1].model_copy(update={"tenant_id": "rival"})
    return asked.model_copy(update={"persona_configs": [*asked.persona_configs[:-1], stranger]})


def require_told_safely(heard: list[Prompt]) -> None:
    """No id, tenant or approver is told; what people typed stands between the marks."""
    for prompt in heard:
        told = str(prompt)
        for secret in ["canary", "Canary", "campaign_0", "persona_0", "tenantId", derived_id("campaign", 4)]:
            assert secret not in told
        assert (prompt.shared + prompt.request).count("<") == 2 * len(unfenced(told))


def require_known_error(error: Any) -> None:
    remedy = REMEDIES[error.code]
    assert error.retryable == remedy.retryable
    assert error.message


# --- a stored campaign --------------------------------------------------------------------------------

BREAKS = {
    # What a writer says against a rule of the brand, or of Ines Carvalho, and never takes back.
    "a phrase of the brand": "These bags are a game changer for the families.",
    "a word of the persona": "An artisanal bag from the cooperative.",
}
NOW = datetime.fromisoformat(CREATED)


@dataclass(frozen=True)
class Build:
    """A campaign of one post for each of its people, with a brand or without, and what its writer says."""

    branded: bool
    people: int
    said: Literal["as told", "a phrase of the brand", "a word of the persona"] = "as told"


builds = st.builds(
    Build,
    branded=st.booleans(),
    people=st.integers(1, 2),
    said=st.sampled_from(["as told", "a phrase of the brand", "a word of the persona"]),
)


class Obstinate:
    """Plans and writes as the offline model does, but for words that it is told to say; every question is kept."""

    name = "obstinate"

    def __init__(self, words: str | None) -> None:
        self._offline, self._words = OfflineModel(), words
        self.heard: list[Prompt] = []

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        self.heard.append(prompt)
        answer = self._offline.answer(prompt, form)
        if prompt.task != "write" or self._words is None:
            return answer
        return Answer(json.dumps({**json.loads(answer.text), "text": self._words}), answer.usage)

    def price(self, input_tokens: int, output_tokens: int) -> float:
        return (input_tokens + output_tokens) / 1_000_000


@cache  # there are a dozen of them
def require_built_with_everything(build: Build) -> None:
    with TemporaryDirectory() as folder:
        _built(Store(SQLiteTable(Path(folder) / "store.db")), build)


def _built(store: Store, build: Build) -> None:
    """Build it from the store to the store: each question names the brand and the right person, and words are held."""
    stamps = {"tenantId": TENANT, "createdAt": CREATED, "updatedAt": CREATED}
    brand = Brand.model_validate({**sample("brand.json"), **stamps})
    people = [Persona.model_validate({**each, **stamps}) for each in sample("personas.json")][: build.people]
    names = {each.id: each.name for each in people}
    store.brands.create(brand)
    for each in people:
        store.personas.create(each)
    brief = {
        "name": "Huila",
        **({"brandId": brand.id} if build.branded else {}),
        "brief": {"description": "The first bags from the cooperative arrive in spring.", "objective": "awareness"},
        "participants": {"personaIds": list(names), "platforms": ["linkedin"]},
        "schedule": {
            "timezone": "UTC", "startDate": "2026-03-02", "endDate": "2026-03-08", "allowedDaysOfWeek": ["mon", "wed"],
        },
        "cadenceOverrides": {"minPostsPerWeek": len(people), "maxPostsPerWeek": len(people), "maxPostsPerDay": 1},
    }  # fmt: skip
    campaign = derived_id("campaign", 44)
    submit(store, brief, Submission(TENANT, campaign, "tests"), now=NOW)
    model = Obstinate(BREAKS.get(build.said))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "model", lambda: model)
        posts = plan(store, TENANT, campaign, now=NOW)
        written = [write_post(store, TENANT, campaign, each.id, revision=0, attempt="1", now=NOW) for each in posts]

    assert sorted(names[post.persona_id] for post in posts) == sorted(names.values())
    by_number = {post.number: post for post in posts}
    told_of = [unfenced(str(prompt)) | {"task": prompt.task} for prompt in model.heard]
    assert {told["task"] for told in told_of} == {"plan", "write"}
    for told in told_of:
        assert (told["shared"].get("brand") or {}).get("name") == (brand.name if build.branded else None)
        if told["task"] == "plan":
            assert [each["name"] for each in told["shared"]["personas"]] == list(names.values())
        else:
            post = by_number[told["request"]["post"]["number"]]
            assert told["shared"]["persona"]["name"] == names[post.persona_id]
            assert told["request"]["post"]["topic"] == post.topic
    assert [store.posts.get(TENANT, campaign, post.id) for post in posts] == written
    for post in written:
        broken = build.said == "a phrase of the brand" and build.branded
        broken |= build.said == "a word of the persona" and names[post.persona_id] == "Ines Carvalho"
        assert post.status == "needs_review" if broken else post.status in {"completed", "needs_review"}
        assert post.content is not None
        assert post.content.text == BREAKS.get(build.said, post.content.text)
    if build == Build(branded=True, people=1):
        assert written[0].status == "completed", "words that break no rule are held"


@pytest.mark.property(4, "an agent is given everything and gives back a checked result or a reason")
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(made=planner_inputs(), script=scripts(plans), build=builds)
def test_the_planner_is_given_everything_and_gives_back_every_slot_or_a_reason(
    made: tuple[Situation, PlannerInput], script: list[Step], build: Build
) -> None:
    """**Feature: campaign-orchestration-durable, Property 4: Agent integration consistency**

    *For any* agent invocation within the durable workflow, the system should call agent run functions
    directly with complete configuration data and receive structured results for workflow continuation.
    **Validates: Requirements 3.1, 3.2, 4.1, 6.2, 6.4**
    """
    require_built_with_everything(build)
    situation, asked = made
    for stranger in (asked.model_copy(update={"tenant_id": "rival"}), _with_a_strangers_persona(asked)):
        never = ScriptedModel(script)
        refused = Planner(never).run(TENANT, stranger)
        assert refused.error is not None
        assert (refused.error.code, never.heard, refused.posts) == ("TENANT_MISMATCH", [], [])
    model = ScriptedModel(script)

    answer = Planner(model).run(TENANT, asked)

    assert len(model.heard) <= 3 * -(-len(asked.slots) // 25)
    assert answer.usage.calls == len(model.heard)
    require_told_safely(model.heard)
    shared = unfenced(str(model.heard[0]))["shared"]
    assert shared["campaign"]["brief"] == asked.campaign.brief.description
    assert [persona["name"] for persona in shared["personas"]] == [persona.name for persona in situation.personas]
    assert ("brand" in shared) == (situation.brand is not None)

    if answer.error is not None:
        require_known_error(answer.error)
        assert any(
            isinstance(step, FailureCode) or step in {"I cannot write this."} or "sorry" in step for step in script
        )
        event(f"failed {answer.error.code}")
        return
    assert [post.number for post in answer.posts] == [slot.number for slot in asked.slots]
    assert answer.plan_summary is not None
    assert answer.plan_summary.total_posts == len(asked.slots)
    for slot, post in zip(asked.slots, answer.posts, strict=True):
        assert post.model_dump(exclude={"intent"}, include=set(Slot.model_fields)) == slot.model_dump(
            exclude={"intent"}
        )
        free = slot.intent not in {"announce", "reminder"}  # the calendar alone places these
        assert post.intent == slot.intent or (free and post.intent in INTENTS[asked.campaign.brief.objective])
        assert post.asset_requirements.image_required == (slot.visual == "image")
        assert post.asset_requirements.video_required == (slot.visual == "video")
        assert post.as_post(TENANT, asked.campaign_id, at=asked.campaign.created_at).topic == post.topic
    said = [post.topic for post in answer.posts if post.review_reason is None]
    assert not any(same_topic(one, other) for index, one in enumerate(said) for other in said[:index])
    event("planned by the model" if said else "planned from the brief")


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(made=planner_inputs(), script=scripts(posts), siblings=st.lists(words, max_size=2))
def test_the_writer_is_given_everything_and_gives_back_checked_words_or_a_reason(
    made: tuple[Situation, PlannerInput], script: list[Step], siblings: list[str]
) -> None:
    """Property 4 for the writer: stored means schema-valid and checked; the calls are within their bound."""
    situation, plan = made
    planned = Planner(ScriptedModel([""])).run(TENANT, plan.model_copy(update={"slots": plan.slots[:1]}))
    assume(planned.success)
    post = planned.posts[0].as_post(TENANT, plan.campaign_id, at=plan.campaign.created_at)
    post = post.model_copy(update={"quality": None})
    persona = next(person for person in situation.personas if person.id == post.persona_id)
    policy = content_policy(post, situation.config, plan.campaign, situation.brand, persona)
    asked = WriterInput(
        tenant_id=TENANT,
        campaign_id=plan.campaign_id,
        post_id=post.id,
        campaign_name=plan.campaign.name,
        brief=plan.campaign.brief,
        post=post,
        persona_config=persona,
        brand_config=situation.brand,
        policy=policy,
        cta=policy.cta if post.needs_cta else None,
        sibling_texts=siblings,
    )
    model = ScriptedModel(script)

    answer = Writer(model).run(TENANT, asked)

    assert 1 <= len(model.heard) <= 3
    assert answer.usage.calls == len(model.heard)
    require_told_safely(model.heard)
    told = unfenced(str(model.heard[0]))
    assert told["request"]["post"]["topic"] == post.topic
    assert told["shared"]["persona"]["name"] == persona.name
    assert told["shared"]["rules"]["platform"] == PLATFORM_NAMES[post.platform]
    assert told["shared"]["rules"].get("topicsNeverTouched", []) == policy.avoid_topics

    if answer.error is not None:
        require_known_error(answer.error)
        assert answer.content is None
        permanent = [step for step in script[: len(model.heard)] if isinstance(step, FailureCode)]
        if answer.error.code not in {FailureCode.INVALID_OUTPUT, FailureCode.REFUSED}:
            assert answer.error.code in permanent
        event(f"failed {answer.error.code}")
        return
    assert answer.content is not None
    assert answer.quality is not None
    assert PostContent.model_validate(answer.content.to_wire()) == answer.content
    assert answer.quality == check_post(answer.content, post=post, policy=policy, siblings=siblings)
    assert answer.status == ("needs_review" if answer.quality.blocked else "completed")
    if answer.quality.blocked:
        stopped = any(isinstance(step, FailureCode) for step in script)
        assert len(model.heard) == 3 or stopped or any("orry" in step or "cannot" in step for step in script)
    event(f"{answer.status} after {len(model.heard)}")


@given(code=failures)
def test_a_failure_keeps_its_code_on_the_way_to_the_task(code: FailureCode) -> None:
    error = agent_error(code)

    assert isinstance(error, AgentError)
    assert (error.reason, error.retryable) == (code, REMEDIES[code].retryable)
