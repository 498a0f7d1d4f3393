"""What a template will do: what is accepted as one, and what its next occurrences will be, as things are now.

`recurring` makes occurrences by the same rules. Nothing here is stored or paid for.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from pydantic import Field, ValidationError

from campaigns.build.submission import checked, entitled
from campaigns.errors import BadBriefError, Fault, FaultsError
from campaigns.model.base import Instant, Maybe, Wire
from campaigns.model.faults import faults_of
from campaigns.model.library.template import OccurrenceStatus, Policies, Template, TemplateInput
from campaigns.model.terms.approval_terms import Approver
from campaigns.rules.approval.identities import Requester
from campaigns.rules.calendar.building import plan_calendar
from campaigns.rules.merge.merging import merge
from campaigns.rules.recurrence.holidays import read_holidays
from campaigns.rules.recurrence.rule import Calendar, Due, is_empty
from campaigns.rules.recurrence.window import (
    Days,
    brief_of,
    days_of_window,
    span_faults,
    window_warnings,
)
from campaigns.settings import get_settings
from campaigns.store import Store

FORECASTS: Final = 5


class WindowView(Wire):
    """First and last local day of a window."""

    from_: str = Field(alias="from")
    to: str


class Forecast(Wire):
    """What the next occurrence of a template will be, as things are now; nothing is stored or paid for it.

    Attributes:
        faults: why it would not be made.
        status: what is known of it already: somebody asked for it, or for its being skipped.
    """

    period: str
    scheduled_at: Instant
    window: WindowView
    posts: int = 0
    warnings: list[str] = []
    faults: list[dict[str, str]] = []
    status: Maybe[OccurrenceStatus] = None


def accepted(
    store: Store,
    raw: Mapping[str, Any],
    *,
    tenant_id: str,
    requester: Requester,
    default_approver: Approver | None = None,
    now: datetime,
) -> tuple[TemplateInput, list[Forecast]]:
    """Return what was sent as a template, and its next occurrences.

    Raises:
        FaultsError: every fault at once, those that each of its next occurrences would have too.
    """
    try:
        template = TemplateInput.model_validate(raw)
    except ValidationError as error:
        faults = faults_of(error)
        told = {fault.field for fault in faults}
        more = _faults_of_brief(store, raw, tenant_id, now)
        raise FaultsError([*faults, *(fault for fault in more if fault.field not in told)]) from None
    faults = span_faults(template.window)
    if template.holidays is not None:
        read_holidays(template.holidays)
    if is_empty(template.recurrence):
        faults.append(Fault("recurrence", "never comes: no day fits the rule before its end", "RECURRENCE_EMPTY"))
    if faults:
        raise FaultsError([*faults, *_faults_of_brief(store, raw, tenant_id, now)])
    calendar = calendar_of(template)
    dues = calendar.next(now, FORECASTS) or calendar.next(datetime(1990, 1, 1, tzinfo=UTC), 1)
    found, why = [], []
    for due in dues:
        forecast, wrong = _forecast(store, template, due, tenant_id, requester, default_approver)
        found.append(forecast)
        why.append(wrong)
    if all(why):
        raise FaultsError(why[0])
    return template, found if dues[0].at > now else []


def _faults_of_brief(store: Store, raw: Mapping[str, Any], tenant_id: str, now: datetime) -> list[Fault]:
    """Return what can be said of the brief of a template whose dates cannot be told."""
    brief = raw.get("brief")
    if not isinstance(brief, Mapping):
        return []
    schedule = brief.get("schedule")
    dated = dict(schedule) if isinstance(schedule, Mapping) else {}
    dated.pop("yearlyBlackoutDays", None)
    first = now.date() + timedelta(days=2)
    dated |= {"startDate": first.isoformat(), "endDate": (first + timedelta(days=30)).isoformat()}
    try:
        checked(store, {**brief, "name": "any", "schedule": dated}, tenant_id=tenant_id, now=now)
    except BadBriefError as error:
        return [in_template(fault) for fault in error.faults if fault.code not in _OF_THE_CALENDAR]
    return []


_OF_THE_CALENDAR: Final = frozenset(
    {"CADENCE_UNREACHABLE", "NO_POSTING_TIME", "STAGES_TOO_LONG", "TOO_MANY_POSTS", "UNKNOWN_FIELD"}
)


def in_template(fault: Fault) -> Fault:
    """Return a fault of an occurrence's brief at the place of the template where it is mended."""
    if fault.field in {"schedule.startDate", "schedule.endDate"}:
        return Fault("window", fault.message, fault.code)
    return fault if fault.field == "name" else Fault(f"brief.{fault.field}", fault.message, fault.code)


