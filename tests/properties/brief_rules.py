"""Which briefs domain.md section 3 accepts, once more, in plain Python on plain JSON.

`wrong(wire)` names the fields that are at fault: those that are wrong by themselves, and those that
only contradict another one (looked at when everything stands by itself).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.errors import HeaderParseError, NonASCIILocalPartDefect
from email.headerregistry import Address
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

ZONES = available_timezones()
ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
PLATFORMS = ["twitter", "linkedin", "instagram", "facebook", "threads", "bluesky", "mastodon"]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
PASTED = "\u00ad\u200b\u200e\u200f\u2060\u2066\u2069\ufeff"
LINE_ENDS = ("\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029")
CROSS = {
    "brief.primaryCTA",
    "participants.distribution",
    "schedule.endDate",
    "cadenceOverrides.maxPostsPerWeek",
    "assetOverrides",
    "approval.quorum",
}
"""Fields that may be at fault because of another field."""


@dataclass
class Verdict:
    alone: set[str] = field(default_factory=set)
    together: set[str] = field(default_factory=set)

    @property
    def accepted(self) -> bool:
        return not self.alone and not self.together


def clean(value: str) -> str:
    return normal(value).strip()


def normal(value: str) -> str:
    for end in LINE_ENDS:
        value = value.replace(end, "\n")
    return unicodedata.normalize("NFC", "".join(letter for letter in value if letter not in PASTED))


def hides(letter: str) -> bool:
    control = unicodedata.category(letter) == "Cc" and letter not in "\n\t"
    return control or letter in "\u202d\u202e" or 0xE0000 <= ord(letter) < 0xE1000


def is_text(least: int, most: int) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        return not any(map(hides, normal(value))) and least <= len(clean(value)) <= most

    return check


def is_whole(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= most


def is_share(value: Any) -> bool:
    return type(value) in {int, float} and math.isfinite(value) and 0 <= value <= 1


def is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def is_id(kind: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(f"{kind}_{ULID}", value) is not None


def is_one_of(choices: list[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in choices


def is_url(value: Any) -> bool:
    if not is_text(1, 2000)(value):
        return False
    return re.fullmatch(r"https?://[^\s/?#@]+\.[^\s/?#@]+([/?#]\S*)?", clean(value), re.IGNORECASE) is not None


def is_mailbox(value: str) -> bool:
    """Whether the standard library's mail package reads and writes it alike, and its host is one of the internet."""
    try:
        same = Address(addr_spec=value).addr_spec == value
    except (ValueError, IndexError, HeaderParseError, NonASCIILocalPartDefect):
        return False
    labels = value.rpartition("@")[2].split(".")
    plain = all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", label) and len(label) < 64 for label in labels)
    return (
        same
        and value.isascii()
        and '"' not in value
        and plain
        and len(labels) > 1
        and bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9-]+", labels[-1]))
    )


def is_zone(value: Any) -> bool:
    return is_text(1, 64)(value) and clean(value) in ZONES


def is_day(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return False
    return 2000 <= day.year <= 2999


def is_moment(value: Any) -> bool:
    shape = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})"
    if not isinstance(value, str) or not re.fullmatch(shape, value):
        return False
    try:
        moment = datetime.fromisoformat(value)
        if not 2000 <= moment.year <= 2999 or not 2000 <= moment.astimezone(UTC).year <= 2999:
            return False
    except ValueError:
        return False
    return True


