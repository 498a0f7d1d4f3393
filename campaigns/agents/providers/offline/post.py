"""Posts by the offline writer: whole sentences of the brief, and nothing of ours but a label.

A post is one to three sentences of the brief, the required phrases, the call to action, and one line that says in
the language of the brief that this is a draft. Each sentence has a post of its own; when they are used up, posts join
two and three, and after that they repeat each other, and say so. Nothing is cut: where the platform has no room for a
sentence another one is taken. Nothing is random.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any, Final

from campaigns.agents.providers.offline.comments import Wishes, answers_to, wishes_of
from campaigns.agents.topics import avoids, is_instruction, topic_of
from campaigns.model.vocabulary import PLATFORM_NAMES, Platform
from campaigns.rules.text.key_dates import names_key_date
from campaigns.rules.text.language import nearest_language
from campaigns.rules.text.lexicon import lexicon
from campaigns.rules.text.limits.platforms import measured, platform_rules, text_length
from campaigns.rules.text.sentences import sentences
from campaigns.rules.text.similarity import similarity

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
TOO_FEW: Final = "The brief has fewer facts than the calendar has posts: another post says this too."
_TOO_FEW: Final = {
    "de": "Das Briefing hat weniger Fakten als der Kalender Beiträge: Ein anderer Beitrag sagt das auch.",
    "fr": "Le brief compte moins de faits que le calendrier de publications : une autre dit la même chose.",
    "es": "El brief tiene menos datos que publicaciones el calendario: otra dice lo mismo.",
    "it": "Il brief ha meno fatti dei post in calendario: un altro post dice lo stesso.",
    "pt": "O briefing tem menos factos do que publicações o calendário: outra diz o mesmo.",
    "nl": "De briefing heeft minder feiten dan de kalender berichten: een ander bericht zegt dit ook.",
    "ja": "投稿の数より事実が少ないため、別の投稿にも同じ内容があります。",
    "zh": "简报中的事实少于帖子数量，另一条帖子内容相同。",
    "ko": "게시물 수보다 사실이 적어 다른 게시물에도 같은 내용이 있습니다.",
    "hi": "ब्रीफ़ में तथ्य पोस्टों से कम हैं: एक और पोस्ट यही कहती है।",
}
"""What a post says below its label when its facts are another one's as well."""
_ALIKE: Final = 0.85
_MOST_TRIES: Final = 500
"""Posts that are weighed before one repeats another; a long brief has more sentences than posts."""
_PLATFORM_OF: Final = {name: platform for platform, name in PLATFORM_NAMES.items()}


@dataclass(frozen=True, slots=True)
class _Task:
    """What there is to write, and the room for it.

    Attributes:
        head: what the post is about beside its sentences: an item, a key date; empty: nothing.
        subjects: the sentences of the brief that the topic names.
        facts: the sentences that may be said, in the order of the brief.
        after: what follows them: the call to action, the label.
        appended: what stands below the text when it is published.
    """

    platform: Platform
    limit: int
    head: str
    subjects: list[str]
    facts: list[str]
    inclusions: list[str]
    after: list[str]
    appended: list[str]

    def text(self, said: Sequence[str]) -> str:
        body = _joined(map(_sentence, said))
        if self.head and self.head.casefold() not in body.casefold():
            body = f"{self.head}: {body}" if body else _sentence(self.head)
        missing = [_sentence(phrase) for phrase in self.inclusions if phrase.casefold() not in body.casefold()]
        return _joined([body, *missing, *self.after])

    def fits(self, text: str) -> bool:
        published = "\n\n".join([text, *self.appended])
        return text_length(self.platform, published) <= self.limit and not measured(self.platform, text).over


def write(data: dict[str, Any]) -> dict[str, Any]:
    """Return the post of the request as the form of the answer wants it."""
    shared, request = data["shared"], data["request"]
    post, revision = request["post"], data.get("revision", {})
    wishes = wishes_of(revision)
    platform = _PLATFORM_OF[shared["rules"]["platform"]]
    cta = request.get("callToAction", {})
    linked = shared["rules"]["links"] == "allowed" and platform_rules(platform).urls.clickable
    link = cta.get("url") if linked and not _added(post).get("link") else None
    start = post["number"] + data.get("previous", {}).get("attempt", 1) - 2
    known = [*request.get("siblings", []), *([request["previousText"]] if revision else [])]

    task = _task(data, wishes, platform, [link] if link else [])
    text = _first_unlike(task, _told(task, wishes, start), known)

    answer: dict[str, Any] = {"text": text}
    if link:
        answer["link"] = link
    if revision:
        answer["commentAnswers"] = answers_to(revision, wishes, text)
    return answer


