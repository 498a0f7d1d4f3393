"""Templates at work: making an occurrence, or none, and what became of it. `forecasts` says what will be.

An occurrence is claimed before anything is paid: one conditional write, at a place that follows from template and
period alone. Whoever finds a claim goes on with the brief that lies in it, so a run that died in between, a second
schedule or a person who was quicker all end with the same campaign.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from campaigns.approval.outcomes import decided_by
from campaigns.build.submission import Submission, submit
from campaigns.errors import (
    BadBriefError,
    CampaignError,
    ConflictError,
    FaultsError,
    IdempotencyMismatchError,
    NotDueError,
    NotFoundError,
    StoreUnavailableError,
    VersionConflictError,
)
from campaigns.model.base import derived_id
from campaigns.model.campaign import AT_REST, Campaign, OccurrenceOf
from campaigns.model.library.template import Occurrence, OccurrenceResult, OccurrenceStatus, Template, TemplateStatus
from campaigns.model.terms.approval_terms import Approver
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.cancelling import cancel
from campaigns.operations.forecasts import calendar_of, days_of, in_template, planned_posts, too_few_posts, window_over
from campaigns.rules.approval.identities import Requester
from campaigns.rules.recurrence.policy import MAKE, SUPERSEDED, Verdict, by_the_clock, by_the_others
from campaigns.rules.recurrence.rule import Due
from campaigns.rules.recurrence.window import brief_of
from campaigns.store import Store, if_there
from campaigns.store.commits.transaction import anew_after
from campaigns.store.library.occurrences import LastClaim

log = logging.getLogger("campaigns.operations.recurring")

_LOOKED_BACK: Final = 24
"""Occurrences that are looked at for one that still waits, and for rejections in a row."""
ACTOR: Final = "recurring-campaign"
MOST_OF_A_PERIOD: Final = 999


def due_at(template: Template, scheduled_for: datetime) -> Due:
    """Return the occurrence that a run is for which was scheduled for a moment.

    Raises:
        NotDueError: the template does not come in the period of that moment.
    """
    calendar = calendar_of(template)
    due = calendar.at(scheduled_for)
    if due is None:
        local = scheduled_for.astimezone(calendar.zone)
        raise NotDueError(f"the template has no occurrence in the {calendar.kind} of {local:%Y-%m-%d}")
    return due


def due_in(template: Template, period: str) -> Due:
    """Return the occurrence of a period.

    Raises:
        FaultsError: it is not a period of this template.
        NotDueError: the template does not come in it.
    """
    due = calendar_of(template).of(period)
    if due is None:
        raise NotDueError(f"the template has no occurrence in {period}")
    return due


def occur(
    store: Store,
    template: Template,
    due: Due,
    *,
    now: datetime,
    actor: str = ACTOR,
    by_hand: bool = False,
    from_queue: bool = False,
    n: int = 1,
    default_approver: Approver | None = None,
    correlation_id: str | None = None,
) -> Occurrence:
    """Make an occurrence, or say why not: one for each template and period, whoever asks and however often.

    Args:
        by_hand: a person wants this period: also late, of a paused template, and after it was skipped.
        from_queue: it waited for the one before, which has ended.
        n: above 1 for one more of the same period.
    """
    return _Wanted(store, template, due, now, actor, by_hand, from_queue, n, default_approver, correlation_id).made()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One attempt to make an occurrence."""

    store: Store
    template: Template
    due: Due
    now: datetime
    actor: str
    by_hand: bool = False
    from_queue: bool = False
    n: int = 1
    default_approver: Approver | None = None
    correlation_id: str | None = None

    @anew_after(VersionConflictError)  # somebody else was quicker: see what there is now
    def made(self) -> Occurrence:
        template = self.template
        requester = Requester.given(template.requested_by, template.requester_email)
        found = self.store.occurrences.find(template.tenant_id, template.id, self.due.period, self.n)
        if found is not None and self._stands(found):
            return found
        last = self.store.occurrences.claimed_last(template.tenant_id, template.id)
        before = self._before(last)
        open_campaign = next((each.id for each in before if each.status not in AT_REST), None)
        if found is not None and found.status is OccurrenceStatus.CLAIMED:
            return self._goes_on(found, open_campaign)
        verdict = self._verdict(before, open_campaign)
        days = days_of(template, self.due, self.now)
        if verdict.act != "skip" and days.is_over(calendar_of(template).zone):
            verdict = Verdict("skip", "WINDOW_OVER", window_over(template.policies))
        if verdict.act == "skip":
            return self.noted(OccurrenceStatus.SKIPPED, verdict, found)
        if verdict.act == "queue":
            return self.noted(OccurrenceStatus.QUEUED, verdict, found)
        try:
            raw = brief_of(template, self.due, days)
            posts, _ = planned_posts(self.store, raw, template.tenant_id, requester, self.default_approver, self.now)
        except FaultsError as error:
            faults = FaultsError([in_template(fault) for fault in error.faults])
            return self.noted(OccurrenceStatus.REFUSED, Verdict("skip", error.code, str(faults)[:1000]), found)
        if posts < template.policies.min_useful_posts:
            too_few = Verdict("skip", "TOO_FEW_POSTS", f"its window {too_few_posts(posts, template.policies)}")
            return self.noted(OccurrenceStatus.SKIPPED, too_few, found)
        return self._goes_on(self._claimed(found, last, verdict, raw, self._earlier(before)), open_campaign)

    def _goes_on(self, claimed: Occurrence, open_campaign: str | None) -> Occurrence:
        """Do what a claim is for, whoever made it: end the one before where it takes its place, store its campaign."""
        if claimed.code == SUPERSEDED and open_campaign is not None:
            self._cancel(open_campaign)
        return self._submitted(claimed)

    def _stands(self, found: Occurrence) -> bool:
        match found.status:
            case OccurrenceStatus.STARTED:
                return True
            case OccurrenceStatus.SKIPPED:
                return not self.by_hand
            case OccurrenceStatus.QUEUED:
                return not self.from_queue and not self.by_hand
        return False

    def _before(self, last: LastClaim | None) -> list[Campaign]:
        """Return the campaigns of the occurrences that were due before this one, the latest first.

        Args:
            last: the claim of the template that was made last: its campaign is stored first where it is not yet, and a
                list may not have it for a moment.
        """
        template, found = self.template, list[Campaign]()
        most = max(_LOOKED_BACK, template.policies.topic_memory)
        listed = self.store.occurrences.list(template.tenant_id, template.id, limit=2 * most).items
        for each in self._with(last, listed):
            mine = each.period == self.due.period and each.n == self.n
            if mine or each.status is not OccurrenceStatus.STARTED or each.scheduled_at > self.due.at:
                continue
            if (campaign := if_there(self.store.campaigns.get, template.tenant_id, each.campaign_id)) is not None:
                found.append(campaign)
            if len(found) == most:
                break
        return found

    def _with(self, last: LastClaim | None, listed: Sequence[Occurrence]) -> list[Occurrence]:
        if last is None or (last.period, last.n) == (self.due.period, self.n):
            return list(listed)
        claimed = self.store.occurrences.find(self.template.tenant_id, self.template.id, last.period, last.n)
        if claimed is not None and claimed.status is OccurrenceStatus.CLAIMED and claimed.scheduled_at <= self.due.at:
            at = claimed.scheduled_at
            claimed = replace(self, due=Due(claimed.period, at.date(), at), n=claimed.n).made()
        others = [each for each in listed if (each.period, each.n) != (last.period, last.n)]
        by_time = sorted([*others, *([claimed] if claimed else [])], key=lambda each: each.scheduled_at)
        return by_time[::-1]

    def _verdict(self, before: Sequence[Campaign], open_campaign: str | None) -> Verdict:
        template = self.template
        others = by_the_others(template.policies, open_campaign, 0 if self.by_hand else self._rejected(before))
        if self.by_hand:
            return others
        if template.status is TemplateStatus.PAUSED:
            return Verdict("skip", "PAUSED", f"the template is paused: {template.paused_because or 'by a person'}")
        if not self.from_queue:
            later = len(calendar_of(template).between(self.due.at, self.now))
            clock = by_the_clock(template.policies, self.due, later, self.now)
            if clock != MAKE:
                return clock
        if others.code == "REJECTED":
            self._pause(others)
        return others

    def _rejected(self, before: Sequence[Campaign]) -> int:
        """Return how many were rejected in a row last, of those since somebody had a look."""
        since, count = self.template.counted_from, 0
        for campaign in before:
            if campaign.status not in AT_REST:
                continue
            if campaign.status is not CampaignStatus.REJECTED or (since and campaign.updated_at <= since):
                break
            count += 1
        return count

    def _pause(self, why: Verdict) -> None:
        current = self.store.templates.get(self.template.tenant_id, self.template.id)
        if current.status is TemplateStatus.ACTIVE and current.counted_from == self.template.counted_from:
            paused(self.store, current, actor=self.actor, reason=why.reason, now=self.now)

    def _earlier(self, before: Sequence[Campaign]) -> list[str]:
        return [campaign.id for campaign in before[: self.template.policies.topic_memory]]

    def noted(self, status: OccurrenceStatus, why: Verdict, found: Occurrence | None) -> Occurrence:
        if found is not None and (found.status, found.code, found.reason) == (status, why.code, why.reason):
            return found
        return self.store.occurrences.put(self._occurrence(status, why, found), before=found)

    def _claimed(
        self,
        found: Occurrence | None,
        last: LastClaim | None,
        why: Verdict,
        raw: dict[str, Any],
        earlier: Sequence[str],
    ) -> Occurrence:
        claim = self._occurrence(OccurrenceStatus.CLAIMED, why, found, raw, earlier)
        return self.store.occurrences.claim(claim, before=found, last=last)

    def _occurrence(
        self,
        status: OccurrenceStatus,
        why: Verdict,
        found: Occurrence | None,
        raw: dict[str, Any] | None = None,
        earlier: Sequence[str] = (),
    ) -> Occurrence:
        template, due = self.template, self.due
        place = (template.tenant_id, template.id, due.period, self.n)
        return Occurrence(
            id=derived_id("occ", *place),
            tenant_id=template.tenant_id,
            template_id=template.id,
            template_version=template.version,
            period=due.period,
            n=self.n,
            scheduled_at=due.at,
            status=status,
            code=why.code or None,
            reason=why.reason or None,
            campaign_id=derived_id("campaign", *place),
            campaign=raw,
            earlier=list(earlier),
            started_by=self.actor,
            created_at=found.created_at if found else self.now,
            updated_at=self.now,
        )

    def _submitted(self, claimed: Occurrence) -> Occurrence:
        """Store the campaign of a claim, whoever made the claim."""
        try:
            submit(
                self.store,
                claimed.campaign or {},
                Submission(
                    tenant_id=claimed.tenant_id,
                    campaign_id=claimed.campaign_id,
                    requested_by=self.template.requested_by,
                    requester_email=self.template.requester_email,
                    correlation_id=self.correlation_id,
                    occurrence=OccurrenceOf(template_id=claimed.template_id, period=claimed.period, n=claimed.n),
                ),
                default_approver=self.default_approver,
                start_run=True,
                now=self.now,
            )
        except BadBriefError as error:  # it was good a moment ago: a brand or persona has changed
            faults = FaultsError([in_template(fault) for fault in error.faults])
            return self._moved(claimed, OccurrenceStatus.REFUSED, code=error.code, reason=str(faults)[:1000])
        except IdempotencyMismatchError as error:  # the claim was given up and made anew: see what there is now
            raise VersionConflictError("the occurrence was claimed anew") from error
        return self._moved(claimed, OccurrenceStatus.STARTED)

    def _moved(self, claimed: Occurrence, status: OccurrenceStatus, **changes: str) -> Occurrence:
        moved = claimed.model_copy(update={"status": status, "updated_at": self.now, **changes})
        return self.store.occurrences.put(moved, before=claimed)

    def _cancel(self, campaign_id: str) -> None:
        template, period = self.template, self.due.period
        reason = f"{period} takes its place"
        with suppress(ConflictError):  # it was decided in this moment: then nothing stands in the way
            cancel(self.store, template.tenant_id, campaign_id, actor=self.actor, reason=reason, now=self.now)