class Reader:
    """Walks an object and notes what is wrong by itself, under its path."""

    def __init__(self) -> None:
        self.wrong: set[str] = set()

    def fields(self, value: Any, path: str, known: list[str]) -> dict[str, Any] | None:
        """Return the fields that are given (null is not), after naming strangers; None when it is no object."""
        if not isinstance(value, dict):
            self.wrong.add(path)
            return None
        given = {key: inner for key, inner in value.items() if inner is not None}
        self.wrong |= {f"{path}.{key}".lstrip(".") for key in given if key not in known}
        return given

    def need(self, given: dict[str, Any], path: str, name: str, check: Callable[[Any], bool]) -> Any:
        if name not in given:
            self.wrong.add(f"{path}.{name}".lstrip("."))
            return None
        return self.may(given, path, name, check)

    def may(self, given: dict[str, Any], path: str, name: str, check: Callable[[Any], bool]) -> Any:
        if name in given and not check(given[name]):
            self.wrong.add(f"{path}.{name}".lstrip("."))
            return None
        return given.get(name)

    def entries(
        self, value: Any, path: str, least: int, most: int, check: Callable[[Any], bool], *, lines: bool = False
    ) -> list[Any] | None:
        """Return the entries of a list when all of it is right by itself."""
        if not isinstance(value, list):
            self.wrong.add(path)
            return None
        if lines and all(isinstance(entry, str) or entry is None for entry in value):
            value = [line for entry in value if entry for line in entry.splitlines() if line.strip()]
        if not least <= len(value) <= most:
            # Too many entries are not looked at one by one.
            self.wrong.add(path)
            return None
        if not all(check(entry) for entry in value):
            self.wrong.add(f"{path}[]")
            return None
        return list(value)


def wrong(wire: Any) -> Verdict:
    """Return the fields at fault; list indexes are written `[]`."""
    read = Reader()
    top = read.fields(
        wire,
        "",
        ["name", "brief", "participants", "schedule", "brandId", "cadenceOverrides", "messaging", "assetOverrides",
         "approval", "budgetUSD", "metadata"],
    )  # fmt: skip
    if top is None:
        return Verdict({"body"})
    read.need(top, "", "name", is_text(1, 200))
    read.may(top, "", "brandId", is_id("brand"))
    read.may(top, "", "budgetUSD", lambda v: type(v) in {int, float} and math.isfinite(v) and 0 <= v <= 10_000)
    together: list[Callable[[], str | None]] = [
        _brief(read, top),
        _participants(read, top),
        _schedule(read, top),
        _cadence(read, top),
        _approval(read, top),
        _visuals(read, top),
    ]
    _messaging(read, top)
    if "metadata" in top and (meta := read.fields(top["metadata"], "metadata", ["source", "externalRef"])) is not None:
        read.may(meta, "metadata", "source", is_one_of(["wizard", "api", "import", "ui", "schedule"]))
        read.may(meta, "metadata", "externalRef", is_text(1, 200))
    if read.wrong:
        return Verdict(read.wrong)
    return Verdict(together={found for check in together if (found := check()) is not None})


def _nothing() -> str | None:
    return None


def _brief(read: Reader, top: dict[str, Any]) -> Callable[[], str | None]:
    if "brief" not in top:
        read.wrong.add("brief")
        return _nothing
    brief = read.fields(top["brief"], "brief", ["description", "objective", "primaryCTA", "ctaWaived"])
    if brief is None:
        return _nothing
    read.need(brief, "brief", "description", is_text(10, 2000))
    objective = read.need(
        brief, "brief", "objective", is_one_of(["awareness", "education", "conversion", "event", "launch"])
    )
    waived = read.may(brief, "brief", "ctaWaived", is_bool)
    cta = brief.get("primaryCTA")
    if isinstance(cta, dict) and all(value in (None, "") for value in cta.values()):
        cta = None
    if cta is not None and (asked := read.fields(cta, "brief.primaryCTA", ["type", "text", "url"])) is not None:
        read.need(asked, "brief.primaryCTA", "type", is_text(1, 50))
        read.need(asked, "brief.primaryCTA", "text", is_text(1, 200))
        read.may(asked, "brief.primaryCTA", "url", is_url)
    needed = objective in {"conversion", "event"} and not waived
    return lambda: "brief.primaryCTA" if needed and cta is None else None


