"""What the page says of one post."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from api.review.views.marking import Mark, diff_markup, fold_at, post_markup
from campaigns.model.approval import MAX_PASSAGE, PostDraft
from campaigns.model.base import cut, first_letter
from campaigns.model.library.persona import Persona
from campaigns.model.post import AssetRequirements, Post, PostContent, Quality
from campaigns.model.vocabulary import PLATFORM_NAMES, PLATFORMS, Platform
from campaigns.rules.approval.passages import points_into, sentences_of
from campaigns.rules.guardrails import guess_language, legal_blocks
from campaigns.rules.text.limits.platforms import measured, platform_rules, rendered_text
from campaigns.texts import Words, zone_name

REASONS: Final = ("tone", "facts", "length", "timing", "legal")


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that found something, in words; `quote` is the place in the text."""

    number: int
    severity: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Asset:
    """A picture or a film that the post needs, as a label and a description."""

    kind: str
    label: str
    description: str


@dataclass(frozen=True, slots=True)
class Past:
    """The words that were there before, and why they are shown."""

    content: PostContent
    why: str


@dataclass(frozen=True, slots=True)
class Said:
    """A comment of the last round and what the writer made of it."""

    who: str
    comment: str
    answer: str | None
    passage: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One post on the page."""

    number: int
    platform: str
    platform_name: str
    place: int
    media_first: bool
    heading: str
    who: str
    role: str
    initials: str
    speaker: int
    tint: int
    iso: str
    day: str
    clock: str
    elsewhere: str
    text: Markup
    language: str | None
    fold_note: str | None
    dead_link: str | None
    count: str
    percent: int
    over: bool
    assets: list[Asset]
    alt_text: str | None
    pillar: str | None
    sources: list[str]
    findings: list[Finding]
    blocked: bool
    legal: bool
    locked: str | None
    past_due: bool
    badge: str | None
    changes: Markup | None
    old: str | None
    said: list[Said]
    source: str
    choice: str | None
    reasons: list[str]
    comment: str
    sentences: list[str]
    passage: str | None
    own: str | None
    revision: int
    fault: str | None


@dataclass(frozen=True, slots=True)
class Setting:
    """What all cards of a page share."""

    words: Words
    zone: ZoneInfo
    reader: ZoneInfo
    personas: Mapping[str, Persona]
    persona_order: Sequence[str]
    now: datetime


def card(
    post: Post,
    setting: Setting,
    *,
    choice: PostDraft,
    past: Past | None = None,
    said: Sequence[Said] = (),
    locked: str | None = None,
    badge: str | None = None,
    own: str | None = None,
    fault: str | None = None,
) -> Card:
    """Return what the page says of a post that has words; `own` is its text for an approver to change."""
    assert post.content is not None
    words, name = setting.words, PLATFORM_NAMES[post.platform]
    shown = rendered_text(post.platform, post.content)
    found, rules = measured(post.platform, shown), platform_rules(post.platform)
    persona = setting.personas.get(post.persona_id)
    who = persona.name if persona else name
    findings, marks = findings_of(post.quality, words)
    count, over = length_of(post.platform, shown, words)
    speaker = list(setting.persona_order).index(post.persona_id) if post.persona_id in setting.persona_order else 0
    before = rendered_text(post.platform, past.content) if past else None
    return Card(
        number=post.number,
        platform=post.platform,
        platform_name=name,
        place=PLATFORMS.index(post.platform),
        media_first=rules.preview.media_first,
        heading=words("post.heading", number=str(post.number), platform=name),
        who=who,
        role=f"{persona.role}, {persona.company}" if persona else "",
        initials="".join(first_letter(part) for part in who.split()[:2]).upper(),
        speaker=speaker,
        tint=speaker % 5,
        iso=post.scheduled_at.isoformat(),
        day=words.short_day(post.scheduled_at.astimezone(setting.zone).date()),
        clock=f"{words.clock(post.scheduled_at, setting.zone)} {zone_name(post.scheduled_at, setting.zone)}",
        elsewhere=words.elsewhere(post.scheduled_at, setting.zone, setting.reader),
        text=post_markup(post.platform, shown, marks, words),
        language=guess_language(shown),
        fold_note=words("post.fold", platform=name) if fold_at(post.platform, shown) else None,
        dead_link=_dead_link(post, words),
        count=count,
        percent=min(100, -(-100 * found.length // found.limit)),
        over=over,
        assets=_assets(post.asset_requirements, words),
        alt_text=post.content.alt_text,
        pillar=post.pillar,
        sources=[reference.value if reference.type == "url" else words("post.asset") for reference in post.references],
        findings=findings,
        blocked=post.quality is not None and post.quality.blocked,
        legal=bool(legal_blocks(post.quality)),
        locked=locked,
        past_due=post.scheduled_at <= setting.now,
        badge=badge,
        changes=diff_markup(before, shown, words) if before is not None and before != shown else None,
        old=before,
        said=list(said),
        source=words("post.edited_by", name=post.edited_by) if post.edited_by else words("post.ai"),
        choice=choice.decision,
        reasons=list(choice.reasons),
        comment=choice.comment,
        sentences=_sentences(post, choice),
        passage=choice.passage,
        own=own,
        revision=post.revision,
        fault=fault,
    )


def _sentences(post: Post, choice: PostDraft) -> list[str]:
    """Return what a comment may point at: each sentence, and what was selected where that is none."""
    known = [cut(each, at_most=MAX_PASSAGE).rstrip() for each in sentences_of(post)]
    if choice.passage and choice.passage not in known and points_into(post, choice.passage):
        known.append(choice.passage)
    return known


def length_of(platform: Platform, shown: str, words: Words) -> tuple[str, bool]:
    """Return how long a text is as its platform counts, in words, and whether that is too long."""
    found = measured(platform, shown)
    key = "post.over" if found.over > 0 else "post.count"
    return words(key, length=found.length, limit=found.limit, platform=PLATFORM_NAMES[platform]), found.over > 0


def findings_of(quality: Quality | None, words: Words) -> tuple[list[Finding], list[Mark]]:
    """Return the findings of the checks in words, and the places in the text."""
    findings, marks = [], []
    for number, check in enumerate(quality.checks if quality else [], start=1):
        title = words(f"check.{check.code}") if words.has(f"check.{check.code}") else check.code
        findings.append(Finding(number, check.severity, title, check.message))
        if check.span and check.span[0] < check.span[1]:
            marks.append(Mark(check.span[0], check.span[1], number, check.severity))
    return findings, marks


def _assets(needed: AssetRequirements, words: Words) -> list[Asset]:
    assets = []
    if needed.image_description:
        label = words("post.image" if needed.image_required else "post.image_optional")
        assets.append(Asset("image", label, needed.image_description))
    if needed.video_description:
        assets.append(Asset("video", words("post.video"), needed.video_description))
    return assets


def _dead_link(post: Post, words: Words) -> str | None:
    assert post.content is not None
    if post.content.link and not platform_rules(post.platform).urls.clickable:
        return words("post.dead_link", platform=PLATFORM_NAMES[post.platform])
    return None
