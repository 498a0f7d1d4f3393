"""A template: a campaign that comes again and again, and what became of each time (its occurrences).

A template is a brief without dates, a rule that says when it comes, and a window that says which days the posts of
one occurrence lie in. Everything is wall time in one zone, that of `brief.schedule.timezone`.
"""

import datetime as dt
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, StrictInt, StringConstraints, ValidationInfo, create_model, field_validator
from pydantic_core import PydanticCustomError

from campaigns.model.base import (
    CampaignId,
    Instant,
    Maybe,
    OccurrenceId,
    TemplateId,
    TenantId,
    Text100,
    Unique,
    Wire,
    card,
    optional,
)
from campaigns.model.brief import CampaignBrief
from campaigns.model.terms.schedule import HHMM, BlackoutDay, DateRange, LocalDate, PostingWindow, Zone, before_its_end
from campaigns.model.vocabulary import CampaignStatus, Day

MAX_INTERVAL: Final = 52
MAX_HOLIDAYS: Final = 200_000
"""Characters of a calendar of holidays."""

_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "DAILY": frozenset(),
    "WEEKLY": frozenset({"BYDAY", "WKST"}),
    "MONTHLY": frozenset({"BYDAY", "BYMONTHDAY", "BYSETPOS"}),
    "YEARLY": frozenset({"BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS"}),
}
"""What a rule may say, by its frequency: no part by which a day could not be found within a moment."""
_DAY: Final = r"(?:MO|TU|WE|TH|FR|SA|SU)"
_NTH_DAY: Final = rf"(?:[+-]?[1-5])?{_DAY}"
_MONTHDAY: Final = r"(?:-?(?:[1-9]|[12]\d|3[01]))"
_VALUES: Final[Mapping[str, str]] = {
    "INTERVAL": r"[1-9]\d?",
    "BYDAY": rf"{_NTH_DAY}(?:,{_NTH_DAY}){{0,6}}",
    "BYMONTHDAY": rf"{_MONTHDAY}(?:,{_MONTHDAY}){{0,30}}",
    "BYMONTH": r"(?:[1-9]|1[0-2])(?:,(?:[1-9]|1[0-2])){0,11}",
    "BYSETPOS": r"[+-]?[1-5]",
    "WKST": _DAY,
}


def rule_parts(rule: str) -> dict[str, str]:
    """Return the parts of a recurrence rule (RFC 5545 section 3.3.10) by name.

    Raises:
        PydanticCustomError: it is no rule, or says more than a template may (type `rrule_invalid`).
    """
    pairs = [part.partition("=") for part in rule.removeprefix("RRULE:").split(";")]
    parts = {name: value for name, _, value in pairs}
    frequency = parts.get("FREQ", "")
    if frequency not in _PARTS or len(parts) != len(pairs):
        raise _not_a_rule("must begin with one of FREQ=DAILY, WEEKLY, MONTHLY, YEARLY, and say each part once")
    allowed = {"FREQ", "INTERVAL"} | _PARTS[frequency]
    for name, value in parts.items():
        if name not in allowed:
            raise _not_a_rule(
                f"has no part {name or 'without a name'} with FREQ={frequency}: "
                f"it takes {', '.join(sorted(allowed))}; an end is endsOn or count, a time of day is at"
            )
        if name != "FREQ" and not re.fullmatch(_VALUES[name], value, re.ASCII):
            raise _not_a_rule(f"has a {name} that is none: {value or 'nothing'}")
    if int(parts.get("INTERVAL", "1")) > MAX_INTERVAL:
        raise _not_a_rule(f"has an INTERVAL above {MAX_INTERVAL}")
    if frequency == "WEEKLY" and re.search(r"\d", parts.get("BYDAY", "")):
        raise _not_a_rule("counts days of a month (such as 1MO), and FREQ=WEEKLY has weeks")
    return parts


def _not_a_rule(words: str) -> PydanticCustomError:
    return PydanticCustomError("rrule_invalid", "is no rule of a template: it {why}", {"why": words[:300]})


def _upper(rule: str) -> str:
    parts = rule_parts(rule.strip().upper())
    return ";".join(f"{name}={value}" for name, value in parts.items())


class Recurrence(Wire):
    """When a template comes, in its time zone. One occurrence a day at most."""

    rrule: Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_upper)] = Field(
        title="Rule", description="RFC 5545, such as FREQ=WEEKLY;BYDAY=TU or FREQ=MONTHLY;BYDAY=1MO"
    )
    at: Annotated[str, StringConstraints(pattern=HHMM)] = Field(
        default="09:00", title="At", description="HH:MM in the template's time zone"
    )
    starts_on: LocalDate = Field(title="First day", description="No occurrence before it; the rule counts from it")
    ends_on: Maybe[LocalDate] = optional("Last day", "No occurrence after it; empty: it goes on")
    count: Maybe[Annotated[StrictInt, Field(ge=1, le=1000)]] = optional(
        "Times", "Ends after so many; empty: it goes on"
    )

    @field_validator("ends_on", mode="after")
    @classmethod
    def _ends_later(cls, value: dt.date | None, info: ValidationInfo) -> dt.date | None:
        return before_its_end(value, info.data.get("starts_on"))


