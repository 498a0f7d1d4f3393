"""The month as a picture for the team: a page where a browser asks, JSON where a program does."""

import calendar
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Depends, Header, Query
from fastapi.responses import Response
from pydantic import Field

from api.auth.identity import Caller, needs
from api.dependencies import TheStore, resource
from api.http.problems import documented
from api.review.compressed import CompressedRoute
from api.review.render import page
from api.review.views.month import grids
from api.schemas.wire import sent
from campaigns.build.submission import personas_of
from campaigns.model.base import Instant, Wire
from campaigns.model.library.persona import Persona
from campaigns.model.post import Post
from campaigns.model.terms.schedule import Zone
from campaigns.model.vocabulary import Platform, ReviewState
from campaigns.operations.calendar_feeds import range_of
from campaigns.rules.calendar.month import Month, months_of
from campaigns.texts import words_for

router = resource("calendar", route=CompressedRoute)

Reader = Annotated[Caller, Depends(needs("campaigns:read"))]
MOST_OF_A_MONTH: Final = 1000
"""Posts in the picture of a tenant's month, the earliest of them."""


class PostOfDay(Wire):
    """A post in its place."""

    id: str
    campaign_id: str
    campaign: str
    number: int
    scheduled_at: Instant
    platform: Platform
    persona_id: str
    persona: str | None = Field(default=None, description="Missing: the persona was deleted")
    topic: str
    review: ReviewState


class DayOfMonth(Wire):
    """A day with its posts by time; `inside`: it belongs to the month, and does not only fill a week."""

    date: date
    inside: bool
    posts: list[PostOfDay]


class MonthBody(Wire):
    """A month in weeks of seven days, from Monday."""

    month: str = Field(description="Such as 2027-03")
    weeks: list[list[DayOfMonth]]


class MonthsBody(Wire):
    """Months, in the wall time of one zone."""

    timezone: str
    months: list[MonthBody]


_ALSO_HTML: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The picture", "content": {"text/html": {"schema": {"type": "string"}}}},
}
Accept = Annotated[str, Header(max_length=1000, include_in_schema=False)]
AcceptLanguage = Annotated[str, Header(alias="Accept-Language", max_length=1000, include_in_schema=False)]


@router.get(
    "/campaigns/{campaign_id}/calendar",
    response_model=MonthsBody,
    summary="Its months, as a picture",
    responses={**_ALSO_HTML, **documented(404)},
)
def read_months(
    campaign_id: str, caller: Reader, store: TheStore, accept: Accept = "", accept_language: AcceptLanguage = ""
) -> Response:
    """Return all posts of a campaign by month, week and day; with `Accept: text/html` as a page, also to print."""
    campaign = store.campaigns.get(caller.tenant_id, campaign_id)
    posts = store.posts.list(*campaign.ref)
    order = campaign.participants.persona_ids
    personas = personas_of(store, campaign.tenant_id, order)
    zone = campaign.schedule.zone
    if not _wants_page(accept):
        return _body(months_of(posts, zone), zone, personas, {campaign.id: campaign.name})
    words = words_for(None, accept_language)
    drawn = grids(posts, words, zone, personas=personas, order=order)
    return page(
        "calendar.html", 200, {"Vary": "Accept, Accept-Language"},
        words=words, title=campaign.name, zone=campaign.schedule.timezone, grids=drawn, any=bool(posts), marked=True,
        more=False, most=0,
    )  # fmt: skip


@router.get("/calendar/month", response_model=MonthsBody, summary="What goes out in a month", responses=_ALSO_HTML)
def read_month(
    caller: Reader,
    store: TheStore,
    month: Annotated[str, Query(pattern=r"^2[0-9]{3}-(0[1-9]|1[0-2])$", description="Such as 2027-03")],
    timezone: Annotated[Zone, Query(description="Whose days are shown")] = "UTC",
    accept: Accept = "",
    accept_language: AcceptLanguage = "",
) -> Response:
    """Return the approved posts of all completed campaigns by week and day; with `Accept: text/html` as a page.

    Of more than 1,000 the earliest.
    """
    first, zone = date.fromisoformat(f"{month}-01"), ZoneInfo(timezone)
    start = datetime(first.year, first.month, 1, tzinfo=zone)
    end = start + timedelta(days=calendar.monthrange(first.year, first.month)[1])  # wall time: midnight again
    found = range_of(store, caller.tenant_id, start=start, end=end, most=MOST_OF_A_MONTH + 1)
    shown = found[:MOST_OF_A_MONTH]
    posts = [each.post for each in shown]
    names = {each.campaign.id: each.campaign.name for each in shown}
    order = sorted({post.persona_id for post in posts})
    personas = personas_of(store, caller.tenant_id, order)
    if not _wants_page(accept):
        return _body(months_of(posts, zone, month=first), zone, personas, names)
    words = words_for(None, accept_language)
    drawn = grids(posts, words, zone, personas=personas, order=order, campaigns=names, month=first)
    return page(
        "calendar.html", 200, {"Vary": "Accept, Accept-Language"},
        words=words, title=words("agenda.title"), zone=timezone, grids=drawn, any=bool(posts), marked=False,
        more=len(found) > len(shown), most=MOST_OF_A_MONTH,
    )  # fmt: skip


def _wants_page(accept: str) -> bool:
    return "text/html" in accept.lower()


def _body(months: list[Month], zone: ZoneInfo, personas: dict[str, Persona], campaigns: dict[str, str]) -> Response:
    def shown(post: Post) -> PostOfDay:
        persona = personas.get(post.persona_id)
        return PostOfDay(
            id=post.id, campaign_id=post.campaign_id, campaign=campaigns[post.campaign_id], number=post.number,
            scheduled_at=post.scheduled_at, platform=post.platform, persona_id=post.persona_id,
            persona=persona.name if persona else None, topic=post.topic, review=post.review.state,
        )  # fmt: skip

    body = MonthsBody(
        timezone=zone.key,
        months=[
            MonthBody(
                month=f"{month.first:%Y-%m}",
                weeks=[
                    [
                        DayOfMonth(date=day.date, inside=day.inside, posts=[shown(post) for post in day.posts])
                        for day in week
                    ]
                    for week in month.weeks
                ],
            )
            for month in months
        ],
    )
    return sent(body.to_wire(), Vary="Accept, Accept-Language")
