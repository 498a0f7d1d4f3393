"""What the offline writer makes of an approver's comments: little, and it says so."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_SHORTER: Final = re.compile(r"\b(shorter|shorten|too long|briefer|kürzer|plus court|más corto)\b", re.IGNORECASE)
_NO_HASHTAGS: Final = re.compile(r"\b(no|without|remove|drop|fewer|less)\b[^.]*\bhashtags?\b", re.IGNORECASE)
_REMOVE: Final = re.compile(r"\b(remove|drop|delete|without|avoid|don['’]t|do not|not|no)\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"[\"“„«]([^\"“”„«»]{1,200})[\"”“»]")
_WORD: Final = re.compile(r"\w{4,}")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the comments ask for, as far as it can be read without understanding."""

    shorter: bool = False
    no_hashtags: bool = False
    banned: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()

    def best_of(self, brief: Sequence[str]) -> str:
        """Return the sentence of the brief that shares the most words with the comments; empty: none does."""
        shared = {said: len(self.words & words_of(said)) for said in brief}
        best = max(brief, key=lambda said: shared[said], default="")
        return best if best and shared[best] else ""


def words_of(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def wishes_of(revision: dict[str, Any]) -> Wishes:
    """Return what the comments on this post ask for; without any, what the other ones do."""
    comments = [entry["comment"] for entry in _heeded(revision)]
    every = "\n".join(comments)
    banned = [phrase for comment in comments if _REMOVE.search(comment) for phrase in _QUOTED.findall(comment)]
    return Wishes(
        shorter=_SHORTER.search(every) is not None,
        no_hashtags=_NO_HASHTAGS.search(every) is not None,
        banned=tuple(banned),
        words=words_of(every) - words_of(" ".join(banned)),
    )


def answers_to(revision: dict[str, Any], wishes: Wishes, text: str) -> list[dict[str, Any]]:
    """Return one answer for each comment, by its number."""
    heeded = [entry["number"] for entry in _heeded(revision)]
    return [
        {"number": entry["number"], "answer": _answer(entry["comment"], wishes, text)}
        if entry["number"] in heeded
        else {"number": entry["number"], "answer": "This comment is on another post; nothing was changed for it here."}
        for entry in revision.get("comments", [])
    ]


def _answer(comment: str, wishes: Wishes, text: str) -> str:
    done = []
    if wishes.shorter and _SHORTER.search(comment):
        done.append("shortened to what has to be in the post")
    if wishes.no_hashtags and _NO_HASHTAGS.search(comment):
        done.append("wrote no hashtags")
    done += [f"removed “{phrase}”" for phrase in wishes.banned if phrase in comment and phrase not in text]
    if wishes.words & words_of(comment) & words_of(text):
        done.append("put first what the brief says about it")
    if not done:
        return "The offline writer cannot judge this comment; it rewrote the post with other sentences of the brief."
    return f"The offline writer {', '.join(done)}."


def _heeded(revision: dict[str, Any]) -> list[dict[str, Any]]:
    comments: list[dict[str, Any]] = revision.get("comments", [])
    return [entry for entry in comments if entry["on"] == "this post"] or comments
