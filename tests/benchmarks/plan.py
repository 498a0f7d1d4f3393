"""How long a calendar takes: python -m tests.benchmarks.plan prints milliseconds for 25 to 200 posts, and the ratio.

A campaign of twelve weeks with three personas on four platforms, so that only the number of posts
grows. Exits with 1 when 200 posts take more than 200 ms, or eight times the posts more than sixteen
times the time.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any

from campaigns.model.base import derived_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.library.persona import Persona
from campaigns.rules.calendar.building import plan_calendar
from campaigns.rules.merge.merging import merge

SIZES = (25, 50, 100, 200)
LIMIT_MS = 200.0
ROUNDS = 15
WEEKS = 12.5

PERSON: dict[str, Any] = {
    "tenantId": "bench",
    "createdAt": "2027-01-01T00:00:00Z",
    "updatedAt": "2027-01-01T00:00:00Z",
    "role": "Writer",
    "company": "Acme",
    "primaryAudience": "consumers",
    "voiceTraits": ["plain"],
    "writingHabits": {"paragraphs": "short", "questions": "rare", "emojis": "sparing", "structure": "prose"},
    "opinions": {"strongBeliefs": ["Say it simply"]},
    "ctaStyle": {"aggressiveness": "medium"},
}


def situation(posts: int) -> tuple[CampaignBrief, list[Persona]]:
    """Return a brief whose cadence gives about this many posts in 88 days across a clock change."""
    people = [
        Persona.model_validate({**PERSON, "id": derived_id("persona", number), "name": f"P{number}"})
        for number in range(3)
    ]
    per_week = round(posts / WEEKS)
    brief = CampaignBrief.model_validate(
        {
            "name": "Benchmark",
            "brief": {"description": "A long campaign", "objective": "awareness"},
            "participants": {
                "personaIds": [person.id for person in people],
                "platforms": ["twitter", "linkedin", "instagram", "facebook"],
            },
            "schedule": {
                "timezone": "America/New_York",
                "startDate": "2027-09-06",
                "endDate": "2027-12-02",
                "allowedDaysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
                "blackoutDates": ["2027-11-25"],
            },
            "cadenceOverrides": {"minPostsPerWeek": per_week, "maxPostsPerWeek": per_week, "maxPostsPerDay": 8},
            "messaging": {"requiredInclusions": ["38 families", "900 bags"]},
        }
    )
    return brief, people


def milliseconds(posts: int) -> tuple[int, float]:
    """Return the number of posts planned, and the median time of a few rounds, merge included."""
    brief, people = situation(posts)
    times: list[float] = []
    planned = 0
    for _ in range(ROUNDS):
        start = perf_counter()
        calendar = plan_calendar(
            brief, merge(brief, None, people), seed="bench", not_before=datetime(2027, 9, 1, tzinfo=UTC)
        )
        times.append((perf_counter() - start) * 1000)
        planned = len(calendar.slots)
    return planned, median(times)


def main() -> int:
    milliseconds(SIZES[0])  # the first one pays for imports and caches
    results = [milliseconds(posts) for posts in SIZES]
    print("posts       ms   ms/post")
    for planned, taken in results:
        print(f"{planned:5} {taken:8.2f} {taken / planned:9.3f}")
    (few, fast), (many, slow) = results[0], results[-1]
    print(f"{many / few:.1f} times the posts take {slow / fast:.1f} times the time")
    return 0 if slow < LIMIT_MS and slow / fast < 2 * many / few else 1


if __name__ == "__main__":
    sys.exit(main())