_DURATION: Final = r"^-?P([0-9]{1,2}M)?([0-9]{1,2}W)?([0-9]{1,3}D)?$"
_YEARLY: Final = r"^--(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
LEAP_YEAR: Final = 2024


def _duration(value: str) -> str:
    if not re.search(r"\d", value):
        raise PydanticCustomError("duration", "must be a duration of days, weeks or months such as P7D, P2W or P1M")
    return value


def _yearly(value: str) -> str:
    try:
        dt.date(LEAP_YEAR, int(value[2:4]), int(value[5:7]))
    except ValueError:
        raise PydanticCustomError("date_parsing", "must be a date such as 2027-03-15") from None
    return value


Duration = Annotated[str, StringConstraints(pattern=_DURATION), AfterValidator(_duration)]
"""Calendar days, weeks and months in local time: a day is a day, also where the clocks change."""
YearlyDay = Annotated[str, StringConstraints(pattern=_YEARLY), AfterValidator(_yearly)]
"""The same day of every year, such as `--12-25`."""
Anchor = Literal["scheduled_time", "next_monday", "first_of_next_month", "event_date"]


class Window(Wire):
    """The days that the posts of one occurrence lie in, counted from the day on which it was due."""

    anchor: Anchor = Field(
        default="next_monday",
        title="Counted from",
        description="scheduled_time: the day it is due. The others: the first such day after it",
    )
    offset: Duration = Field(default="P0D", title="Begins so much later", description="Such as P2D; -P14D: before it")
    length: Duration = Field(default="P7D", title="Lasts", description="Such as P7D or P1M; at most 90 days")
    event_day: Maybe[YearlyDay] = optional(
        "Day of the event", "For event_date: every year on this day, such as --10-01", validate_default=True
    )

    @field_validator("length", mode="after")
    @classmethod
    def _lasts(cls, value: str) -> str:
        if value.startswith("-") or not re.search(r"[1-9]", value):
            raise PydanticCustomError("duration", "must be a duration of days, weeks or months such as P7D, P2W or P1M")
        return value

    @field_validator("event_day", mode="after")
    @classmethod
    def _named_for_an_event(cls, value: str | None, info: ValidationInfo) -> str | None:
        anchor = info.data.get("anchor")
        if anchor is not None and (value is not None) is not (anchor == "event_date"):
            raise PydanticCustomError("event_day", "goes with the anchor event_date, and only with it")
        return value


MAX_MEMORY: Final = 60
Hours = Annotated[StrictInt, Field(ge=0, le=1440)]


class Policies(Wire):
    """What to do when an occurrence is late, when the one before still waits, and when people say no."""

    lead_hours: Annotated[StrictInt, Field(ge=1, le=720)] = Field(
        default=48, title="Hours for the approval", description="No post earlier than so long after it is begun"
    )
    overlap: Literal["queue", "skip", "supersede_previous", "allow"] = Field(
        default="queue", title="If the one before still waits", description="queue: begin when that one has ended"
    )
    catch_up: Literal["latest_only", "skip", "all"] = Field(
        default="latest_only", title="If some were missed", description="After downtime: which of them are still made"
    )
    catch_up_at_most: Annotated[StrictInt, Field(ge=1, le=10)] = Field(
        default=3, title="Of all those missed, at most", description="For all: the newest so many"
    )
    max_lateness_hours: Maybe[Hours] = optional(
        "Too late after hours",
        "Later than that it is left out, unless all are caught up; empty: half the approval's hours",
    )
    min_useful_posts: Annotated[StrictInt, Field(ge=1, le=200)] = Field(
        default=1, title="Posts it must still have", description="With fewer left in its window it is left out"
    )
    pause_after_rejections: Annotated[StrictInt, Field(ge=0, le=20)] = Field(
        default=2, title="Pause after rejections", description="So many in a row pause the template; 0: never"
    )
    generation_failed: Maybe[Literal["alert", "retry_next_slot"]] = optional(
        "If the posts could not be written",
        "alert, as when empty: an operator decides; retry_next_slot: made once more when the template comes next",
    )
    topic_memory: Annotated[StrictInt, Field(ge=0, le=MAX_MEMORY)] = Field(
        default=6, title="Occurrences remembered", description="Their topics and openings do not come again"
    )

    def lateness(self) -> dt.timedelta:
        """Return how late an occurrence may begin."""
        hours = self.lead_hours / 2 if self.max_lateness_hours is None else self.max_lateness_hours
        return dt.timedelta(hours=hours)


