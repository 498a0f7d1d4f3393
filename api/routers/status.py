"""How the installation is at this moment, for whoever runs it; and what was counted, as Prometheus reads it.

What it costs does not follow from how much waits: pages are bounded, rates come from counts that are kept.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.auth.identity import EVERY_TENANT, Caller, needs
from api.dependencies import TheStore
from api.http.problems import documented
from api.routers.health import Checks
from campaigns.errors import StoreUnavailableError
from campaigns.model.base import Instant, Maybe, Wire
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.operations.watching.rates import Rates, rates_of
from campaigns.rules.approval.decisions import still_asked
from campaigns.store import Store
from campaigns.store.upkeep.turns import RATES_WATCHED
from campaigns.telemetry.prometheus import CONTENT_TYPE, exposed

router = APIRouter(tags=["health"])

Overseer = Annotated[Caller, Depends(needs("operations:read"))]
CAMPAIGNS_SHOWN: Final = 20
"""Campaigns of a kind; `more` says that there are others."""
RATES_OVER: Final = timedelta(days=7)
LOOKED_AT: Final = 200
"""Campaigns in work that are looked at for the status of every tenant, those that are built first."""
_BUILDING: Final = (CampaignStatus.PLANNING, CampaignStatus.GENERATING)
_ASKED: Final = (CampaignStatus.AWAITING_REVIEW,)


class Building(Wire):
    """A campaign that is planned or written."""

    campaign_id: str
    tenant_id: str
    name: str
    status: CampaignStatus
    since: Instant


class WaitingRound(Wire):
    """A round whose approvers are waited for."""

    campaign_id: str
    tenant_id: str
    name: str
    round: int
    waits_for: list[str]
    asked_at: Instant
    decide_by: Instant


class SystemStatus(Wire):
    """Builds and rounds are those of the caller's tenant, newest first; rates are of all, over seven days.

    `watchedAt` is when the rates were last watched: every minute, where housekeeping or the API's sweeper lives.
    While the store does not answer, checks say so and the rest is missing: there is no `rates` then.
    """

    at: Instant
    checks: Checks
    watched_at: Maybe[Instant] = None
    building: list[Building] = []
    more_building: bool = False
    waiting: list[WaitingRound] = []
    more_waiting: bool = False
    rates: Maybe[Rates] = None


@router.get(
    "/metrics",
    response_class=Response,
    summary="What all processes counted",
    responses={
        **documented(400, 401, 403, 429, 500, 503),
        200: {"description": "The totals", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
def metrics(_caller: Overseer, store: TheStore) -> Response:
    """Return what all processes counted, in Prometheus's text format."""
    return Response(exposed(store.tallies.all()), media_type=CONTENT_TYPE)


def status_of(store: Store, tenant_id: str, checks: Checks, now: datetime) -> SystemStatus:
    """Return how it is now; `EVERY_TENANT` names them all. Where the store is away, what it would say is missing."""
    if checks.store == "unavailable":
        return SystemStatus(at=now, checks=checks)
    try:
        return _told(store, tenant_id, checks, now)
    except StoreUnavailableError:  # a check stands for some seconds
        return SystemStatus(at=now, checks=checks.model_copy(update={"store": "unavailable"}))


def _told(store: Store, tenant_id: str, checks: Checks, now: datetime) -> SystemStatus:
    if tenant_id == EVERY_TENANT:
        in_work = list(islice(store.campaigns.in_work(), LOOKED_AT + 1))
        building, waiting = ([each for each in in_work if each.status in some] for some in (_BUILDING, _ASKED))
        is_all = len(in_work) <= LOOKED_AT
        more_building, more_waiting = (not is_all or len(found) > CAMPAIGNS_SHOWN for found in (building, waiting))
    else:
        building, more_building = _listed(store, tenant_id, _BUILDING)
        waiting, more_waiting = _listed(store, tenant_id, _ASKED)
    return SystemStatus(
        at=now,
        checks=checks,
        watched_at=store.turns.last(RATES_WATCHED),
        building=[_built(each) for each in building[:CAMPAIGNS_SHOWN]],
        more_building=more_building,
        waiting=[found for each in waiting[:CAMPAIGNS_SHOWN] if (found := _waiting(store, each)) is not None],
        more_waiting=more_waiting,
        rates=rates_of(store.tallies.since((now - RATES_OVER).date())),
    )


def _listed(store: Store, tenant_id: str, statuses: Iterable[CampaignStatus]) -> tuple[list[Campaign], bool]:
    pages = [store.campaigns.list(tenant_id, status=each, limit=CAMPAIGNS_SHOWN) for each in statuses]
    found = [campaign for page in pages for campaign in page.items]
    return found, len(found) > CAMPAIGNS_SHOWN or any(page.cursor is not None for page in pages)


def _built(campaign: Campaign) -> Building:
    return Building(
        campaign_id=campaign.id,
        tenant_id=campaign.tenant_id,
        name=campaign.name,
        status=campaign.status,
        since=campaign.created_at,
    )


def _waiting(store: Store, campaign: Campaign) -> WaitingRound | None:
    round_ = store.approvals.current_round(*campaign.ref)
    if round_ is None or round_.status is not RoundStatus.PENDING:
        return None
    said = store.approvals.decisions(*campaign.ref, round_.n)
    return WaitingRound(
        campaign_id=campaign.id,
        tenant_id=campaign.tenant_id,
        name=campaign.name,
        round=round_.n,
        waits_for=[each.name for each in still_asked(round_, said)],
        asked_at=round_.opened_at,
        decide_by=round_.expires_at,
    )
