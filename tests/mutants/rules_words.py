"""Small breaks of what a brief may say beside what, when and where, each with the test that notices."""

from __future__ import annotations

from tests.mutants.run import Mutant

DATES = "tests/rules/test_key_dates.py"
GIVEN = "tests/rules/test_given.py"

MUTANTS: list[Mutant] = [
    {
        "name": "two posts of a key date at one moment",
        "file": "campaigns/rules/calendar/dates/dated.py",
        "old": "mark not in self._taken and all(",
        "new": "all(",
        "killed_by": DATES,
    },
    {
        "name": "voices of key dates keep no distance",
        "file": "campaigns/rules/calendar/dates/dated.py",
        "old": "abs(mark - other) >= _SPACING for",
        "new": "abs(mark - other) >= 0 for",
        "killed_by": DATES,
    },
    {
        "name": "a day of a key date takes more than its cap",
        "file": "campaigns/rules/calendar/dates/key_dates.py",
        "old": "if self._days[pin.day] >= self._per_day or",
        "new": "if",
        "killed_by": DATES,
    },
    {
        "name": "what is over is reminded of",
        "file": "campaigns/rules/calendar/dates/key_dates.py",
        "old": '"after": "social_proof"',
        "new": '"after": "reminder"',
        "killed_by": DATES,
    },
    {
        "name": "an inclusion is said after the day it names",
        "file": "campaigns/rules/calendar/intents.py",
        "old": "late = too_late[number] or [False] * count",
        "new": "late = [False] * count",
        "killed_by": DATES,
    },
    {
        "name": "a platform is posted on at any time",
        "file": "campaigns/rules/calendar/slots/openings.py",
        "old": "windows = tuple(sorted(own.windows, key=lambda window: window.start)) or terms.windows",
        "new": "windows = terms.windows",
        "killed_by": DATES,
    },
    {
        "name": "words of one day are said on every day",
        "file": "campaigns/rules/calendar/giving.py",
        "old": 'if each.scope == "every_post" and not each.in_time(day)',
        "new": 'if each.scope == "once"',
        "killed_by": GIVEN,
    },
    {
        "name": "a parameter of a link is said twice",
        "file": "campaigns/rules/text/web/tracking.py",
        "old": " if name not in said]",
        "new": "]",
        "killed_by": GIVEN,
    },
    {
        "name": "a disclosure may stand anywhere",
        "file": "campaigns/rules/text/given.py",
        "old": "[: len(given.disclosures)]",
        "new": "",
        "killed_by": GIVEN,
    },
    {
        "name": "a closed key date is let through",
        "file": "campaigns/rules/calendar/dates/dated_refusal.py",
        "old": "elif not openings.on(each.date):",
        "new": "elif False:",
        "killed_by": DATES,
    },
]
