"""Posts by the offline writer: sentences of the brief, turned so that no two posts are alike.

A post is a lead (the topic and the sentence it is about), some more sentences where the platform has
room, a remark that tells the posts apart, the required phrases, the call to action, and the label. Which
sentences and remarks follows from the number of the post, the attempt and the comments; nothing is
random. A sentence is cut only where the platform has no room for it, and then visibly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import regex

from campaigns.agents.offline.comments import Wishes, answers_to, wishes_of
from campaigns.agents.offline.remarks import remarks_for
from campaigns.agents.topics import avoids, is_instruction, is_plain, opening_words, sentences
from campaigns.model.vocabulary import PLATFORM_NAMES, Platform
from campaigns.rules.merge.defaults import PILLARS
from campaigns.rules.text.language import guess_language
from campaigns.rules.text.lexicon import lexicon
from campaigns.rules.text.platforms import platform_rules, text_length
from campaigns.rules.text.similarity import similarity

_WORDS: Final = regex.compile(r"[\p{L}\p{M}]+|\d+")
LABEL: Final = "Draft by the offline writer."
LABELS: Final = {
    "de": "Entwurf des Offline-Schreibers.",
    "fr": "Brouillon du rédacteur hors ligne.",
    "es": "Borrador del redactor sin conexión.",
    "it": "Bozza dello scrittore offline.",
    "pt": "Rascunho do redator offline.",
    "nl": "Concept van de offline schrijver.",
    "ja": "オフラインの下書きです。",
    "zh": "离线草稿。",
    "ko": "오프라인 초안입니다.",
    "hi": "ऑफ़लाइन मसौदा।",
}
"""The label in the language of the brief; English where there is none."""
_EXTRAS: Final[dict[Platform, int]] = {"twitter": 0, "linkedin": 2, "instagram": 1, "facebook": 1}
_TURNS: Final = 24
_ALIKE: Final = 0.85
_PLATFORM_OF: Final = {name: platform for platform, name in PLATFORM_NAMES.items()}


@dataclass(frozen=True, slots=True)
class _Task:
    """What there is to write, and the room for it.

    Attributes:
        subject: the sentence of the brief that the topic is about; empty: none.
        head: the topic without its subject.
        plain: the brief is in another language than our remarks: only its own sentences are said.
        label: what says that this is a draft, in the language of the brief.
        brief: the sentences that may be said.
        appended: what stands below the text when it is published.
    """

    platform: Platform
    limit: int
    subject: str
    head: str
    brief: list[str]
    inclusions: list[str]
    cta: str
    appended: list[str]
    plain: bool = False
    label: str = LABEL

    def fits(self, parts: Sequence[str]) -> bool:
        return text_length(self.platform, "\n\n".join([_joined(parts), *self.appended])) <= self.limit


def write(data: dict[str, Any]) -> dict[str, Any]:
    """Return the post of the request as the form of the answer wants it."""
    shared, request = data["shared"], data["request"]
    post, revision = request["post"], request.get("revision", {})
    wishes = wishes_of(revision)
    platform = _PLATFORM_OF[shared["rules"]["platform"]]
    cta = request.get("callToAction", {})
    linked = shared["rules"]["links"] == "allowed" and platform_rules(platform).urls.clickable
    link = cta.get("url") if linked else None
    tags = [] if wishes.no_hashtags or is_plain(shared["campaign"]["brief"]) else _hashtags(shared, post)
    start = post["number"] + data.get("previous", {}).get("attempt", 1) - 1
    known = [*request.get("siblings", []), *([revision["previousText"]] if revision else [])]

    task = _task(data, wishes, platform, [*([link] if link else []), *_line(tags)])
    text = _first_unlike(_texts(task, wishes, start), known)
    if tags and not task.fits([text]):  # the words come before the hashtags
        tags = []
        task = replace(task, appended=[link] if link else [])
        text = _first_unlike(_texts(task, wishes, start), known)

    answer: dict[str, Any] = {"text": text, "hashtags": tags}
    if link:
        answer["link"] = link
    if revision:
        answer["commentAnswers"] = answers_to(revision, wishes, text)
    return answer


def _task(data: dict[str, Any], wishes: Wishes, platform: Platform, appended: list[str]) -> _Task:
    shared, request = data["shared"], data["request"]
    post = request["post"]
    never = [*wishes.banned, *_never_said(shared["rules"]), *_found_fault_with(data.get("previous", {}))]
    avoided = shared["rules"].get("topicsNeverTouched", [])
    described = shared["campaign"]["brief"]
    plain, language = is_plain(described), guess_language(described)
    every = sentences(described)
    facts = [said for said in every if not is_instruction(said)] or every
    head = _head(post["topic"], every)
    return _Task(
        platform=platform,
        limit=shared["rules"]["characterLimit"],
        subject=next((said for said in every if _is_about(post["topic"], said)), ""),
        head=head if not plain and avoids(head, topics=avoided, words=never) else "",
        brief=[said for said in facts if avoids(said, topics=avoided, words=never)],
        inclusions=post.get("requiredInclusions", []),
        cta=_call(request.get("callToAction", {}), platform, shared["rules"], plain=plain),
        appended=appended,
        plain=plain,
        label=LABELS.get(language or "", LABEL),
    )


def _never_said(rules: dict[str, Any]) -> list[str]:
    """Return every word and phrase that would be stopped: a sentence of the brief may hold one."""
    named = ("wordsNeverUsed", "phrasesNeverUsed", "competitors")
    never = [item for name in named for item in rules.get(name, [])]
    if rules["claims"]["noGuarantees"]:
        never += lexicon().guarantees
    if rules["callToActionStrength"] == "low":
        never += [*lexicon().strong_cta, *lexicon().soft_cta]
    return never


_FAULT: Final = re.compile(r"^(?!INCLUSION|CTA_MISSING|DUPLICATE)[A-Z_]+: .*?“([^”]+)”")


def _found_fault_with(previous: dict[str, Any]) -> list[str]:
    """Return the words that a guardrail quoted when it refused the answer before."""
    return [found[1] for fault in previous.get("faults", []) if (found := _FAULT.match(fault))]


def _line(tags: Sequence[str]) -> list[str]:
    return [" ".join(f"#{tag}" for tag in tags)] if tags else []


def _first_unlike(texts: Iterator[str], known: Sequence[str]) -> str:
    first = ""
    for text in texts:
        first = first or text
        if all(similarity(text, other) < _ALIKE for other in known):
            return text
    return first


def _texts(task: _Task, wishes: Wishes, start: int) -> Iterator[str]:
    """Yield versions of the post, each with other sentences than the one before."""
    for turn in range(start, start + _TURNS):
        lead = wishes.best_of(task.brief) or _lead(task, turn)
        others = [said for said in _turned(task.brief, turn) if said != lead]
        yield _text(task, lead, others if not wishes.shorter else [], turn)


def _lead(task: _Task, turn: int) -> str:
    if task.subject in task.brief:
        return task.subject
    return task.brief[turn % len(task.brief)] if task.brief else ""


def _is_about(topic: str, sentence: str) -> bool:
    clause = topic.rpartition(": ")[2]
    return bool(clause) and sentence.startswith(clause)


def _head(topic: str, every: Sequence[str]) -> str:
    """Return a topic of our own without the words of the brief it ends in; any other topic as it is."""
    return topic.rpartition(": ")[0] if any(_is_about(topic, said) for said in every) else topic


def _text(task: _Task, lead: str, others: Sequence[str], turn: int) -> str:
    remarks = remarks_for(turn)
    head = f"{task.head}: {lead}" if task.head and lead else task.head or lead
    opening, needed = _fitted(task, _sentence(head), "" if task.plain else f"{remarks.pop(0)}.")
    if task.plain and not opening:  # no room for this sentence, and half of it says nothing
        tries = ((said, *_fitted(task, _sentence(said), "")) for said in others)
        lead, opening, needed = next((each for each in tries if each[1]), ("", "", needed))
        others = [other for other in others if other != lead]
    body = [opening] if opening else []
    for said, remark in zip(others[: _EXTRAS[task.platform]], remarks, strict=False):
        if task.fits([*body, more := said if task.plain else f"{remark}: {said}", *needed]):
            body.append(more)
    return _joined([*body, *needed])


def _fitted(task: _Task, opening: str, closing: str) -> tuple[str, list[str]]:
    """Return as much of the opening as there is room for, and what has to follow it."""
    words = opening.split()
    cuts = (f"{opening_words(opening, count)} …" for count in range(len(words) - 1, 2, -1))
    needed: list[str] = []
    for text in (opening, *cuts, ""):
        missing = [_sentence(phrase) for phrase in task.inclusions if phrase.casefold() not in text.casefold()]
        needed = [closing, *missing, *([task.cta] if task.cta else []), task.label]
        if task.fits([text, *needed]):
            return text, needed
    return "", needed


def _call(cta: dict[str, Any], platform: Platform, rules: dict[str, Any], *, plain: bool) -> str:
    if not cta:
        return ""
    # Where a caption cannot carry a link, the profile does; saying so is a call of its own.
    dead = not platform_rules(platform).urls.clickable
    in_bio = not plain and cta.get("url") and dead and rules["callToActionStrength"] != "low"
    return _sentence(cta["text"]) + (" Link in bio." if in_bio else "")


def _hashtags(shared: dict[str, Any], post: dict[str, Any]) -> list[str]:
    """Return at most two hashtags made of the pillar and of the campaign's name."""
    # A word with its marks: without its vowels it is another word. A digit would be a figure without a source.
    words = (_WORDS.findall(name) for name in _names(shared, post))
    made = ("".join(word[:1].upper() + word[1:].lower() for word in each) for each in words)
    sound = [tag for tag in made if tag and not any(char.isdigit() for char in tag) and len(tag) <= 30]
    return list(dict.fromkeys(sound))[: min(2, shared["rules"].get("maxHashtags", 0))]


_SYSTEM_PILLARS: Final = frozenset(pillar.name for pillar in PILLARS)
"""What stands in for pillars that nobody gave is no word of the campaign."""


def _names(shared: dict[str, Any], post: dict[str, Any]) -> list[str]:
    return [name for name in (post.get("pillar"), shared["campaign"]["name"]) if name and name not in _SYSTEM_PILLARS]


def _turned(items: Sequence[str], by: int) -> list[str]:
    return [items[(by + index) % len(items)] for index in range(len(items))]


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text[-1] in ".!?…。！？।」』”" else f"{text}."


def _joined(parts: Sequence[str]) -> str:
    return " ".join(part for part in parts if part)