class TemplateSchedule(Wire):
    """When posts may go out within a window: the schedule of a brief without its dates."""

    timezone: Zone = Field(title="Time zone", description="Of the audience and of the rule, such as Europe/Lisbon")
    allowed_days_of_week: Annotated[list[Day], Field(min_length=1, max_length=7), Unique] = Field(
        title="Posting days", json_schema_extra={"default": ["mon", "tue", "wed", "thu", "fri"]}
    )
    blackout_dates: list[BlackoutDay | DateRange] = Field(
        default=[], title="Blackout dates", description="No posts on these days", max_length=100
    )
    yearly_blackout_days: Annotated[list[Annotated[YearlyDay, Field(title="Day")]], Field(max_length=100), Unique] = (
        Field(default=[], title="Blackout days of every year", description="Such as --12-25")
    )
    posting_windows: list[PostingWindow] = Field(
        default=[], title="Posting windows", description="None: 09:00 to 17:00", max_length=12
    )


_OF_THE_OCCURRENCE: Final = frozenset({"name", "schedule", "metadata"})
"""What a brief has of each occurrence, and a template not."""


def _brief_without_dates() -> type[Wire]:
    kept = {name: field for name, field in CampaignBrief.model_fields.items() if name not in _OF_THE_OCCURRENCE}
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in kept.items()}
    return create_model("BriefWithoutDates", __base__=Wire, **fields)


class TemplateBrief(_brief_without_dates()):  # type: ignore[misc]  # its fields are those of a brief, whatever they are
    """A brief without name and dates."""

    schedule: TemplateSchedule = Field(title="Schedule")


class TemplateInput(Wire):
    """A campaign that comes again: what its posts are about, when it comes, which days it fills."""

    name: Text100 = Field(title="Name", description="Names the campaigns too: `Weekly roast · 2027-W10`")
    recurrence: Recurrence = Field(title="Recurrence")
    window: Window = card(Window(), "Window")
    brief: TemplateBrief = Field(title="Brief")
    policies: Policies = card(Policies(), "Policies")
    holidays: Maybe[Annotated[str, StringConstraints(max_length=MAX_HOLIDAYS)]] = optional(
        "Holidays", "A calendar of days without posts, as text (iCalendar)"
    )


class TemplateStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"


class Template(TemplateInput):
    """A tenant's template. `requested_by` and `requester_email`: who asks for its campaigns.

    `counted_from`: rejections before it do not count, because somebody had a look since.
    """

    id: TemplateId
    tenant_id: TenantId
    status: TemplateStatus = TemplateStatus.ACTIVE
    paused_because: Maybe[str] = None
    counted_from: Maybe[Instant] = None
    requested_by: str
    requester_email: Maybe[str] = None
    created_at: Instant
    updated_at: Instant
    deleted_at: Maybe[Instant] = None
    version: Annotated[int, Field(ge=1)] = 1


class TemplateChange(Wire):
    """An entry of a template's log: the version that the change made, and which fields it changed."""

    version: Annotated[int, Field(ge=1)]
    action: str
    actor: str
    at: Instant
    fields: list[str] = []
    reason: Maybe[str] = None


class OccurrenceStatus(StrEnum):
    """What became of one time that a template came.

    `claimed` is a moment: its campaign is about to be stored. `refused` is what cannot be made as things are (a
    brand is archived, say), and is tried again by whoever asks again; `skipped` stands until a person wants it.
    """

    CLAIMED = "claimed"
    QUEUED = "queued"
    STARTED = "started"
    SKIPPED = "skipped"
    REFUSED = "refused"


class Occurrence(Wire):
    """One time that a template came. There is one for each template and period, and `n` above 1 only by force.

    Attributes:
        period: `2027-W10`, `2027-03` or `2027-03-09`, by the rule of the template.
        scheduled_at: when it was due, by the template.
        campaign: its brief, as it was resolved when it was claimed.
        earlier: campaigns before it, whose topics and openings must not come again.
    """

    id: OccurrenceId
    tenant_id: TenantId
    template_id: TemplateId
    template_version: Annotated[int, Field(ge=1)]
    period: str
    n: Annotated[int, Field(ge=1)] = 1
    scheduled_at: Instant
    status: OccurrenceStatus
    code: Maybe[str] = None
    reason: Maybe[str] = None
    campaign_id: CampaignId
    campaign: Maybe[dict[str, Any]] = None
    earlier: list[CampaignId] = []
    started_by: str
    created_at: Instant
    updated_at: Instant
    version: Annotated[int, Field(ge=1)] = 1


class OccurrenceResult(Wire):
    """What the campaign of an occurrence came to, so far.

    Attributes:
        rounds: how often approvers were asked.
        hours_to_decision: from the first asking to the last decision.
    """

    status: CampaignStatus
    posts: Annotated[int, Field(ge=0)] = 0
    rounds: Annotated[int, Field(ge=0)] = 0
    decided_by: Maybe[str] = None
    hours_to_decision: Maybe[float] = None
    cost_usd: Annotated[float, Field(ge=0)] = 0