def _participants(read: Reader, top: dict[str, Any]) -> Callable[[], str | None]:
    here = "participants"
    if here not in top:
        read.wrong.add(here)
        return _nothing
    given = read.fields(top[here], here, ["personaIds", "platforms", "distribution"])
    if given is None:
        return _nothing
    selected: dict[str, list[Any] | None] = {}
    for name, most, check in (
        ("personaIds", 10, is_id("persona")),
        ("platforms", len(PLATFORMS), is_one_of(PLATFORMS)),
    ):
        if name not in given:
            read.wrong.add(f"{here}.{name}")
            selected[name] = None
            continue
        entries = read.entries(given[name], f"{here}.{name}", 1, most, check, lines=name == "personaIds")
        if entries is not None and len(set(entries)) < len(entries):
            read.wrong.add(f"{here}.{name}")
        selected[name] = entries
    path = f"{here}.distribution"
    shares = given.get("distribution", {})
    shares = read.fields(shares, path, ["mode", "personaWeights", "platformWeights"])
    if shares is None:
        return _nothing
    mode = read.may(shares, path, "mode", is_one_of(["balanced", "weighted", "custom"])) or "balanced"
    maps: dict[str, dict[str, Any]] = {}
    for name, is_key in (("personaWeights", is_id("persona")), ("platformWeights", is_one_of(PLATFORMS))):
        weights = shares.get(name)
        if name == "platformWeights" and isinstance(weights, dict) and all(v in (None, "") for v in weights.values()):
            weights = None
        if weights is None:
            continue
        if not isinstance(weights, dict):
            read.wrong.add(f"{path}.{name}")
            continue
        weights = {key: weight for key, weight in weights.items() if weight is not None}
        faulty = {key for key, weight in weights.items() if not is_key(key) or not is_share(weight)}
        read.wrong |= {f"{path}.{name}.{key}" for key in faulty}
        maps[name] = weights

    def contradicts() -> str | None:
        if mode == "balanced":
            return path if maps else None
        if mode == "weighted" and not maps:
            return path
        for name, weights in maps.items():
            chosen = selected["personaIds" if name == "personaWeights" else "platforms"] or []
            total = sum(Fraction(str(weight)) for weight in weights.values())
            if set(weights) - set(chosen) or not Fraction("0.999") <= total <= Fraction("1.001"):
                return path
            if mode == "weighted" and (set(weights) != set(chosen) or min(weights.values()) <= 0):
                return path
        return None

    return contradicts


def _schedule(read: Reader, top: dict[str, Any]) -> Callable[[], str | None]:
    here = "schedule"
    if here not in top:
        read.wrong.add(here)
        return _nothing
    given = read.fields(
        top[here],
        here,
        ["timezone", "startDate", "endDate", "allowedDaysOfWeek", "blackoutDates", "postingWindows"],
    )
    if given is None:
        return _nothing
    zone = read.need(given, here, "timezone", is_zone)
    start = read.need(given, here, "startDate", lambda value: is_day(value) or is_moment(value))
    end = read.need(given, here, "endDate", lambda value: is_day(value) or is_moment(value))
    if "allowedDaysOfWeek" not in given:
        read.wrong.add("schedule.allowedDaysOfWeek")
    else:
        days = read.entries(given["allowedDaysOfWeek"], "schedule.allowedDaysOfWeek", 1, 7, is_one_of(DAYS))
        if days is not None and len(set(days)) < len(days):
            read.wrong.add("schedule.allowedDaysOfWeek")
    _blackout(read, given)
    _windows(read, given)

    def contradicts() -> str | None:
        local = ZoneInfo(clean(zone))

        def first_of(day: date) -> datetime:
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
            while moment.astimezone(local).date() < day:
                moment += timedelta(minutes=15)
            return moment

        opens = first_of(date.fromisoformat(start)) if is_day(start) else datetime.fromisoformat(start)
        if is_day(end):
            last = date.fromisoformat(end)
            closes = first_of(last + timedelta(days=1))
        else:
            closes = datetime.fromisoformat(end)
            last = closes.astimezone(local).date()
        first = date.fromisoformat(start) if is_day(start) else opens.astimezone(local).date()
        return "schedule.endDate" if closes <= opens or (last - first).days > 366 else None

    return contradicts


