"""The campaign planner: a topic for each slot of the calendar.

Code owns the calendar (domain.md section 14): the model answers numbers of slots with words. What it
leaves out or gets wrong three times is filled with a topic that needs no model, and marked.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from campaigns.agents.contracts import PlannedTopic, PlannerInput, PlannerOutput
from campaigns.agents.failures import FailureCode, agent_error, failure_of
from campaigns.agents.given import told
from campaigns.agents.guarded import guarded
from campaigns.agents.prompts import Prompt, plan_prompt
from campaigns.agents.providers import models
from campaigns.agents.providers.asking import ask
from campaigns.agents.providers.money import SLOTS_PER_PLAN_CALL
from campaigns.agents.providers.text_model import Metered, ModelAnswer, TextModel
from campaigns.agents.topics import NOTHING_SAID, avoids, own_topic, repeats, topics_for, visual_note
from campaigns.model.base import Clean, Maybe, derived_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.campaign import PlanSummary
from campaigns.model.post import AssetRequirements, Reference, Slot
from campaigns.model.terms.given import Given
from campaigns.model.vocabulary import Intent, Objective
from campaigns.rules.text.web.tracking import campaign_label, tracked

INTENTS_ALLOWED: Final[Mapping[Objective, tuple[Intent, ...]]] = {
    "awareness": ("educate", "opinion", "invite_discussion", "social_proof"),
    "education": ("educate", "opinion", "invite_discussion", "social_proof"),
    "conversion": ("educate", "opinion", "social_proof"),
    "event": ("educate", "opinion", "invite_discussion", "social_proof"),
    "launch": ("educate", "opinion", "invite_discussion", "social_proof"),
}
"""What the model may make of a slot whose intent is free; the calendar deals out the same ones."""

_FIXED_INTENTS: Final = frozenset({"announce", "reminder"})
"""The calendar alone places these, where the objective needs them (domain.md section 14, rule 8)."""


MIN_DESCRIPTION: Final = 10


class TopicAnswer(ModelAnswer):
    """What the model says of one slot."""

    number: int
    topic: Annotated[str, StringConstraints(min_length=1, max_length=500), Clean]
    intent: Maybe[Intent] = None
    asset_description: Maybe[Annotated[str, StringConstraints(max_length=500), Clean]] = None
    references: Annotated[list[Annotated[str, StringConstraints(max_length=500), Clean]], Field(max_length=10)] = []


class PlanAnswer(ModelAnswer):
    """The topics, one for each slot asked for."""

    topics: Annotated[list[TopicAnswer], Field(max_length=400)]


class Planner:
    """Finds topics with one model; keeps nothing between calls."""

    def __init__(self, model: TextModel) -> None:
        self._model = model

    def run(self, tenant_id: str, given: PlannerInput | Mapping[str, Any]) -> PlannerOutput:
        """Return a topic for every slot, in the order of the slots, or why there is no plan."""
        return guarded(self._plan, self._model, tenant_id, given, takes=PlannerInput, gives=PlannerOutput)

    def _plan(self, given: PlannerInput, model: Metered) -> PlannerOutput:
        _require_complete(given)
        plan = _Plan(given)
        until = None if given.seconds_left is None else time.monotonic() + given.seconds_left
        for batch in _batches(given.slots):
            left = given.budget_left_usd
            asked = ask(
                model,
                plan.question(batch),
                PlanAnswer,
                partial(plan.faults, batch),
                budget_left_usd=None if left is None else max(0.0, left - model.usage.cost_usd),
                seconds_left=None if until is None else max(0.0, until - time.monotonic()),
            )
            if asked.error is not None and asked.error.reason != FailureCode.INVALID_OUTPUT:
                return PlannerOutput(success=False, error=failure_of(asked.error))
            if asked.value is not None:
                plan.take(batch, asked.value)
        posts = plan.posts()
        return PlannerOutput(success=True, plan_summary=_summary(posts), posts=posts)


class _Plan:
    """The topics found so far, and what the next ones must differ from."""

    def __init__(self, given: PlannerInput) -> None:
        self._given = given
        self._found: dict[int, TopicAnswer] = {}
        self._avoided = _avoided_topics(given)
        self._intents = INTENTS_ALLOWED[given.campaign.brief.objective]

    def question(self, batch: Sequence[Slot]) -> Prompt:
        return plan_prompt(
            self._given,
            batch,
            taken=self._taken(),
            avoid_topics=self._avoided,
            intents_allowed=self._intents,
            fixed=frozenset(slot.number for slot in batch if slot.intent in _FIXED_INTENTS),
        )

    def faults(self, batch: Sequence[Slot], answer: PlanAnswer) -> list[str]:
        """Return what is wrong with the answer, in words for the model."""
        return self._sorted_out(batch, answer)[1]

    def take(self, batch: Sequence[Slot], answer: PlanAnswer) -> None:
        """Keep the topics that hold."""
        self._found |= self._sorted_out(batch, answer)[0]

    def _taken(self) -> list[str]:
        return [*self._given.already_used_topics, *(found.topic for found in self._found.values())]

    def _sorted_out(self, batch: Sequence[Slot], answer: PlanAnswer) -> tuple[dict[int, TopicAnswer], list[str]]:
        slots = {slot.number: slot for slot in batch}
        sound: dict[int, TopicAnswer] = {}
        faults = []
        taken = self._taken()
        for topic in answer.topics:
            slot = slots.get(topic.number)
            if slot is None:
                faults.append(f"There is no slot {topic.number}.")
            elif topic.number in sound:
                faults.append(f"Slot {topic.number} was answered twice.")
            elif wrong := self._wrong(topic, slot, taken):
                faults.append(f"Slot {topic.number}: {wrong}")
            else:
                sound[topic.number] = topic
                taken.append(topic.topic)
        named = {topic.number for topic in answer.topics}
        faults += [f"Slot {number} has no topic." for number in slots if number not in named]
        return sound, faults

    def _wrong(self, answer: TopicAnswer, slot: Slot, taken: Sequence[str]) -> str:
        if answer.topic == NOTHING_SAID:
            return "the topic says nothing of the brief."
        if not avoids(answer.topic, topics=self._avoided):
            return "the topic touches one that must be avoided."
        if repeats(answer.topic, taken):
            return "the topic says nearly the same as another one."
        intent = answer.intent or slot.intent
        if intent != slot.intent and (slot.intent in _FIXED_INTENTS or intent not in self._intents):
            return f"the intent must stay {slot.intent}."
        if slot.visual in {"image", "video"} and len(answer.asset_description or "") < MIN_DESCRIPTION:
            return f"the {slot.visual} needs a description of at least {MIN_DESCRIPTION} characters."
        return ""

    def posts(self) -> list[PlannedTopic]:
        """Return every slot with its topic; those the model left empty are filled, and marked."""
        given, slots = self._given, self._given.slots
        empty = [slot for slot in slots if slot.number not in self._found]
        filled = topics_for(len(empty), given.campaign.brief.description, taken=self._taken(), avoided=self._avoided)
        spare = {
            slot.number: own_topic(told(slot.given, slot.platform), topic)
            for slot, topic in zip(empty, filled, strict=True)
        }
        said, used_up = self._taken(), set[int]()
        for number, topic in spare.items():
            if topic == NOTHING_SAID or repeats(topic, said):
                used_up.add(number)
            said.append(topic)
        return [
            self._planned(slot, spare.get(slot.number), _USED_UP if slot.number in used_up else _NO_TOPIC)
            for slot in slots
        ]

    def _planned(self, slot: Slot, spare: str | None, reason: str) -> PlannedTopic:
        given, found = self._given, self._found.get(slot.number)
        topic = found.topic if found else spare or NOTHING_SAID
        key = given.plan_key or given.campaign.plan_version
        post_id = derived_id("post", given.tenant_id, given.campaign_id, key, slot.number)
        return PlannedTopic.model_validate(
            {
                **slot.model_dump(),
                "post_id": post_id,
                "given": _with_own_link(slot, given.campaign, post_id),
                "topic": topic,
                "intent": (found.intent if found else None) or slot.intent,
                "asset_requirements": _assets(slot, (found.asset_description if found else None) or "", topic),
                "references": [*_picture(slot), *self._references(found)][:10],
                "review_reason": None if found else reason,
            }
        )

    def _references(self, found: TopicAnswer | None) -> list[Reference]:
        """Return the references that people gave; an address the model made up is dropped."""
        campaign = self._given.campaign
        cta = campaign.brief.primary_cta
        given = "\n".join(
            [campaign.brief.description, *campaign.messaging.required_inclusions, (cta.url if cta else None) or ""]
        )
        named = found.references if found else []
        known = [value for value in dict.fromkeys(named) if re.search(rf"(?<!\S){re.escape(value)}(?!\S)", given)]
        return [Reference(type="url", value=value) for value in known if value.startswith(("http://", "https://"))]


def _with_own_link(slot: Slot, brief: CampaignBrief, post_id: str) -> Given | None:
    """Return what the slot was given, its link told apart by post."""
    given, wanted = slot.given, brief.tracked_link
    if given is None or given.link is None or wanted is None:
        return given
    name = wanted.campaign or campaign_label(brief.name)
    link = tracked(given.link, platform=slot.platform, campaign=name, post_id=post_id)
    return given.model_copy(update={"link": link})


def _picture(slot: Slot) -> list[Reference]:
    item = slot.given.item if slot.given else None
    return [Reference(type="assetId", value=item.asset_id)] if item and item.asset_id else []


_NO_TOPIC: Final = "The model gave no usable topic; this one was made from the brief."
_USED_UP: Final = (
    "Every fact of the brief has its post; this one repeats one. Tell more in the brief, or plan fewer posts."
)


def _batches(slots: Sequence[Slot]) -> Iterator[Sequence[Slot]]:
    for start in range(0, len(slots), SLOTS_PER_PLAN_CALL):
        yield slots[start : start + SLOTS_PER_PLAN_CALL]


def _require_complete(given: PlannerInput) -> None:
    if given.campaign.id != given.campaign_id:
        raise agent_error(FailureCode.INVALID_INPUT, "The campaign is not the one that is named.")
    if given.campaign.brand_id is not None and (
        given.brand_config is None or given.brand_config.id != given.campaign.brand_id
    ):
        raise agent_error(FailureCode.BRAND_NOT_FOUND, brandId=given.campaign.brand_id)
    known = {persona.id for persona in given.persona_configs}
    if missing := sorted({slot.persona_id for slot in given.slots} - known):
        raise agent_error(FailureCode.PERSONA_NOT_FOUND, personaIds=missing)
    numbers = [slot.number for slot in given.slots]
    if len(set(numbers)) != len(numbers):
        raise agent_error(FailureCode.INVALID_INPUT, "Two slots have the same number.")


def _avoided_topics(given: PlannerInput) -> list[str]:
    """Return the union of what campaign, brand and personas avoid: nothing can remove one (domain.md section 13)."""
    merged = given.merged_config
    avoided = [topic.value for topic in merged.avoid_topics]
    avoided += [topic for persona in merged.personas for topic in persona.avoid_topics]
    return list(dict.fromkeys(avoided))


def _assets(slot: Slot, description: str, topic: str) -> AssetRequirements:
    if slot.visual == "none":
        return AssetRequirements()
    described = description if len(description) >= MIN_DESCRIPTION else visual_note(slot.visual, topic)
    if slot.visual == "video":
        return AssetRequirements(video_required=True, video_description=described)
    return AssetRequirements(image_required=slot.visual == "image", image_description=described)


def _summary(posts: Sequence[PlannedTopic]) -> PlanSummary:
    marked = sum(post.review_reason is not None for post in posts)
    return PlanSummary(
        total_posts=len(posts),
        posts_per_platform=Counter(post.platform for post in posts),
        posts_per_persona=Counter(post.persona_id for post in posts),
        posts_per_pillar=Counter(post.pillar for post in posts if post.pillar),
        warnings=[f"{marked} of {len(posts)} topics were made without the model; have a look."] if marked else [],
    )


def run(tenant_id: str, given: PlannerInput | Mapping[str, Any]) -> PlannerOutput:
    """Plan with the model of this process."""
    return Planner(models.model()).run(tenant_id, given)
