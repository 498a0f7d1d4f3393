"""Writes the calendars of the sample briefs: `python -m deployments.pages.calendars_page > docs/calendars.md`."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from campaigns.model.brief import CampaignBrief
from campaigns.model.library.persona import Persona
from campaigns.model.post import Slot
from campaigns.model.vocabulary import PLATFORM_NAMES
from campaigns.rules.calendar.building import Calendar, plan_calendar
from campaigns.rules.merge.merging import merge, plan_version
from deployments.place import ROOT

SAMPLES: Final = ROOT / "samples" / "public"
PLANNED: Final = datetime(2026, 12, 1, 9, tzinfo=UTC)
"""When they are planned: before all of them begin."""

SHOWN: Final = {
    "giving-day": (
        "`keyDates` with weight 5: reminders 6, 4, 2 and 1 weeks before and the day before, a post on every platform on"
        " the day, thanks after it. The doubling is an inclusion from and until that day; the link is tracked."
    ),
    "wear-amber": (
        "Two key dates, the second without reminders; the official hashtag in every post; “4 June” is said before it is"
        " over."
    ),
    "second-stage": (
        "Speakers are `items`: a post each, with handle on X and a link. “24 speakers” has to be said in the first two"
        " weeks, the sponsors are thanked in the last one."
    ),
    "engine-launch": "`platformTimes`: LinkedIn Tuesday to Thursday 8 to 10, X at 9, 12 or 17. The launch is a key"
    " date.",
    "screening-month": "The source line is an inclusion of every post; the clinic's day is a key date.",
    "fact-of-the-week": "One post a week for a year; six facts are given as `items`, each with the alt text of its"
    " picture.",
}

_HEAD: Final = """# Calendars of the sample briefs

Made from `samples/public` by `python -m deployments.pages.calendars_page > docs/calendars.md`; a test keeps it so.
What a brief may say beside what, when and where, in one line each:

| Part | |
|---|---|
| `keyDates` | days it is about: `before` reminders (1 to 5, by `weight`), `on` one on each platform, `after` thanks |
| `platformTimes` | days and windows of one platform, in place of the campaign's |
| `messaging.inclusions` | words `once` or in `every_post`, by `platforms`, `from` and `until` a day; not on others |
| `messaging.hashtags` | stand in every post; code adds them |
| `messaging.disclosures` | the first line of every post, such as Advertisement; code adds them |
| `items` | a post each, in order or the heaviest first: `about`, `link`, `handles`, `assetId`, `altText` |
| `trackedLink` | below every post, with `utm_source`, `utm_medium`, `utm_campaign`, `utm_content`; its query stays |

What is not given changes nothing. A key date that cannot be kept is refused with the smallest change that helps, or
warned of where only some of its posts have no room.
"""


def page() -> str:
    """Return the page, as markdown."""
    return "\n".join([_HEAD, *(line for name in SHOWN for line in _section(name))]) + "\n"


def planned(name: str) -> tuple[CampaignBrief, list[Persona], Calendar]:
    """Return a sample brief with its personas and its calendar."""
    brief = CampaignBrief.model_validate(json.loads((SAMPLES / f"{name}.json").read_text("utf-8")))
    stored = {"tenantId": "docs", "createdAt": PLANNED.isoformat(), "updatedAt": PLANNED.isoformat()}
    known = json.loads((SAMPLES / "personas.json").read_text("utf-8"))
    people = [Persona.model_validate({**stored, **each}) for each in known]
    people = [each for each in people if each.id in brief.participants.persona_ids]
    config = merge(brief, None, people)
    return brief, people, plan_calendar(brief, config, seed=plan_version(brief, config), not_before=PLANNED)


def _section(name: str) -> Iterator[str]:
    brief, _, calendar = planned(name)
    yield f"\n## {brief.name}\n"
    yield f"[`samples/public/{name}.json`](../samples/public/{name}.json), {len(calendar.slots)} posts, times in"
    yield f"{brief.schedule.timezone}. {SHOWN[name]}\n"
    yield from (f"- Warning: {warning}" for warning in calendar.warnings)
    yield "| | When | Platform | Intent | About | Says | Carries |"
    yield "|---|---|---|---|---|---|---|"
    for slot in calendar.slots:
        yield f"| {' | '.join(_cells(brief, slot))} |"


def _cells(brief: CampaignBrief, slot: Slot) -> list[str]:
    at, given = slot.scheduled_at.astimezone(brief.schedule.zone), slot.given
    about, carries = "", [] if not slot.needs_cta else ["call to action"]
    if given is not None:
        near = given.near
        about = f"{near.label}, {near.when}" if near else given.item.name if given.item else ""
        handle = given.item.handle_on(slot.platform) if given.item else None
        carries += [f"#{tag}" for tag in given.hashtags] + given.disclosures
        carries += [f"@{handle}"] if handle else []
        carries += ["link"] if given.link else []
    intent = slot.intent.replace("_", " ")
    said = "; ".join(slot.required_inclusions)
    return [str(slot.number), f"{at:%a %d %b %H:%M}", PLATFORM_NAMES[slot.platform], intent, about, said,
            ", ".join(carries)]  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(page())