def _blackout(read: Reader, given: dict[str, Any]) -> None:
    path = "schedule.blackoutDates"
    entries = given.get("blackoutDates", [])
    if not isinstance(entries, list):
        read.wrong.add(path)
        return
    before = len(read.wrong)
    singles: list[str] = []
    total = 0
    for entry in entries:
        if isinstance(entry, dict):
            edges = read.fields(entry, f"{path}[]", ["from", "to"]) or {}
            start = read.need(edges, f"{path}[]", "from", is_day)
            end = read.need(edges, f"{path}[]", "to", is_day)
            if start is not None and end is not None:
                if end < start:
                    read.wrong.add(f"{path}[].to")
                total += (date.fromisoformat(end) - date.fromisoformat(start)).days + 1
        elif is_day(entry):
            singles.append(entry)
            total += 1
        else:
            read.wrong.add(f"{path}[]")
    if len(read.wrong) == before and (len(set(singles)) < len(singles) or total > 366):
        read.wrong.add(path)


def _windows(read: Reader, given: dict[str, Any]) -> None:
    path = "schedule.postingWindows"
    entries = given.get("postingWindows", [])
    if not isinstance(entries, list):
        read.wrong.add(path)
        return
    before = len(read.wrong)
    if len(entries) > 12:
        read.wrong.add(path)
        return
    good: list[tuple[str, str]] = []
    hour = r"([01][0-9]|2[0-3]):[0-5][0-9]"
    for entry in entries:
        edges = read.fields(entry, f"{path}[]", ["start", "end"])
        if edges is None:
            continue
        start = read.need(
            edges, f"{path}[]", "start", lambda v: isinstance(v, str) and re.fullmatch(hour, v) is not None
        )
        end = read.need(
            edges, f"{path}[]", "end", lambda v: isinstance(v, str) and re.fullmatch(f"{hour}|24:00", v) is not None
        )
        if start is not None and end is not None:
            if end <= start:
                read.wrong.add(f"{path}[].end")
            good.append((start, end))
    good.sort()
    overlap = any(later[0] < earlier[1] for earlier, later in pairwise(good))
    if len(read.wrong) == before and overlap:
        read.wrong.add(path)


def _cadence(read: Reader, top: dict[str, Any]) -> Callable[[], str | None]:
    here = "cadenceOverrides"
    given = read.fields(top.get(here, {}), here, ["minPostsPerWeek", "maxPostsPerWeek", "maxPostsPerDay"])
    if given is None:
        return _nothing
    least = read.may(given, here, "minPostsPerWeek", is_whole(0, 200))
    most = read.may(given, here, "maxPostsPerWeek", is_whole(1, 200))
    read.may(given, here, "maxPostsPerDay", is_whole(1, 50))
    crossed = least is not None and most is not None and most < least
    return lambda: f"{here}.maxPostsPerWeek" if crossed else None


def _messaging(read: Reader, top: dict[str, Any]) -> None:
    here = "messaging"
    given = read.fields(top.get(here, {}), here, ["pillars", "requiredInclusions", "campaignAvoidTopics"])
    if given is None:
        return
    for name, most, longest in (("requiredInclusions", 20, 500), ("campaignAvoidTopics", 50, 200)):
        read.entries(given.get(name, []), f"{here}.{name}", 0, most, is_text(1, longest), lines=True)
    path = f"{here}.pillars"
    pillars = given.get("pillars", [])
    if not isinstance(pillars, list):
        read.wrong.add(path)
        return
    before = len(read.wrong)
    if len(pillars) > 10:
        read.wrong.add(path)
        return
    names: list[str] = []
    total = Fraction(0)
    for entry in pillars:
        pillar = read.fields(entry, f"{path}[]", ["name", "weight"])
        if pillar is None:
            continue
        name = read.need(pillar, f"{path}[]", "name", is_text(1, 100))
        weight = read.need(pillar, f"{path}[]", "weight", is_share)
        if name is not None and weight is not None:
            names.append(clean(name).casefold())
            total += Fraction(str(weight))
    right = not pillars or Fraction("0.999") <= total <= Fraction("1.001")
    if len(read.wrong) == before and (len(set(names)) < len(names) or not right):
        read.wrong.add(path)


