"""Reads the rates off the store and turns the alarms (process.md section 5, duty 5); rules: `watching.alarms`."""

import logging
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakKeyDictionary

from campaigns.agents.failures import FailureCode
from campaigns.errors import IntegrityError, NotFoundError
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.watching.alarms import (
    BASELINE_WINDOW,
    DENIALS,
    FAILURES,
    LATE_RUNS,
    MODEL_STOPPED,
    RULES,
    SLOWNESS,
    TAMPERING,
    TIMEOUTS,
    UNDELIVERED,
    UNDELIVERED_AFTER,
    Reading,
    Rule,
    any_of,
    is_on,
    share,
)
from campaigns.operations.watching.alarms import slowness as slowness_of
from campaigns.operations.watching.metrics import REFUSED
from campaigns.store import Store
from campaigns.store.items.campaign_items import Ended
from campaigns.store.items.round_state import End
from campaigns.store.upkeep.signals import Alarm
from tasks.delivery.deliver import LONGEST_RETRY
from tasks.engine.server.answers import PrefectUnavailableError
from tasks.engine.server.run_states import count_late_runs
from tasks.upkeep.alerts import alert, watched

log = logging.getLogger("campaigns.operations.alarms")

S = CampaignStatus
_TOLD: Final = timedelta(days=1)
"""An entry that was set aside keeps the alarm on for that long; `verify-consistency` names it after that."""
_MOST_READ: Final = 200
"""Most campaigns read one by one for each window, the latest first: some figures stand only in the campaign."""


def watch(store: Store, *, now: datetime) -> dict[str, Reading]:
    """Turn each alarm on or off by its reading and return the readings. Each change is told once over all processes."""
    found = readings(store, now=now)
    on = [_turn(store, rule, found[rule.kind], now) for rule in RULES if rule.kind in found]
    watched(sum(on))
    return found


def readings(store: Store, *, now: datetime) -> dict[str, Reading]:
    """Return what each rule is judged by; nothing about late runs while Prefect does not answer."""
    ended = store.campaigns.ended_since(now - BASELINE_WINDOW - SLOWNESS.window)
    lately = [one for one in ended if one.at > now - FAILURES.window]
    denied = store.signals.since((now - DENIALS.window).replace(second=0, microsecond=0))[REFUSED]
    found = {
        FAILURES.kind: share(sum(one.status is S.FAILED for one in lately), len(lately)),
        TIMEOUTS.kind: _timeouts(store, since=now - TIMEOUTS.window),
        SLOWNESS.kind: _slowness(store, ended, now),
        DENIALS.kind: any_of(denied),
        UNDELIVERED.kind: any_of(_undelivered(store, now)),
        TAMPERING.kind: any_of(_tampered(store, lately)),
        MODEL_STOPPED.kind: any_of(_is_forgotten(store, now)),
    }
    with suppress(PrefectUnavailableError):
        found[LATE_RUNS.kind] = any_of(count_late_runs(before=now - LATE_RUNS.window))
    return found


def _timeouts(store: Store, *, since: datetime) -> Reading:
    """Return how many rounds ran out of time, of those that people were asked in and that ended or ran out.

    Whatever the policy makes of it (reject, approve, more time): nobody decided in time.
    """
    ends = Counter(store.approvals.ended_since(since))
    return share(ends[End.RAN_OUT], ends[End.RAN_OUT] + ends[End.DECIDED])


def _is_forgotten(store: Store, now: datetime) -> int:
    """Return 1 when calls of the model have been stopped for longer than the alarm allows: it may be forgotten."""
    switch = store.permits.switch()
    return int(switch is not None and switch.stopped and now - switch.since > MODEL_STOPPED.window)


def _undelivered(store: Store, now: datetime) -> int:
    waiting = store.outbox.due(now + LONGEST_RETRY)
    aside = store.outbox.quarantined(since=now - _TOLD)
    return sum(now - entry.due_since > UNDELIVERED_AFTER for entry in waiting) + len(aside)


_TAMPERED: Final = frozenset({IntegrityError.code, str(FailureCode.TENANT_MISMATCH)})


def _tampered(store: Store, ended: Iterable[Ended]) -> int:
    found, failures = 0, [one for one in ended if one.status is S.FAILED]
    for one in failures[:_MOST_READ]:
        with suppress(NotFoundError, ValueError):
            failed = store.campaigns.get(one.tenant_id, one.campaign_id)
            found += failed.last_error is not None and failed.last_error.code in _TAMPERED
    return found


def _slowness(store: Store, ended: list[Ended], now: datetime) -> Reading:
    since = now - SLOWNESS.window
    recent = [one for one in ended if one.at > since]
    before = [one for one in ended if since - BASELINE_WINDOW < one.at <= since]
    return slowness_of(_build_times(store, recent), _build_times(store, before))


def _build_times(store: Store, ended: Iterable[Ended]) -> list[int]:
    """Return how long each campaign took until its approvers were asked, in milliseconds; the wait is not its fault."""
    known = _BUILD_TIMES.setdefault(store, {})
    latest = list(ended)[:_MOST_READ]
    for one in latest:
        if one not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[one] = _build_time(store, one)
    return [taken for one in latest if (taken := known.get(one)) is not None]


_BUILD_TIMES: Final[WeakKeyDictionary[Store, dict[Ended, int | None]]] = WeakKeyDictionary()
"""What this process has read: a campaign that has ended was built in the time that it took."""
_MOST_KNOWN: Final = 10 * _MOST_READ


def _build_time(store: Store, one: Ended) -> int | None:
    try:
        created_at = store.campaigns.get(one.tenant_id, one.campaign_id, deleted=True).created_at
        opened_at = store.approvals.round(one.tenant_id, one.campaign_id, 1).opened_at
    except NotFoundError:
        return None  # nobody was ever asked
    except ValueError:
        log.exception("campaign %s cannot be read; it is not among the build times", one.campaign_id)
        return None
    return (opened_at - created_at) // timedelta(milliseconds=1)


def _turn(store: Store, rule: Rule, reading: Reading, now: datetime) -> bool:
    """Turn an alarm as its reading says, and return whether it is on."""
    before = store.signals.alarm(rule.kind)
    was_on = before is not None and before.on
    on = is_on(rule, reading, before=was_on)
    if on == was_on:
        return on
    changed = Alarm(rule.kind, on=on, since=now, changes=1 + (before.changes if before else 0))
    if store.signals.turn(changed, before=before):
        figures = {"part": reading.part, "whole": reading.whole, "cases": reading.cases, "threshold": float(rule.above)}
        alert(rule.kind, on=on, says=rule.says, advice=rule.advice, context=figures)
    return on