def one_more(store: Store, template: Template, due: Due, *, order: str | None = None, **how: Any) -> Occurrence:
    """Make one more occurrence of a period, beside those that there are; takes what `occur` takes.

    Args:
        order: the correlation id of an order that may come again, and that no other order has: one that made an
            occurrence makes no second one.

    Raises:
        ConflictError: there are `MOST_OF_A_PERIOD`.
    """
    place, actor = (template.tenant_id, template.id, due.period), how.get("actor", ACTOR)
    for n in range(2, MOST_OF_A_PERIOD + 1):
        found = store.occurrences.find(*place, n)
        if found is None or _is_of(store, found, order, actor):
            return occur(store, template, due, **{**how, "by_hand": True, "n": n})
    raise ConflictError(f"there are {MOST_OF_A_PERIOD} of {due.period} already")


def _is_of(store: Store, found: Occurrence, order: str | None, actor: str) -> bool:
    """Whether an occurrence is what an order has made: a claim that its author left half way, or its campaign."""
    if found.status is OccurrenceStatus.CLAIMED:
        return found.started_by == actor
    if order is None or found.status is not OccurrenceStatus.STARTED:
        return False
    campaign = if_there(store.campaigns.get, found.tenant_id, found.campaign_id)
    return campaign is not None and campaign.correlation_id == order


