"""The writer: the words of one post, checked by every guardrail before anybody sees them."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from campaigns.agents.contracts import TOPIC_FALLBACK, WriterInput, WriterOutput
from campaigns.agents.failures import FailureCode, agent_error, failure_of
from campaigns.agents.guarded import guarded
from campaigns.agents.judge import judged
from campaigns.agents.prompts import Prompt, write_prompt
from campaigns.agents.providers import models
from campaigns.agents.providers.asking import ask, is_refusal
from campaigns.agents.providers.text_model import Metered, ModelAnswer, TextModel
from campaigns.model.base import Clean
from campaigns.model.post import OFFLINE, CommentAnswer, PostContent, PostWords, Quality
from campaigns.model.vocabulary import PostStatus
from campaigns.rules.guardrails import check_post
from campaigns.rules.text.given import characters_given, with_given
from campaigns.rules.text.limits.platforms import most_hashtags, text_limit


class NumberedAnswer(ModelAnswer):
    """What the model changed for one comment."""

    number: int
    answer: Annotated[str, StringConstraints(min_length=1, max_length=1000), Clean]


class PostAnswer(PostWords, ModelAnswer):
    """What the model says of the post."""

    comment_answers: Annotated[list[NumberedAnswer], Field(max_length=200)] = []


Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Writer:
    """Writes posts with one model; keeps nothing between calls."""

    def __init__(self, model: TextModel, *, clock: Clock = utc_now) -> None:
        self._model = model
        self._clock = clock

    def run(self, tenant_id: str, given: WriterInput | Mapping[str, Any]) -> WriterOutput:
        """Return the words of the post, or why there are none."""
        return guarded(self._write, self._model, tenant_id, given, takes=WriterInput, gives=WriterOutput)

    def _write(self, given: WriterInput, model: Metered) -> WriterOutput:
        _require_complete(given)
        begun = time.monotonic()
        checked = _Checked(given, self._clock)
        asked = ask(
            model,
            _question(given),
            PostAnswer,
            checked.faults,
            budget_left_usd=given.budget_left_usd,
            seconds_left=given.seconds_left,
        )
        if asked.error is not None or asked.value is None:
            error = asked.error or agent_error(FailureCode.INVALID_OUTPUT)
            return WriterOutput(success=False, error=failure_of(error))
        answer = asked.value
        if is_refusal(answer.text):  # in the form that was asked for, but an excuse all the same
            return WriterOutput(success=False, error=failure_of(agent_error(FailureCode.REFUSED)))
        content, quality = checked.of(answer)
        if given.judged and model.name != OFFLINE:
            left = None if given.seconds_left is None else max(0.0, given.seconds_left - (time.monotonic() - begun))
            quality = judged(model, given, content, quality, spent_usd=model.usage.cost_usd, seconds_left=left)
        doubtful = quality.blocked or any(check.code == TOPIC_FALLBACK for check in quality.checks)
        doubtful = doubtful or model.name == OFFLINE  # a draft is looked at, whatever it says
        return WriterOutput(
            success=True,
            content=content,
            status=PostStatus.NEEDS_REVIEW if doubtful else PostStatus.COMPLETED,
            quality=quality,
            comment_answers=_comment_answers(given, answer),
        )


class _Checked:
    """The answers of one asking as they would be stored, each checked once."""

    def __init__(self, given: WriterInput, clock: Clock) -> None:
        self._given, self._clock = given, clock
        self._seen: list[tuple[PostAnswer, PostContent, Quality]] = []

    def of(self, answer: PostAnswer) -> tuple[PostContent, Quality]:
        for seen, content, quality in self._seen:
            if seen is answer:
                return content, quality
        post = self._given.post
        written = PostContent(
            text=answer.text,
            hashtags=_without_sign("#", answer.hashtags),
            mentions=_without_sign("@", answer.mentions),
            link=answer.link,
            alt_text=answer.alt_text,
            generated_at=self._clock(),
        )
        content = with_given(written, post.given, post.platform, most_hashtags=_most_hashtags(self._given))
        self._seen.append((answer, content, _quality(self._given, content)))
        return self.of(answer)

    def faults(self, answer: PostAnswer) -> list[str]:
        _, quality = self.of(answer)
        return [f"{check.code}: {check.message}" for check in quality.checks if check.severity == "block"]


def _without_sign(sign: str, names: list[str]) -> list[str]:
    """Return the names as they are stored; a sign alone names nothing."""
    return [name for each in names if (name := each.removeprefix(sign).strip())]


def _quality(given: WriterInput, content: PostContent) -> Quality:
    """Return what the guardrails find, and what the planner left to be looked at, until somebody has."""
    found = check_post(content, post=given.post, policy=given.policy, siblings=given.sibling_texts)
    planned = given.post.quality.checks if given.post.quality and given.revision is None else []
    left = [check for check in planned if check.code == TOPIC_FALLBACK]
    return found.model_copy(update={"checks": [*found.checks, *left]})


def _question(given: WriterInput) -> Prompt:
    policy, carried = given.policy, given.post.given
    hashtags = _most_hashtags(given) - (len(carried.hashtags) if carried else 0)
    limit = text_limit(policy.platform)
    return write_prompt(
        given,
        character_limit=limit,
        max_hashtags=max(0, hashtags),
        characters_taken=characters_given(carried, policy.platform),
    )


def _most_hashtags(given: WriterInput) -> int:
    return most_hashtags(given.policy.platform, given.policy.hashtag_policy)


def _comment_answers(given: WriterInput, answer: PostAnswer) -> list[CommentAnswer]:
    """Return one answer for each comment, also where the model forgot one."""
    if given.revision is None:
        return []
    said = {entry.number: entry.answer for entry in answer.comment_answers}
    silent = "The writer did not say what it changed for this comment."
    return [
        CommentAnswer(comment=comment, answer=said.get(number, silent))
        for number, comment in enumerate(given.revision.comments(), start=1)
    ]


def _require_complete(given: WriterInput) -> None:
    post = given.post
    if post.id != given.post_id or post.campaign_id != given.campaign_id:
        raise agent_error(FailureCode.INVALID_INPUT, "The post is not the one that is named.")
    if post.persona_id != given.persona_config.id:
        raise agent_error(FailureCode.PERSONA_NOT_FOUND, personaId=post.persona_id)
    if post.platform != given.policy.platform:
        raise agent_error(FailureCode.INVALID_INPUT, "The policy is for another platform.")


def run(tenant_id: str, given: WriterInput | Mapping[str, Any]) -> WriterOutput:
    """Write with the model of this process."""
    return Writer(models.model()).run(tenant_id, given)
