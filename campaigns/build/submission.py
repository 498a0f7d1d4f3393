"""Takes a brief: checks all of it at once, then stores it as a campaign; for HTTP, the form and schedules."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from campaigns.build.backlog import Backlog
from campaigns.errors import BadBriefError, Fault, IdempotencyMismatchError, NotFoundError, VersionConflictError
from campaigns.model.base import content_hash
from campaigns.model.brief import CampaignBrief, Messaging
from campaigns.model.campaign import Campaign, OccurrenceOf
from campaigns.model.faults import faults_of
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.terms.approval_terms import Approval, Approver
from campaigns.model.terms.given import CampaignItem, TrackedLink
from campaigns.model.terms.participants import Participants
from campaigns.model.terms.schedule import Schedule
from campaigns.rules.approval.editing import (
    APPROVERS,
    NOT_PLANNED_FROM,
    changed_fields,
    require_editable,
    require_terms_kept,
)
from campaigns.rules.approval.identities import Requester, entitlement_faults
from campaigns.rules.merge.merging import merge, plan_version
from campaigns.rules.submission import Parts, faults_of_parts, submission_faults
from campaigns.settings import get_settings
from campaigns.store import Created, IdempotencyRecord, OutboxEntry, Store, if_there
from campaigns.store.commits.transaction import attempts
from campaigns.store.items.campaign_items import as_read
from campaigns.store.tables.table import Check

START_RUN: Final = "start_run"
IDEMPOTENCY_KEPT: Final = timedelta(days=7)


_Entitled = Callable[[Approval], list[Fault]]
"""Returns the faults of terms of approval that depend on who the requester is."""


def _kept(_: Approval) -> list[Fault]:
    return []


def entitled(requester: Requester, default_approver: Approver | None, terms: Approval) -> list[Fault]:
    """Return the faults of terms of approval that depend on the requester: who may approve an own request."""
    return entitlement_faults(terms, requester, default_approver)


@dataclass(frozen=True, slots=True)
class Submission:
    """Who submits a brief, and what is known of it beside its words.

    Attributes:
        requested_by: the subject of a token, or what was typed; it may hold the address.
        requester_email: the address of whoever asks, where it is known.
        execution_id: the flow run that builds the campaign, when one exists already.
        correlation_id: names the request that this follows from.
        occurrence: which occurrence of a template it is.
    """

    tenant_id: str
    campaign_id: str
    requested_by: str
    requester_email: str | None = None
    idempotency_key: str | None = None
    execution_id: str | None = None
    correlation_id: str | None = None
    occurrence: OccurrenceOf | None = None


def submit(
    store: Store,
    raw: Mapping[str, Any],
    by: Submission,
    *,
    now: datetime,
    default_approver: Approver | None = None,
    start_run: bool = False,
    backlog: Backlog | None = None,
) -> Created:
    """Store a brief as a campaign, or find the one that the same key, reference or id stored before.

    Args:
        raw: the brief as it was sent, not yet checked.
        default_approver: who is asked when the brief names nobody; None: somebody else than who asks.
        start_run: leave a run to be started in the outbox.
        backlog: refuses a new campaign while too many wait.

    Raises:
        BadBriefError: every fault of the brief at once; nothing is stored.
        BusyError: too many campaigns wait to be built; nothing is stored.
        IdempotencyMismatchError: the key, reference or id belongs to another brief.
    """
    tenant_id, campaign_id = by.tenant_id, by.campaign_id
    record: IdempotencyRecord | None = None
    if (brief := _readable(raw)) is not None:
        record = _record(by.idempotency_key, brief, campaign_id, now)
        found = store.campaigns.repeated(tenant_id, campaign_id, brief, idempotency=record, at=now)
        if found is not None:
            return found
        if backlog is not None:
            backlog.require_room(tenant_id, now)
    requester = Requester.given(by.requested_by, by.requester_email)
    may_ask = partial(entitled, requester, default_approver)
    outbox = [OutboxEntry.about(START_RUN, tenant_id, campaign_id, "1", due_at=now)] if start_run else []
    for _ in attempts():
        brief, brand, personas = checked(store, raw, tenant_id=tenant_id, now=now, entitled=may_ask)
        campaign = Campaign.model_validate(
            {
                **brief.to_wire(),
                "id": campaign_id,
                "tenantId": tenant_id,
                "planVersion": plan_version(brief, merge(brief, brand, personas)),
                "requestedBy": by.requested_by,
                "requesterEmail": requester.email,
                "executionId": by.execution_id,
                "correlationId": by.correlation_id,
                "occurrence": by.occurrence.to_wire() if by.occurrence else None,
                "createdAt": now,
                "updatedAt": now,
            }
        )
        with suppress(VersionConflictError):  # a brand or persona was changed or deleted since: check again
            return store.campaigns.create(
                campaign, actor=by.requested_by, at=now,
                idempotency=record, outbox=outbox, rests_on=as_read(brand, personas),
            )  # fmt: skip
    raise AssertionError  # `attempts` ends by raising


def require_same_brief(store: Store, raw: Mapping[str, Any], *, tenant_id: str, campaign_id: str) -> None:
    """Refuse a brief that is not the one that a stored campaign was made of.

    Raises:
        IdempotencyMismatchError: it is another one, or none at all.
    """
    brief = _readable(raw)
    if brief is None:
        raise IdempotencyMismatchError("this campaign id was used with another brief")
    store.campaigns.require_brief(tenant_id, campaign_id, brief)


def _readable(raw: Mapping[str, Any]) -> CampaignBrief | None:
    try:
        return CampaignBrief.model_validate(raw)
    except ValidationError:
        return None  # `checked` says what is wrong


def _record(key: str | None, brief: CampaignBrief, campaign_id: str, now: datetime) -> IdempotencyRecord | None:
    if key is None:
        return None
    return IdempotencyRecord(
        key=key,
        fingerprint=content_hash(brief.to_wire()),
        answer={"id": campaign_id},
        expires_at=now + IDEMPOTENCY_KEPT,
    )


def checked(
    store: Store, raw: Mapping[str, Any], *, tenant_id: str, now: datetime, entitled: _Entitled = _kept
) -> tuple[CampaignBrief, Brand | None, list[Persona]]:
    """Return the brief with the brand and personas it names.

    Raises:
        BadBriefError: every fault at once, those of the references too.
    """
    try:
        brief = CampaignBrief.model_validate(raw)
    except ValidationError as error:
        given = _parts(raw)
        brand, known = brand_of(store, tenant_id, given.brand_id), personas_of(store, tenant_id, given.persona_ids)
        faults = faults_of(error)
        told = {fault.field for fault in faults}
        more = faults_of_parts(given, brand=brand, personas=known, now=now)
        terms = _part(Approval, raw.get("approval"))
        more += entitled(terms) if terms else []
        raise BadBriefError([*faults, *(fault for fault in more if fault.field not in told)]) from None
    brand = brand_of(store, tenant_id, brief.brand_id)
    personas = personas_of(store, tenant_id, brief.participants.persona_ids)
    most = get_settings().most_posts
    faults = submission_faults(brief, brand=brand, personas=personas, now=now, most_posts=most)
    if faults := [*faults, *_asset_faults(store, tenant_id, brief), *entitled(brief.approval)]:
        raise BadBriefError(faults)
    return brief, brand, [personas[each] for each in brief.participants.persona_ids]


def _asset_faults(store: Store, tenant_id: str, brief: CampaignBrief) -> Iterator[Fault]:
    for index, item in enumerate(brief.items or []):
        if item.asset_id is None:
            continue
        try:
            if brief.brand_id is None:
                raise NotFoundError("asset", item.asset_id)
            store.assets.get(tenant_id, brief.brand_id, item.asset_id)
        except NotFoundError:
            yield Fault(f"items[{index}].assetId", f"the brand has no asset {item.asset_id}", "ASSET_UNKNOWN")


def plan_version_of(store: Store, campaign: Campaign) -> str:
    """Return the plan version of a stored campaign as its brand and personas are now."""
    brand = brand_of(store, campaign.tenant_id, campaign.brand_id)
    personas = personas_of(store, campaign.tenant_id, campaign.participants.persona_ids)
    return plan_version(campaign, merge(campaign, brand, list(personas.values())))


def _parts(raw: Mapping[str, Any]) -> Parts:
    """Return what can be made out of a faulty brief."""
    brand_id, participants = raw.get("brandId"), raw.get("participants")
    items = raw.get("items")
    named = participants.get("personaIds") if isinstance(participants, Mapping) else None
    return Parts(
        brand_id=brand_id if isinstance(brand_id, str) else None,
        persona_ids=[each for each in named if isinstance(each, str)] if isinstance(named, list) else [],
        participants=_part(Participants, participants),
        schedule=_part(Schedule, raw.get("schedule")),
        messaging=_part(Messaging, raw.get("messaging")),
        items=[_part(CampaignItem, each) for each in items] if isinstance(items, list) else [],
        tracked_link=_part(TrackedLink, raw.get("trackedLink")),
    )


_Part = TypeVar("_Part", bound=BaseModel)


def _part(model: type[_Part], raw: object) -> _Part | None:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def brand_of(store: Store, tenant_id: str, brand_id: str | None) -> Brand | None:
    """Return the brand of this id, or None when the tenant has none."""
    return if_there(store.brands.get, tenant_id, brand_id) if brand_id else None


def personas_of(store: Store, tenant_id: str, persona_ids: Sequence[str]) -> dict[str, Persona]:
    """Return the personas that the tenant has under these ids."""
    found = {persona_id: if_there(store.personas.get, tenant_id, persona_id) for persona_id in persona_ids}
    return {persona_id: persona for persona_id, persona in found.items() if persona is not None}


@dataclass(frozen=True, slots=True)
class Change:
    """A changed brief, the fields (Python names) that differ from the stored one, and its plan version.

    `rests_on`: what it was checked against, as it was read.
    """

    brief: CampaignBrief
    fields: list[str]
    plan_version: str
    rests_on: Sequence[Check] = ()


def changed(
    store: Store,
    campaign: Campaign,
    wanted: Mapping[str, Any],
    *,
    default_approver: Approver | None = None,
    now: datetime,
) -> Change:
    """Return the brief of a campaign as somebody wants it.

    Args:
        wanted: top-level fields of the brief by their names on the wire; null sets a field back to its default.

    Raises:
        BadBriefError: every fault of the brief as it would be.
        ConflictError: a field may not change in this status (domain.md section 11).
    """
    raw = {**campaign.brief_only().to_wire(), **wanted}
    brief = _readable(raw) or checked(store, raw, tenant_id=campaign.tenant_id, now=now)[0]
    fields = changed_fields(campaign.brief_only(), brief)
    planned = campaign.plan_summary is not None
    failed_with = campaign.last_error.code if campaign.last_error else ""
    require_editable(campaign.status, fields, planned=planned, failed_with=failed_with)
    # Terms that stay are not asked about: those of a campaign from before may not have been.
    may_ask = partial(entitled, Requester.of(campaign), default_approver) if "approval" in fields else _kept
    if planned:
        require_terms_kept(campaign.approval, brief.approval)
    if set(fields) <= NOT_PLANNED_FROM | (APPROVERS if planned else set()):
        if faults := may_ask(brief.approval):
            raise BadBriefError(faults)
        return Change(brief, fields, campaign.plan_version or plan_version_of(store, campaign))
    brief, brand, personas = checked(store, raw, tenant_id=campaign.tenant_id, now=now, entitled=may_ask)
    return Change(brief, fields, plan_version(brief, merge(brief, brand, personas)), as_read(brand, personas))