def _approval(read: Reader, top: dict[str, Any]) -> Callable[[], str | None]:
    here = "approval"
    given = read.fields(
        top.get(here, {}),
        here,
        ["approvers", "quorum", "expiresInHours", "reminders", "onTimeout", "maxRevisionRounds", "requireOtp",
         "preventSelfApproval", "settleSeconds", "collectAll"],
    )  # fmt: skip
    if given is None:
        return _nothing
    quorums = ["any", "all", *map(str, range(1, 11))]
    quorum = read.may(given, here, "quorum", lambda v: (str(v) if type(v) is int else v) in quorums)
    read.may(given, here, "expiresInHours", is_whole(1, 720))
    read.may(given, here, "maxRevisionRounds", is_whole(0, 10))
    read.may(given, here, "settleSeconds", is_whole(0, 3600))
    read.may(given, here, "onTimeout", is_one_of(["reject", "approve", "extend"]))
    read.may(given, here, "requireOtp", is_bool)
    read.may(given, here, "collectAll", is_bool)
    read.may(given, here, "preventSelfApproval", is_bool)
    reminders = read.entries(given.get("reminders", []), f"{here}.reminders", 0, 10, is_whole(1, 720))
    if reminders is not None and len(set(reminders)) < len(reminders):
        read.wrong.add(f"{here}.reminders")
    path = f"{here}.approvers"
    approvers = given.get("approvers", [])
    if not isinstance(approvers, list):
        read.wrong.add(path)
        return _nothing
    before = len(read.wrong)
    if len(approvers) > 10:
        read.wrong.add(path)
        return _nothing
    addresses: list[str] = []
    for entry in approvers:
        person = read.fields(entry, f"{path}[]", ["name", "email", "locale", "timezone"])
        if person is None:
            continue
        read.need(person, f"{path}[]", "name", is_text(1, 100))
        email = read.need(
            person,
            f"{path}[]",
            "email",
            lambda v: is_text(3, 254)(v) and is_mailbox(clean(v)),
        )
        read.may(
            person,
            f"{path}[]",
            "locale",
            lambda v: isinstance(v, str) and bool(re.fullmatch("[a-z]{2}([-_][A-Z]{2})?", v)),
        )
        read.may(person, f"{path}[]", "timezone", is_zone)
        addresses.append(clean(email).casefold() if email is not None else "")
    if len(read.wrong) == before and len(set(addresses)) < len(addresses):
        read.wrong.add(path)
    asked = int(quorum) if str(quorum).isdigit() else 1
    return lambda: f"{here}.quorum" if asked > max(1, len(approvers)) else None


def _visuals(read: Reader, top: dict[str, Any]) -> Callable[[], str | None]:
    here = "assetOverrides"
    given = read.fields(top.get(here, {}), here, ["forceVisuals"])
    if given is None:
        return _nothing
    visuals = read.fields(given.get("forceVisuals", {}), f"{here}.forceVisuals", PLATFORMS)
    if visuals is None:
        return _nothing
    for platform in PLATFORMS:
        read.may(visuals, f"{here}.forceVisuals", platform, is_bool)

    def contradicts() -> str | None:
        return here if "instagram" in top["participants"]["platforms"] and visuals.get("instagram") is False else None

    return contradicts
