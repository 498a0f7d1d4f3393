"""The guardrails: every check that a post's words have to pass, without any model (domain.md section 15).

    quality = check_post(content, post=post, policy=policy, siblings=texts_on_the_same_platform)

A check blocks or warns, in words for marketing people, and marks the place in the text. A block keeps
a post out of "approve all"; a block of legal kind keeps it from being approved at all until its words
are edited.

Belongs here: a check, and the policy that it follows. Does not: what can be said of any text (`campaigns.rules.text`),
and whether a post needs a person (`campaigns.rules.approval`).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from campaigns.model.post import Check, Post, PostContent, Quality, Slot
from campaigns.rules.guardrails import claims, given, leftovers, manners, platform_fit, wording
from campaigns.rules.guardrails.content_policy import ContentPolicy
from campaigns.rules.guardrails.reading import Reading
from campaigns.rules.text.language import guess_language

__all__ = ["LEGAL_CODES", "check_post", "guess_language", "legal_blocks", "legal_findings"]

LEGAL_CODES: Final = frozenset({
    "GUARANTEE", "UNSOURCED_NUMBER", "COMPETITOR", "HEALTH", "CLAIM", "SUPERLATIVE", "SCARCITY", "DISCLOSURE", "PII",
})  # fmt: skip
"""What the law asks about: a block of these cannot be approved without an edit, and no policy approves a post with
any finding of these, a warning included."""

_CHECKS: Final[tuple[Callable[[Reading], Iterator[Check]], ...]] = (
    platform_fit.empty,
    platform_fit.too_long,
    platform_fit.media,
    platform_fit.platform_limits,
    wording.avoided_words,
    wording.avoided_topics,
    claims.guarantee,
    claims.unsourced_number,
    claims.competitor,
    claims.health,
    claims.superlative,
    claims.unproven,
    claims.scarcity,
    claims.disclosure,
    platform_fit.link_policy,
    platform_fit.link_known,
    platform_fit.emoji_policy,
    platform_fit.hashtag_policy,
    wording.inclusions,
    wording.call_to_action,
    given.hashtags,
    given.disclosures,
    given.link,
    given.out_of_time,
    platform_fit.unknown_mention,
    leftovers.placeholder,
    leftovers.markdown,
    leftovers.ai_tell,
    leftovers.injection,
    wording.duplicate,
    leftovers.private_data,
    leftovers.language,
    manners.profanity,
    manners.clickbait,
    manners.shouting,
    manners.unicode_fonts,
    manners.alt_text,
)

_MOST_FINDINGS: Final = 20
"""Of one check; whoever fixes these finds the rest in the next turn."""


def check_post(
    content: PostContent, *, post: Slot | Post, policy: ContentPolicy, siblings: Sequence[str] = ()
) -> Quality:
    """Return every finding on the words of a post, in a fixed order, and their score.

    Args:
        content: the words.
        post: what the post was given: inclusions, call to action, references, visual, time.
        policy: the merged rules for its persona and platform.
        siblings: texts of the other posts on the same platform.
    """
    reading = Reading(content=content, post=post, policy=policy, siblings=tuple(siblings))
    checks = list(dict.fromkeys(found for check in _CHECKS for found in islice(check(reading), _MOST_FINDINGS)))
    return Quality(score=_score(content.text, checks), checks=checks)


def legal_blocks(quality: Quality | None) -> list[Check]:
    """Return the blocks that nobody can wave through; an edit of the words is needed."""
    checks = quality.checks if quality else []
    return [check for check in checks if check.severity == "block" and check.code in LEGAL_CODES]


def legal_findings(quality: Quality | None) -> list[Check]:
    """Return what keeps a post from being approved by a policy: any finding of a legal kind."""
    return [check for check in (quality.checks if quality else []) if check.code in LEGAL_CODES]


_BLOCK, _UNSENT, _WARN, _STYLE = 0.4, 0.35, 0.1, 0.05
"""One block puts a post below the usual threshold of 0.7, and so does a warning about what nobody would send."""

_ADVICE: Final = frozenset({"LINK_POLICY", "COMPETITOR", "ALT_TEXT_MISSING"})
"""Warnings about what may well be sent."""
_PARAGRAPH: Final = 600


def _score(text: str, checks: list[Check]) -> float:
    """Return 1 less 0.4 for each code that blocks, 0.35 or 0.1 for each that warns, 0.05 for a flaw of style."""
    blocking = {check.code for check in checks if check.severity == "block"}
    warning = {check.code for check in checks} - blocking
    off = _BLOCK * len(blocking) + sum(_WARN if code in _ADVICE else _UNSENT for code in warning)
    flaws = any(len(paragraph) > _PARAGRAPH for paragraph in text.split("\n"))
    return max(0.0, round(1 - off - _STYLE * flaws, 2))
