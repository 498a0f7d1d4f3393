"""Style by the offline writer: what can be counted in the texts, and no more."""

import re
from statistics import mean, pstdev
from typing import Any, Final, Literal

from campaigns.rules.text.sentences import sentences

_HEDGES: Final = re.compile(r"\b(maybe|perhaps|might|could|probably|i think|seems?)\b", re.IGNORECASE)
_LIKE: Final = re.compile(r"\b(like a|as if|as though)\b", re.IGNORECASE)
_STORY: Final = re.compile(r"\b(yesterday|last (?:week|month|year)|once|when i|years ago)\b", re.IGNORECASE)
_EMOJI: Final = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
_LIST: Final = re.compile(r"(?m)^[^\S\n]*(?:[-*•]|\d+[.)])\s")

Rate = Literal["frequent", "occasional", "rare"]


def describe(data: dict[str, Any]) -> dict[str, Any]:
    """Return how the texts are written, as far as counting goes; the confidence says how little that is."""
    texts = [str(text["text"]) for text in data["shared"]["texts"]]
    lengths = [len(sentence.split()) for text in texts for sentence in sentences(text)] or [1]
    average, spread = mean(lengths), pstdev(lengths)
    every = "\n".join(texts)
    lists = sum(bool(_LIST.search(text)) for text in texts) / len(texts)
    exclaimed = sum(text.count("!") for text in texts) / len(texts)
    questions = sum("?" in text.splitlines()[0] for text in texts) / len(texts)
    return {
        "sentenceLengthPattern": {
            "avgWordsPerSentence": round(average, 1),
            "variance": "low" if spread < 4 else "medium" if spread < 8 else "high",
            "classification": "short" if average < 10 else "medium" if average < 18 else "long",
        },
        "structurePreference": "lists" if lists > 0.6 else "mixed" if lists > 0.2 else "prose",
        "pacing": "punchy" if average < 10 else "even",
        "emojiFrequency": round(sum(bool(_EMOJI.search(text)) for text in texts) / len(texts), 2),
        "expressivenessMarkers": "low" if exclaimed < 0.3 else "medium" if exclaimed < 1 else "high",
        "analogyUsage": _rate(_LIKE, texts),
        "imageryMetaphorUsage": _rate(_LIKE, texts),
        "anecdoteUsage": _rate(_STORY, texts),
        "toneTags": ["direct" if average < 14 else "educational"],
        "assertiveness": "medium" if _HEDGES.search(every) else "high",
        "hedgingStyle": "frequent"
        if len(_HEDGES.findall(every)) > len(texts)
        else "some"
        if _HEDGES.search(every)
        else "rare",
        "hookStyle": "question" if questions > 0.6 else "mixed" if questions > 0.2 else "straight-to-point",
        "consistencyByFeature": {
            "sentenceLength": round(max(0.0, 1 - spread / max(average, 1.0)), 2),
            "structure": round(max(lists, 1 - lists), 2),
            "expressiveness": 0.5,
            "metaphors": 0.5,
            "tone": 0.5,
            "assertiveness": 0.5,
            "hooks": round(max(questions, 1 - questions), 2),
        },
        # Counting is no reading: below the threshold the writer keeps to the declared habits.
        "confidence": 0.4,
    }


def _rate(pattern: re.Pattern[str], texts: list[str]) -> Rate:
    share = sum(bool(pattern.search(text)) for text in texts) / len(texts)
    return "frequent" if share > 0.6 else "occasional" if share > 0.2 else "rare"
