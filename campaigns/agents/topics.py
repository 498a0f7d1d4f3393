"""Topics without a model: an angle on a piece of the brief, different for every slot.

The planner falls back on them for slots that the model could not fill, and the offline writer plans
with nothing else. They say nothing that the brief does not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, combinations
from typing import Final

import regex

from campaigns.rules.text.language import guess_language
from campaigns.rules.text.matching import contains, content_words, topic_span
from campaigns.rules.text.phrases import PHRASE_LANGUAGES, phrase_book
from campaigns.rules.text.similarity import DUPLICATE_TOPIC

ANGLES: Final = (
    "a closer look",
    "in plain words",
    "the short version",
    "worth knowing",
    "point by point",
    "the detail that counts",
    "what stands behind it",
    "new to everyone here",
    "some background",
    "from the very beginning",
    "slowly and once more",
    "one thing to remember",
    "please read it twice",
    "only the essentials",
    "a note on the side",
    "seen at arm's length",
    "before you scroll on",
    "to keep in mind",
    "our reason for posting",
    "said our own way",
    "the main thing first",
    "for the record",
    "the story so far",
    "let us be clear",
    "without any fuss",
    "a brief reminder",
    "the heart of the matter",
    "where we begin today",
    "on a quiet note",
)
"""Ways into a subject that claim nothing. A prime number of them, so that steps of any size visit all."""

_SENTENCE_END: Final = re.compile(
    r"(?<=[.!?])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bProf\.)(?<!\bSt\.)(?<!\bNo\.)(?<!\bNr\.)(?<!\bSr\.)(?<!\bSra\.)\s+"
    r"|(?<=[。！？।])(?![」』”）)])\s*|\n+"
)
_CLAUSE_WORDS: Final = 5
_PLAIN_CLAUSE_WORDS: Final = 12
_CLUSTER: Final = regex.compile(r"\X")
_MOST_TOPIC: Final = 500
_MOST_CLUSTERS: Final = 60
"""Letters of a clause in a script that writes words together; five words of others are shorter."""


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, in order, each once."""
    parts = (part.strip() for part in _SENTENCE_END.split(text))
    return list(dict.fromkeys(part for part in parts if part))


def avoids(text: str, *, topics: Iterable[str] = (), words: Iterable[str] = ()) -> bool:
    """Whether a text touches none of these topics, and says none of these words and phrases."""
    return not any(topic_span(topic, text) for topic in topics) and not any(contains(text, word) for word in words)


def opening_words(sentence: str, count: int = _CLAUSE_WORDS) -> str:
    """Return how a sentence begins, without the comma or stop it would end in."""
    opening = " ".join(sentence.split()[:count])
    if len(opening) > _MOST_CLUSTERS and len(opening.split()) < count:
        opening = "".join(_CLUSTER.findall(opening)[:_MOST_CLUSTERS])
    return opening.rstrip(".,;:!?–—-。！？、।")


def is_plain(description: str) -> bool:
    """Whether a brief is in another language than our angles and remarks: then it is said in its own words only."""
    return guess_language(description) not in {None, "en"}


def is_instruction(sentence: str) -> bool:
    """Whether a sentence of a brief is meant for the writer: "Funny is fine, mocking people is not"."""
    language = guess_language(sentence)
    codes = [language] if language in PHRASE_LANGUAGES else PHRASE_LANGUAGES
    return any(hit.kind == "briefing" for code in codes for hit in phrase_book(code).find(sentence))


def topics_for(
    pillars: Sequence[str | None], description: str, *, taken: Iterable[str], avoided: Sequence[str]
) -> list[str]:
    """Return one topic for each of these places, in their order.

    Args:
        pillars: the pillar of each place, null without pillars.
        description: of the brief; what the topics are about.
        taken: topics that must not come again, nor nearly so.
        avoided: what no topic may touch.
    """
    usable = [sentence for sentence in sentences(description) if avoids(sentence, topics=avoided)]
    used = list(taken)
    plain = is_plain(description)
    if plain:
        usable = [sentence for sentence in usable if not is_instruction(sentence)] or usable
    found = []
    for place, pillar in enumerate(pillars):
        head = pillar if pillar and avoids(pillar, topics=avoided) else ""
        # With some hundred topics on one sentence the angles run out; then topics repeat.
        topics = (
            topic
            for topic in chain(
                _plain_candidates(head, usable, place) if plain else (), _candidates(head, usable, start=place)
            )
            if not repeats(topic, used)
        )
        topic = next(topics, f"{head or 'The campaign'}, {ANGLES[place % len(ANGLES)]}")
        used.append(topic)
        found.append(topic)
    return found


def _plain_candidates(head: str, usable: Sequence[str], start: int) -> Iterator[str]:
    """Yield each sentence of the brief, then each pair of them: no word of ours."""
    about = [opening_words(usable[(start + turn) % len(usable)], _PLAIN_CLAUSE_WORDS) for turn in range(len(usable))]
    yield from (f"{head}: {clause}" if head else clause for clause in about)
    for first, second in combinations(about, 2):
        topic = f"{first}; {second}"
        if len(topic) <= _MOST_TOPIC:
            yield topic


def _candidates(head: str, usable: Sequence[str], *, start: int) -> Iterator[str]:
    """Yield topics: each angle on each sentence, then each pair of angles on each sentence."""
    about = [opening_words(sentence) for sentence in usable] or ["the campaign"]
    turns = len(ANGLES) * len(about)
    lead = f"{head}, " if head else ""
    for turn in range(start, start + turns):
        angle, clause = ANGLES[turn % len(ANGLES)], about[(turn + turn // len(ANGLES)) % len(about)]
        yield f"{lead}{angle}: {clause}"
    for first, second in combinations(ANGLES, 2):
        yield from (f"{lead}{first}, {second}: {clause}" for clause in about)


def repeats(topic: str, others: Iterable[str]) -> bool:
    """Whether a topic is nearly one of the others (`rules.text.similarity.same_topic`), each read once only."""
    words = _words(topic)
    return any(2 * len(words & known) >= DUPLICATE_TOPIC * (len(words) + len(known)) for known in map(_words, others))


@lru_cache(maxsize=4096)
def _words(topic: str) -> frozenset[str]:
    return frozenset(content_words(topic))