@anew_after(VersionConflictError)
def skip(store: Store, template: Template, *, period: str | None, actor: str, reason: str, now: datetime) -> Occurrence:
    """Leave out a period, or the next one that is due and not yet begun.

    Raises:
        FaultsError, NotDueError: see `due_in`.
        ConflictError: it was begun already, or the template comes no more.
    """
    due = due_in(template, period) if period else _next_untouched(store, template, now)
    found = store.occurrences.find(template.tenant_id, template.id, due.period)
    if found is not None and found.status in {OccurrenceStatus.CLAIMED, OccurrenceStatus.STARTED}:
        raise ConflictError(f"{due.period} was begun already: cancel its campaign", {"campaignId": found.campaign_id})
    wanted = _Wanted(store, template, due, now, actor, by_hand=True)
    return wanted.noted(OccurrenceStatus.SKIPPED, Verdict("skip", "BY_HAND", reason), found)


def _next_untouched(store: Store, template: Template, now: datetime) -> Due:
    for due in calendar_of(template).next(now, 60):
        found = store.occurrences.find(template.tenant_id, template.id, due.period)
        if found is None or found.status is OccurrenceStatus.QUEUED:
            return due
    raise ConflictError("nothing is left to be skipped: the template comes no more, or all of it is skipped")


def paused(store: Store, template: Template, *, actor: str, reason: str, now: datetime) -> Template:
    """Pause a template: its schedules go on, and make nothing. One that is paused stays as it is."""
    if template.status is TemplateStatus.PAUSED:
        return template
    changes = {"status": TemplateStatus.PAUSED, "paused_because": reason, "updated_at": now}
    return store.templates.update(
        template.model_copy(update=changes),
        expect_version=template.version,
        action="paused",
        actor=actor,
        reason=reason,
    )