def _task(data: dict[str, Any], wishes: Wishes, platform: Platform, appended: list[str]) -> _Task:
    shared, request = data["shared"], data["request"]
    post, given = request["post"], request["post"].get("given", {})
    never = [*wishes.banned, *_never_said(shared["rules"]), *_found_fault_with(data.get("previous", {}))]
    never += post.get("given", {}).get("notSaid", [])
    avoided = shared["rules"].get("topicsNeverTouched", [])
    described = shared["campaign"]["brief"]
    item = given.get("item")
    every = sentences(item.get("about", "")) if item else sentences(described)
    facts = [
        said
        for said in every
        if not is_instruction(said)
        and not _names_what_is_over(said, post)
        and avoids(said, topics=avoided, words=never)
    ]
    named = sorted((post["topic"].find(topic_of(said)), said) for said in facts if topic_of(said) in post["topic"])
    head = item["name"] if item else (given.get("about") or {}).get("label", "")
    language = nearest_language(described)
    return _Task(
        platform=platform,
        limit=shared["rules"]["characterLimit"] - _added(post).get("characters", 0),
        head=head if avoids(head, topics=avoided, words=never) else "",
        subjects=[said for _, said in named],
        facts=facts,
        inclusions=post.get("requiredInclusions", []),
        after=[
            _call(request.get("callToAction", {}), platform, shared["rules"], english=language == "en"),
            LABELS.get(language or "", LABEL),
            *([_TOO_FEW.get(language or "", TOO_FEW)] if post["topic"] in request.get("otherTopics", []) else []),
        ],
        appended=appended,
    )


def _added(post: dict[str, Any]) -> dict[str, Any]:
    """Return what code adds to the post by itself (`agents.given.told`)."""
    added: dict[str, Any] = post.get("given", {}).get("addedAfterwards", {})
    return added


def _names_what_is_over(sentence: str, post: dict[str, Any]) -> bool:
    """Whether a sentence of the brief names a key date that is over: it was written before it."""
    dates = post.get("given", {}).get("keyDates", [])
    return any(names_key_date(sentence, each["label"], date.fromisoformat(each["date"])) for each in dates
               if each["when"] == "over")  # fmt: skip


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


def _told(task: _Task, wishes: Wishes, start: int) -> Iterator[list[str]]:
    """Yield what a post may say, the best first: what it is about, what was wished for, then one, two and three."""
    if wished := wishes.best_of(task.facts):
        yield [wished]
    if wishes.shorter:
        yield from ([said] for said in sorted(task.facts, key=len))
    if task.subjects:
        yield task.subjects[:3]
    turned = [task.facts[(start + index) % len(task.facts)] for index in range(len(task.facts))]
    for count in (1, 2, 3):
        for said in combinations(turned, count):
            yield list(said)


def _first_unlike(task: _Task, told: Iterator[list[str]], known: Sequence[str]) -> str:
    first = ""
    for _, said in zip(range(_MOST_TRIES), told, strict=False):
        text = task.text(said)
        if not task.fits(text):
            continue
        first = first or text
        if all(similarity(text, other) < _ALIKE for other in known):
            return text
    return first or task.text([])


def _call(cta: dict[str, Any], platform: Platform, rules: dict[str, Any], *, english: bool) -> str:
    if not cta:
        return ""
    # Where a caption cannot carry a link, the profile does; saying so is a call of its own.
    dead = not platform_rules(platform).urls.clickable
    in_bio = english and cta.get("url") and dead and rules["callToActionStrength"] != "low"
    return _sentence(cta["text"]) + (" Link in bio." if in_bio else "")


def _sentence(text: str) -> str:
    text = text.strip()
    if not text or text[-1] in ".!?…。！？।」』”":
        return text
    return f"{text}。" if _WITHOUT_BLANKS.search(text[-1]) else f"{text}."


_WITHOUT_BLANKS: Final = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uff01-\uff1f]")


def _joined(parts: Iterable[str]) -> str:
    """Return sentences in a row; between two of a script without blanks there is none."""
    text = ""
    for part in filter(None, parts):
        tight = not text or (_WITHOUT_BLANKS.search(text[-1]) and _WITHOUT_BLANKS.search(part[0]))
        text += part if tight else f" {part}"
    return text
