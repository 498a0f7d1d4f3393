"""The posts of a campaign as files: CSV for spreadsheets, iCalendar (RFC 5545) for calendars."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from icalendar import Calendar, Event, vUri

from campaigns.model.campaign import Campaign
from campaigns.model.persona import Persona
from campaigns.model.post import Post
from campaigns.model.vocabulary import PLATFORM_NAMES, ReviewState
from campaigns.rules.platforms import rendered_text

COLUMNS: Final = (
    "id", "number", "scheduledAt", "localTime", "timezone", "platform", "personaId", "persona", "pillar", "intent",
    "topic", "text", "link", "altText", "status", "review", "revision", "contentHash",
)  # fmt: skip
# A spreadsheet takes a cell that starts with one of these for a formula and runs it (OWASP, "CSV Injection");
# also in full width, and behind white space.
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")
LENGTH: Final = timedelta(minutes=15)
"""How long a post stands in a calendar: it takes no time, and an event of none is not shown."""


def csv_of(campaign: Campaign, posts: Sequence[Post], personas: Mapping[str, Persona]) -> bytes:
    """Return the posts as CSV (RFC 4180) with a header, in the order given; no cell is a formula.

    In UTF-8 with a byte order mark: without it Excel takes every letter beyond ASCII for two others.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
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
            persona.name if persona else "",
            post.pillar or "",
            post.intent,
            post.topic,
            rendered_text(post.platform, content) if content else "",
            (content.link if content else None) or "",
            (content.alt_text if content else None) or "",
            post.status,
            post.review.state,
            str(post.revision),
            post.content_hash(),
        ]
        writer.writerow([_harmless(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) else cell


def ics_of(campaign: Campaign, posts: Sequence[Post], personas: Mapping[str, Persona]) -> bytes:
    """Return the posts as a calendar of events in UTC; what is not approved stands there as tentative."""
    calendar = Calendar()
    calendar.add("prodid", "-//Campaign Orchestration//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", campaign.name)
    calendar.add("x-wr-timezone", campaign.schedule.timezone)
    for post in posts:
        persona = personas.get(post.persona_id)
        who = f"{PLATFORM_NAMES[post.platform]} · {persona.name}" if persona else PLATFORM_NAMES[post.platform]
        event = Event()
        event.add("uid", f"{post.id}@campaigns")
        event.add("dtstamp", post.updated_at)
        event.add("last-modified", post.updated_at)
        event.add("sequence", post.revision)
        event.add("dtstart", post.scheduled_at)
        event.add("dtend", post.scheduled_at + LENGTH)
        event.add("summary", f"{who}: {post.topic}")
        event.add("status", "CONFIRMED" if post.review.state is ReviewState.APPROVED else "TENTATIVE")
        event.add("transp", "TRANSPARENT")
        if post.pillar:
            event.add("categories", [post.pillar])
        if post.content is not None:
            event.add("description", rendered_text(post.platform, post.content))
            if post.content.link:
                event.add("url", vUri(post.content.link))
        calendar.add_component(event)
    return bytes(calendar.to_ical())