def resumed(store: Store, template: Template, *, actor: str, now: datetime) -> Template:
    """Let a paused template go on; rejections so far count no more."""
    if template.status is TemplateStatus.ACTIVE:
        return template
    changes = {"status": TemplateStatus.ACTIVE, "paused_because": None, "counted_from": now, "updated_at": now}
    return store.templates.update(
        template.model_copy(update=changes), expect_version=template.version, action="resumed", actor=actor
    )


def begin_queued(store: Store, *, default_approver: Approver | None = None, now: datetime) -> list[Occurrence]:
    """Begin the occurrences whose predecessors have ended, and return them."""
    begun = []
    for queued in store.occurrences.queued(now=now):
        try:
            made = _begun(store, queued, default_approver, now)
        except StoreUnavailableError:
            raise
        except (CampaignError, ValueError, LookupError):  # a document that nobody can read: the others begin
            log.exception("%s of template %s cannot be begun", queued.period, queued.template_id)
            continue
        if made is not None:
            begun.append(made)
    return begun


def _begun(store: Store, queued: Occurrence, default_approver: Approver | None, now: datetime) -> Occurrence | None:
    """Return what became of an occurrence that waited; None: it still waits, or was given up."""
    try:
        template = store.templates.get(queued.tenant_id, queued.template_id)
        due = due_in(template, queued.period)
    except (NotFoundError, FaultsError, NotDueError):
        gone = queued.model_copy(
            update={
                "status": OccurrenceStatus.SKIPPED, "code": "TEMPLATE_CHANGED", "updated_at": now,
                "reason": "the template is gone, or does not come in this period any more",
            }
        )  # fmt: skip
        with suppress(VersionConflictError):  # somebody else began it
            store.occurrences.put(gone, before=queued)
        return None
    made = occur(store, template, due, now=now, from_queue=True, n=queued.n, default_approver=default_approver)
    return made if made.status is not OccurrenceStatus.QUEUED else None


def result_of(store: Store, occurrence: Occurrence) -> OccurrenceResult | None:
    """Return what the campaign of an occurrence came to; None: there is none, or it was deleted."""
    if occurrence.status is not OccurrenceStatus.STARTED:
        return None
    if (campaign := if_there(store.campaigns.get, occurrence.tenant_id, occurrence.campaign_id)) is None:
        return None
    rounds = store.approvals.rounds(*campaign.ref)
    said = store.approvals.decisions(*campaign.ref, rounds[-1].n) if rounds else []
    waited = (said[-1].at - rounds[0].opened_at).total_seconds() / 3600 if said else None
    return OccurrenceResult(
        status=campaign.status,
        posts=campaign.plan_summary.total_posts if campaign.plan_summary else 0,
        rounds=len(rounds),
        decided_by=decided_by(store, rounds[-1]) or None if rounds else None,
        hours_to_decision=None if waited is None else round(max(0.0, waited), 2),
        cost_usd=campaign.usage.cost_usd,
    )
