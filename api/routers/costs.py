"""What campaigns cost: one in all its parts, and those of a tenant by month."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query
from fastapi.responses import Response
from pydantic import Field

from api.auth.identity import Caller, needs
from api.dependencies import Now, PageSize, TheStore, resource
from api.http.problems import documented
from api.schemas.wire import sent
from campaigns.agents.providers.prices import PriceList
from campaigns.build.costs import CampaignCost, Cost, campaign_cost, cost_of
from campaigns.model.base import Maybe, Wire
from campaigns.settings import get_settings

router = resource("costs")

Reader = Annotated[Caller, Depends(needs("campaigns:read"))]
_Month = Annotated[
    str | None,
    Query(pattern=r"^2[0-9]{3}-(0[1-9]|1[0-2])$", description="Such as 2027-03, in UTC; missing: this month"),
]


class CostPage(Wire):
    """Campaigns of one month, newest first."""

    month: str
    items: list[CampaignCost]
    cost_usd: float = Field(alias="costUSD", description="Of the campaigns on this page, in US dollars")
    cursor: Maybe[str] = Field(default=None, description="Leads to the next page; missing on the last one")


@router.get("/campaigns/{campaign_id}/cost", response_model=Cost, responses=documented(404), summary="What it costs")
def get_cost(campaign_id: str, caller: Reader, store: TheStore, now: Now) -> Response:
    """Return what a campaign was estimated at, what it has cost by now, and for which steps and posts."""
    settings = get_settings()
    prices = PriceList(settings.model, settings.model_price_in, settings.model_price_out)
    campaign = store.campaigns.get(caller.tenant_id, campaign_id)
    return sent(cost_of(store, campaign, prices, now=now).to_wire())


@router.get("/costs", response_model=CostPage, summary="What the campaigns of a month cost")
def list_costs(
    caller: Reader,
    store: TheStore,
    now: Now,
    month: _Month = None,
    limit: PageSize = 50,
    cursor: Annotated[str | None, Query(min_length=1, max_length=2000, description="From the page before")] = None,
) -> Response:
    """Return what the campaigns that were submitted in a month have cost by now; deleted ones are not among them."""
    named = month or f"{now.astimezone(UTC):%Y-%m}"
    first = datetime.strptime(named, "%Y-%m").replace(tzinfo=UTC)
    page = store.campaigns.of_month(
        caller.tenant_id, first, (first + timedelta(days=32)).replace(day=1), limit=limit, cursor=cursor
    )
    costs = [campaign_cost(each) for each in page.items]
    total = round(sum(each.spent.cost_usd for each in costs), 10)
    return sent(CostPage(month=named, items=costs, cost_usd=total, cursor=page.cursor).to_wire())