def forecasts(
    store: Store, template: Template, *, default_approver: Approver | None = None, now: datetime, count: int = FORECASTS
) -> list[Forecast]:
    """Return what the next occurrences of a stored template will be."""
    requester = Requester.given(template.requested_by, template.requester_email)
    found = []
    for due in calendar_of(template).next(now, count):
        forecast, _ = _forecast(store, template, due, template.tenant_id, requester, default_approver)
        known = store.occurrences.find(template.tenant_id, template.id, due.period)
        found.append(forecast.model_copy(update={"status": known.status}) if known else forecast)
    return found


def _forecast(
    store: Store,
    template: TemplateInput,
    due: Due,
    tenant_id: str,
    requester: Requester,
    default_approver: Approver | None,
) -> tuple[Forecast, list[Fault]]:
    days = days_of(template, due, due.at)
    posts, warnings, faults = 0, window_warnings(template, due, days), []
    raw = brief_of(template, due, days)
    if days.is_over(calendar_of(template).zone):
        faults = [Fault("window", window_over(template.policies), "WINDOW_OVER")]
    else:
        try:
            posts, more = planned_posts(store, raw, tenant_id, requester, default_approver, due.at)
            warnings += more
            if posts < template.policies.min_useful_posts:
                faults = [Fault("window", too_few_posts(posts, template.policies), "TOO_FEW_POSTS")]
        except FaultsError as error:
            faults = [_ahead(template, in_template(fault)) for fault in error.faults]
    view = Forecast(
        period=due.period,
        scheduled_at=due.at,
        window=WindowView(from_=days.first.isoformat(), to=days.last.isoformat()),
        posts=posts,
        warnings=warnings,
        faults=[fault.to_wire() for fault in faults],
    )
    return view, faults


def _ahead(template: TemplateInput, fault: Fault) -> Fault:
    """Return the fault with what helps in a template: its posts begin when the hours for the approval are over."""
    if fault.code != "STAGES_TOO_LONG":
        return fault
    needed = sum(stage.expires_in_hours for stage in template.brief.approval.in_stages) + 1
    message = f"need {needed} hours before the first post: raise leadHours to {needed}, or give the stages less"
    return Fault(fault.field, message, fault.code)


def planned_posts(
    store: Store,
    raw: Mapping[str, Any],
    tenant_id: str,
    requester: Requester,
    default_approver: Approver | None,
    now: datetime,
) -> tuple[int, list[str]]:
    """Return how many posts a brief would have, and what its calendar warns of.

    Raises:
        FaultsError: it cannot be made.
    """
    may_ask = partial(entitled, requester, default_approver)
    brief, brand, personas = checked(store, raw, tenant_id=tenant_id, now=now, entitled=may_ask)
    config = merge(brief, brand, personas, most_posts=get_settings().most_posts)
    planned = plan_calendar(brief, config, seed=brief.name, not_before=now)
    return len(planned.slots), list(planned.warnings)


def calendar_of(template: TemplateInput) -> Calendar:
    """Return when a template comes, in the zone of its brief."""
    return Calendar(template.recurrence, template.brief.schedule.timezone)


def days_of(template: TemplateInput, due: Due, now: datetime) -> Days:
    """Return the days of an occurrence's window that are left once its approval has had its time."""
    return days_of_window(template.window, due, lead=timedelta(hours=template.policies.lead_hours), now=now)


def window_over(policies: Policies) -> str:
    """Return why an occurrence is left out whose window is too near for an approval."""
    return f"its window is over before the {policies.lead_hours} hours for the approval are"


def too_few_posts(posts: int, policies: Policies) -> str:
    """Return why an occurrence is left out in which too few posts fit, as it goes on after "its window"."""
    return f"holds {posts} posts, and at least {policies.min_useful_posts} are wanted"
