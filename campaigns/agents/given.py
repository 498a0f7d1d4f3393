"""The part of a prompt about what the brief gives a post: key dates, an item, and what code adds by itself.

Prompts of posts that are given nothing have no such part and stay as they were.
"""

from typing import Any, Final

from campaigns.model.post import Post, Slot
from campaigns.model.terms.given import Given, Near
from campaigns.model.vocabulary import Platform

_WHEN: Final = {
    "ahead": "is still to come: remind of it",
    "today": "is today: say so",
    "over": "is over: thank, or tell how it was; announce nothing, and invent no result",
}


def told(given: Given | None, platform: Platform, *, taken: int = 0) -> dict[str, Any] | None:
    """Return the data of the prompt about what a post was given, None when it was given nothing.

    Args:
        taken: characters that stand in the post already.
    """
    if given is None:
        return None
    item = given.item
    return {
        "about": _words(given.near) if given.near else None,
        "keyDates": [_words(near) for near in given.key_dates],
        "item": {"name": item.name, "about": item.about, "handle": item.handle_on(platform), "picture": item.alt_text}
        if item
        else None,
        "notSaid": given.not_said,
        "addedAfterwards": {
            "firstLines": given.disclosures,
            "hashtags": given.hashtags,
            "link": given.link,
            "characters": taken or None,
        },
    }


def _words(near: Near) -> dict[str, str]:
    return {"label": near.label, "date": near.date.isoformat(), "when": near.when}


def orders(post: Post) -> str:
    """Return what the writer has to do with it: our words, outside of the data; empty for a post without any."""
    given = post.given
    if given is None:
        return ""
    lines = ['What this post was given stands in its "given".']
    if given.near is not None:
        lines.append(f'- It is about the key date in "about", which {_WHEN[given.near.when]}.')
    if given.over:
        lines.append('- What a key date marked "over" names is past: nothing of it is said as if it were to come.')
    if given.item is not None:
        lines.append('- It is about the "item" and nothing else; its facts stand there.')
    if given.not_said:
        lines.append('- What stands in "notSaid" holds on other days only: say nothing of it.')
    if given.disclosures or given.hashtags or given.link:
        lines.append(
            '- We add what stands in "addedAfterwards" ourselves: do not write it. It takes its "characters" of'
            " the limit."
        )
    return "\n" + "\n".join(lines)


def slot_orders(slots: list[Slot]) -> str:
    """Return what the planner has to do with slots that were given something; empty without any."""
    if not any(slot.given for slot in slots):
        return ""
    return (
        '\nA slot with "given" is about its item, or about its key date: before it a reminder, on it that it is today,'
        "\nafterwards thanks or how it was. Nothing that is over is announced."
    )
