"""What each platform takes, as it says itself: one dated file per platform, with a source for every figure.

Belongs here: the files and how they are read. Does not: what a text comes to on a platform (`rules.text.limits`).
A file names grammars and ways of counting that are there. A platform is a file here and a sign in
`api/review/templates/platforms`; its file's name is its name on the wire, for ever.
"""

import datetime as dt
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from campaigns.model.base import Maybe, Wire

Count = Annotated[int, Field(ge=0)]
Counting = Literal["weighted", "linkedin_escaped", "code_points", "utf16", "graphemes", "emoji_bytes", "bytes"]


class UrlRules(Wire):
    """Which addresses become links, and what a link counts where that is not its own length.

    `twitter_text` links any bare domain, `lower_case_domains` those that look like one, `with_protocol` none.
    """

    grammar: Literal["twitter_text", "lower_case_domains", "with_protocol"]
    cap: Maybe[Count] = None
    counts_as: Maybe[Count] = None
    clickable: bool
    refused_hosts: list[str]


class HashtagRules(Wire):
    """`cap` is the platform's own; `house_rule` is what we keep to below it."""

    grammar: Literal["twitter_text", "after_space"]
    cap: Maybe[Count] = None
    house_rule: Maybe[Count] = None

    @property
    def most(self) -> int | None:
        return self.cap if self.house_rule is None else self.house_rule


class MentionRules(Wire):
    """`form`: `handle` is @name, `template` is LinkedIn's @[Name](urn), `none`: plain text is no mention.

    `grammar`: `twitter_text`, `dotted` (name.surname), `domain` (a host name), `with_server` (@name@server, of which
    @name counts).
    """

    grammar: Literal["twitter_text", "dotted", "domain", "with_server"]
    form: Literal["handle", "template", "none"]
    cap: Maybe[Count] = None


class MediaRules(Wire):
    """How many images and videos; `mixed`: both together; `image_ratio`: width to height that is shown uncut."""

    required: bool
    images: Count
    videos: Count
    mixed: bool
    image_ratio: str


class Preview(Wire):
    """How the review page draws a post: where its media stand, and the signs below it."""

    media_first: bool
    acts: list[Literal["talk", "again", "heart", "like", "pass", "keep"]]


class Writing(Wire):
    """What a written post comes to: tokens of an answer, for estimates; sentences of a draft beside the first."""

    answer_tokens: Count
    more_sentences: Count


class PlatformRules(Wire):
    """One platform, as of `as_of`.

    Attributes:
        position: its place where platforms are listed.
        counting: how `text_limit`, `target_length` and `fold` count; `byte_limit` holds beside it.
        target_length: what a writer aims for; no rule.
        fold: where its first screen cuts a text; display only.
        defaults: what holds where neither campaign nor brand says anything (domain.md section 9).
        sources: where figures come from, by their path, or the beginning of it.
    """

    position: Count
    name: str
    form_title: Maybe[str] = None
    as_of: dt.date
    counting: Counting
    text_limit: Count
    byte_limit: Maybe[Count] = None
    target_length: Count
    fold: Maybe[Count] = None
    urls: UrlRules
    hashtags: HashtagRules
    mentions: MentionRules
    cashtag_cap: Maybe[Count] = None
    media: MediaRules
    alt_text_limit: Maybe[Count] = None
    preview: Preview
    writing: Writing
    defaults: dict[str, Any]
    sources: dict[str, str]


def _read() -> dict[str, PlatformRules]:
    found = {
        file.name.removesuffix(".json"): PlatformRules.model_validate_json(file.read_text("utf-8"))
        for file in files(__name__).iterdir()
        if file.name.endswith(".json")
    }
    return dict(sorted(found.items(), key=lambda each: (each[1].position, each[0])))


PLATFORM_FILES: Final = _read()
"""Every platform by its name on the wire, in the order in which they are listed."""
