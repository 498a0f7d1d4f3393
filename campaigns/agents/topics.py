"""Topics without a model: a sentence of the brief for every slot, and no word that the brief does not say.

The planner falls back on them for slots that the model could not fill, and the offline writer plans
with nothing else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any, Final

from campaigns.model.base import cut
from campaigns.rules.text.language import guess_language, nearest_language
from campaigns.rules.text.matching import contains, content_words, topic_span
from campaigns.rules.text.phrases import PHRASE_LANGUAGES, phrase_book
from campaigns.rules.text.sentences import sentences
from campaigns.rules.text.similarity import DUPLICATE_TOPIC

_MOST_TOPIC: Final = 500
_MOST_NAMED: Final = 200


def avoids(text: str, *, topics: Iterable[str] = (), words: Iterable[str] = ()) -> bool:
    """Whether a text touches none of these topics, and says none of these words and phrases."""
    return not any(topic_span(topic, text) for topic in topics) and not any(contains(text, word) for word in words)


def topic_of(sentence: str) -> str:
    """Return a sentence as a topic: without its full stop; of a long one the beginning, up to a whole word."""
    topic = sentence.strip().rstrip(".。।").strip() or sentence.strip()
    if len(topic) <= _MOST_NAMED:
        return topic
    opening = cut(topic, at_most=_MOST_NAMED)
    return opening.rpartition(" ")[0] or opening


def is_instruction(sentence: str) -> bool:
    """Whether a sentence of a brief is meant for the writer: "Funny is fine, mocking people is not"."""
    language = guess_language(sentence)
    codes = [language] if language in PHRASE_LANGUAGES else PHRASE_LANGUAGES
    return any(hit.kind == "briefing" for code in codes for hit in phrase_book(code).find(sentence))


def topics_for(count: int, description: str, *, taken: Iterable[str], avoided: Sequence[str]) -> list[str]:
    """Return one topic for each of so many places, in their order.

    Each sentence once, then each pair; when they are used up they begin again, and topics repeat.

    Args:
        description: of the brief; what the topics are about.
        taken: topics that must not come again, nor nearly so.
        avoided: what no topic may touch.
    """
    usable = [each for each in sentences(description) if avoids(each, topics=avoided) and not is_instruction(each)]
    about = [topic_of(sentence) for sentence in usable]
    used, found = list(taken), list[str]()
    left = _candidates(about)  # gone through once: what repeats a topic once repeats it for ever
    for place in range(count):
        topic = next((each for each in left if not repeats(each, used)), "")
        topic = topic or (about[place % len(about)] if about else NOTHING_SAID)
        used.append(topic)
        found.append(topic)
    return found


NOTHING_SAID: Final = "The campaign"
"""What a post is about where no sentence of the brief may be said."""


def own_topic(given: Mapping[str, Any] | None, topic: str) -> str:
    """Return the topic of a place that was given something (`agents.given.told`): its item, or its key date first."""
    item, about = (given or {}).get("item"), (given or {}).get("about")
    if item:
        return cut(": ".join(filter(None, [item["name"], item.get("about")])), at_most=_MOST_TOPIC)
    return cut(f"{about['label']}: {topic}", at_most=_MOST_TOPIC) if about else topic


_VISUALS: Final = {
    "en": ("Image about", "Video about"), "de": ("Bild zum Thema", "Video zum Thema"),
    "fr": ("Image sur le thème", "Vidéo sur le thème"), "es": ("Imagen sobre", "Vídeo sobre"),
    "it": ("Immagine sul tema", "Video sul tema"), "pt": ("Imagem sobre", "Vídeo sobre"),
    "nl": ("Beeld over", "Video over"), "ja": ("次のテーマの画像", "次のテーマの動画"),
    "zh": ("有关以下主题的图片", "有关以下主题的视频"), "ko": ("다음 주제의 이미지", "다음 주제의 동영상"),
    "hi": ("विषय पर चित्र", "विषय पर वीडियो"),
}  # fmt: skip


def visual_note(visual: str, topic: str) -> str:
    """Return a note for whoever makes the picture, in the language of the topic: what it is about, and no more.

    Long enough for a description with a topic of one character.
    """
    image, video = _VISUALS.get(nearest_language(topic) or "", _VISUALS["en"])
    return cut(f"{video if visual == 'video' else image}: {topic}", at_most=_MOST_TOPIC)


def _candidates(about: Sequence[str]) -> Iterator[str]:
    """Yield each sentence of the brief, then each pair of them."""
    yield from about
    for first, second in combinations(about, 2):
        if len(topic := f"{first}; {second}") <= _MOST_TOPIC:
            yield topic


def repeats(topic: str, others: Iterable[str]) -> bool:
    """Whether a topic has nearly the same meaningful words as one of the others (Sørensen-Dice over sets)."""
    words = _words(topic)
    return any(2 * len(words & known) >= DUPLICATE_TOPIC * (len(words) + len(known)) for known in map(_words, others))


@lru_cache(maxsize=4096)
def _words(topic: str) -> frozenset[str]:
    return frozenset(content_words(topic))
