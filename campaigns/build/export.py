"""The posts of a campaign as files: CSV for spreadsheets, iCalendar (RFC 5545) for calendars."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from icalendar import Calendar, Event, Parameters, vDuration, vText, vUri

from campaigns.model.base import one_line
from campaigns.model.campaign import Campaign
from campaigns.model.library.persona import Persona
from campaigns.model.post import Post
from campaigns.model.vocabulary import PLATFORM_NAMES, ReviewState
from campaigns.rules.text.limits.platforms import rendered_text
from campaigns.store.campaign.calendar import Scheduled

COLUMNS: Final = (
    "id", "number", "scheduledAt", "localTime", "timezone", "platform", "personaId", "persona", "pillar", "intent",
    "topic", "text", "link", "altText", "status", "review", "stages", "revision", "contentHash",
)  # fmt: skip
# A spreadsheet takes a cell that starts with one of these for a formula and runs it (OWASP, "CSV Injection");
# also in full width, and behind white space.
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")
# Where the semicolon or the tab separates, as in a German Excel, a cell also begins in the middle of ours. The items of
# a list ("- one") are left alone there: by themselves they compute nothing.
_INNER: Final = re.compile("([;\t\n])")
_LIST_ITEM: Final = re.compile(r"[^\S\n]*[-+] [^|!(=]*")
LENGTH: Final = timedelta(minutes=15)
"""The length of a post's event in a calendar. A post takes no time, but calendars hide events without length."""


def csv_of(
    campaign: Campaign,
    posts: Sequence[Post],
    personas: Mapping[str, Persona],
    approved_by: Mapping[str, Sequence[str]] | None = None,
) -> bytes:
    """Return the posts as CSV (RFC 4180) with a header, in the order given; no cell is a formula.

    `approved_by` has the names of the stages that have approved a post in the words that it has, by its id.

    Every cell is in quotes, so that it is one cell also for a program that takes semicolons and tabs for separators as
    well. In UTF-8 with a byte order mark: without it Excel takes every letter beyond ASCII for two others.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for post in posts:
        persona = personas.get(post.persona_id)
        content = post.content
        row = [
            post.id,
            str(post.number),
            post.scheduled_at.isoformat(),
            post.scheduled_at.astimezone(campaign.schedule.zone).strftime("%Y-%m-%d %H:%M"),
            campaign.schedule.timezone,
            post.platform,
            post.persona_id,
            one_line(persona.name) if persona else "",
            one_line(post.pillar or ""),
            post.intent,
            one_line(post.topic),
            rendered_text(post.platform, content) if content else "",
            (content.link if content else None) or "",
            (content.alt_text if content else None) or "",
            post.status,
            post.review.state,
            ", ".join(one_line(name) for name in (approved_by or {}).get(post.id, ())),
            str(post.revision),
            post.content_hash(),
        ]
        writer.writerow([_harmless(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def _harmless(cell: str) -> str:
    first, *rest = _INNER.split(_readable(cell))
    parts = [_neutral(first)]
    for separator, part in zip(rest[::2], rest[1::2], strict=True):
        kept = separator == "\n" and _LIST_ITEM.fullmatch(part)
        parts += [separator, part if kept else _neutral(part)]
    return "".join(parts)


def _neutral(part: str) -> str:
    return f"'{part}" if part.lstrip(_BEFORE_A_FORMULA).startswith(_FORMULA) else part


# What some readers skip before they look at a cell: white space, quotes, and marks of the byte order.
_BEFORE_A_FORMULA: Final = "".join(filter(str.isspace, map(chr, range(0x3001)))) + '"\ufeff\u200b'
# Readers that follow Unicode, or Python, end a line at these too, and XML and RFC 5545 forbid the controls.
_LINE_ENDS: Final = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def _readable(text: str) -> str:
    """Return a text with one kind of line end and no control characters: what older versions stored may have them."""
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))


def _text(text: str) -> vText:
    """Return a value that is escaped in a calendar."""
    return vText(_readable(text))


def _marked(text: str) -> vText:
    """Return an escaped value, marked as one: for an X-… name neither icalendar nor its readers have a rule."""
    return vText(_readable(text), params=Parameters({"VALUE": "TEXT"}))


def ics_of(campaign: Campaign, posts: Sequence[Post], personas: Mapping[str, Persona]) -> bytes:
    """Return the posts as a calendar of events in UTC; what is not approved stands there as tentative."""
    calendar = _calendar(campaign.name)
    calendar.add("x-wr-timezone", _marked(campaign.schedule.timezone))
    for post in posts:
        calendar.add_component(_event(post, personas))
    return bytes(calendar.to_ical())


def feed_of(name: str, entries: Sequence[Scheduled], personas: Mapping[str, Persona]) -> bytes:
    """Return posts of several campaigns as a calendar to subscribe to; each event names its campaign."""
    calendar = _calendar(name)
    calendar.add("refresh-interval", ASKED_AGAIN)
    calendar.add("x-published-ttl", vDuration(ASKED_AGAIN))
    for entry in entries:
        calendar.add_component(_event(entry.post, personas, of=entry.campaign))
    return bytes(calendar.to_ical())


ASKED_AGAIN: Final = timedelta(hours=1)
"""The interval at which subscribed calendar programs are asked to refresh."""


def _calendar(name: str) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", "-//Campaign Orchestration//EN")
    calendar.add("version", "2.0")
    calendar.add("name", _text(one_line(name)))  # RFC 7986; the next one is what most programs read
    calendar.add("x-wr-calname", _marked(one_line(name)))
    return calendar


def _event(post: Post, personas: Mapping[str, Persona], *, of: Campaign | None = None) -> Event:
    persona = personas.get(post.persona_id)
    who = f"{PLATFORM_NAMES[post.platform]} · {persona.name}" if persona else PLATFORM_NAMES[post.platform]
    event = Event()
    event.add("uid", f"{post.id}@campaigns")
    event.add("dtstamp", post.updated_at)
    event.add("last-modified", post.updated_at)
    event.add("sequence", post.revision)
    event.add("dtstart", post.scheduled_at)
    event.add("dtend", post.scheduled_at + LENGTH)
    event.add("summary", _text(one_line(f"{who}: {post.topic}" + (f" ({of.name})" if of else ""))))
    event.add("status", "CONFIRMED" if post.review.state is ReviewState.APPROVED else "TENTATIVE")
    event.add("transp", "TRANSPARENT")
    if post.pillar:
        event.add("categories", [_text(one_line(post.pillar))])
    if post.content is not None:
        event.add("description", _text(rendered_text(post.platform, post.content)))
        if post.content.link:
            event.add("url", vUri(post.content.link))
    return event
