"""The judge: a second call that scores what no rule can, the voice, the quality and the claims of a post.

Its verdict is a finding like every other (domain.md section 15). It changes no word, and nothing that it says lets a
post pass that a check has stopped. What it could not judge is left to a person.
"""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from campaigns.agents.contracts import WriterInput
from campaigns.agents.prompts import judge_prompt
from campaigns.agents.providers.asking import ask
from campaigns.agents.providers.text_model import ModelAnswer, TextModel
from campaigns.model.base import Clean, excerpt
from campaigns.model.post import Check, PostContent, Quality

ENOUGH: Final = 0.5
"""Below this a post does not sound like the persona, or is not worth sending."""

_Share = Annotated[float, Field(ge=0, le=1)]
_Words = Annotated[str, StringConstraints(min_length=1, max_length=500), Clean]


class Objection(ModelAnswer):
    """A claim that nothing in the data bears out, in the words of the post."""

    quote: _Words
    reason: _Words


class JudgeAnswer(ModelAnswer):
    """What the judge says of a post."""

    voice: _Share
    voice_reason: _Words
    quality: _Share
    quality_reason: _Words
    claims: Annotated[list[Objection], Field(max_length=10)] = []


def judged(
    model: TextModel,
    given: WriterInput,
    content: PostContent,
    quality: Quality,
    *,
    spent_usd: float,
    seconds_left: float | None,
) -> Quality:
    """Return the findings with those of the judge.

    Args:
        spent_usd: of the post's budget, by writing it.
        seconds_left: of the post's time, after writing it.
    """
    left = None if given.budget_left_usd is None else max(0.0, given.budget_left_usd - spent_usd)
    asked = ask(
        model, judge_prompt(given, content), JudgeAnswer, lambda _: [], budget_left_usd=left, seconds_left=seconds_left
    )
    said = list(_findings(asked.value, content)) if asked.value else [_UNJUDGED]
    score = min(quality.score, (asked.value.voice + asked.value.quality) / 2) if asked.value else quality.score
    return quality.model_copy(update={"score": round(score, 2), "checks": [*quality.checks, *said]})


_UNJUDGED: Final = Check(
    code="CLAIM", severity="warn", message="The judge gave no verdict on claims; a person has to look."
)


def _findings(verdict: JudgeAnswer, content: PostContent) -> list[Check]:
    found = []
    for claim in verdict.claims:
        start = content.text.find(claim.quote)
        span = (start, start + len(claim.quote)) if start >= 0 else None
        message = f"“{excerpt(claim.quote, at_most=80)}”: {claim.reason}"
        found.append(Check(code="CLAIM", severity="warn", message=message, span=span))
    if verdict.voice < ENOUGH:
        found.append(Check(code="VOICE", severity="warn", message=f"{verdict.voice:.1f} of 1: {verdict.voice_reason}"))
    if verdict.quality < ENOUGH:
        message = f"{verdict.quality:.1f} of 1: {verdict.quality_reason}"
        found.append(Check(code="QUALITY", severity="warn", message=message))
    return found
