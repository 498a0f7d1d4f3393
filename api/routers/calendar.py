"""The calendar of a tenant: what goes out when, over all campaigns; as JSON, and as feeds for calendar programs."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Header, Query
from fastapi.responses import Response
from pydantic import Field

from api.auth.approval_limits import Limits, Network
from api.auth.identity import Caller, needs
from api.auth.limits import too_many
from api.dependencies import Cursor, Feeds, KnownParameters, Now, PageSize, TheStore, resource
from api.http.problems import documented
from api.schemas.wire import (
    CalendarEntryView,
    FeedView,
    SchemaOf,
    body_of,
    calendar_entry_body,
    checked,
    page_of,
    sent,
    sent_page,
)
from campaigns.errors import Fault, FaultsError, NotFoundError
from campaigns.model.base import Instant, Wire
from campaigns.model.library.calendar_feed import FeedInput
from campaigns.operations.calendar_feeds import FEED_PATH, make, written
from campaigns.settings import get_settings

router = resource("calendar", "/calendar")
feed_router = APIRouter(tags=["calendar"], responses=documented(400, 404, 413, 422, 429, 500, 503))

Reader = Annotated[Caller, Depends(needs("campaigns:read"))]
Writer = Annotated[Caller, Depends(needs("campaigns:write"))]

MONTH_AHEAD: Final = timedelta(days=31)
LONGEST_RANGE: Final = timedelta(days=366)

CalendarPage = page_of(CalendarEntryView, "CalendarPage")
FeedPage = page_of(FeedView, "CalendarFeedPage")


class NewFeed(Wire):
    """A feed, and the address at which it is read. The address is shown this once."""

    feed: FeedView  # type: ignore[valid-type]  # made at run time
    url: str = Field(description="For a calendar program; whoever has it reads the calendar until it is revoked")


@router.get("", response_model=CalendarPage, summary="What goes out, by time")
def list_calendar(
    caller: Reader,
    store: TheStore,
    start: Annotated[Instant, Query(alias="from", description="The first moment")],
    end: Annotated[Instant | None, Query(alias="to", description="Not included; missing: 31 days later")] = None,
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Response:
    """Return the approved posts of all completed campaigns; a cursor goes with the `from` and `to` of its page."""
    page = store.calendar.list(caller.tenant_id, start=start, end=_end(start, end), limit=limit, cursor=cursor)
    return sent_page(page, calendar_entry_body)


def _end(start: datetime, end: datetime | None) -> datetime:
    """Return where a range ends.

    Raises:
        FaultsError: before it begins, or more than a year later.
    """
    try:
        found = end or start + MONTH_AHEAD
    except OverflowError:
        raise FaultsError([Fault("from", "must leave room for 31 days", "OUT_OF_RANGE")]) from None
    if not timedelta(0) < found - start <= LONGEST_RANGE:
        raise FaultsError([Fault("to", f"must be after `from`, at most {LONGEST_RANGE.days} days", "OUT_OF_RANGE")])
    return found


@router.post("/feeds", status_code=201, response_model=NewFeed, summary="Make a feed", responses=documented(409))
def create_feed(
    caller: Writer,
    store: TheStore,
    feeds: Feeds,
    now: Now,
    given: Annotated[
        dict[str, Any],
        SchemaOf(FeedInput),
        Body(title="FeedInput", openapi_examples={"office": {"value": {"name": "Office calendar"}}}),
    ],
) -> Response:
    """Make an address at which a calendar program reads what goes out, without a bearer token."""
    name, base_url = checked(FeedInput, given).name, get_settings().api_base_url
    feed, url = make(store, feeds, caller.tenant_id, name, by=caller.sub, base_url=base_url, now=now)
    return sent({"feed": body_of(feed), "url": url}, 201)


@router.get("/feeds", response_model=FeedPage, summary="Feeds, in the order they were made")
def list_feeds(caller: Reader, store: TheStore, limit: PageSize = 50, cursor: Cursor = None) -> Response:
    """Return who made each feed and when, and who revoked it; never its address."""
    return sent_page(store.feeds.list(caller.tenant_id, limit=limit, cursor=cursor), body_of)


@router.delete("/feeds/{feed_id}", status_code=204, summary="Revoke a feed", responses=documented(404))
def revoke_feed(feed_id: str, caller: Writer, store: TheStore, now: Now) -> Response:
    """Let nobody read it any more. It stays in the list for 90 days."""
    store.feeds.revoke(caller.tenant_id, feed_id, by=caller.sub, at=now)
    return Response(status_code=204)


@feed_router.get(
    FEED_PATH,
    summary="A feed, for calendar programs",
    responses={
        200: {"description": "The calendar", "content": {"text/calendar": {"schema": {"type": "string"}}}},
        304: {"description": "As it was when it had the tag of If-None-Match"},
    },
    response_class=Response,
    dependencies=[KnownParameters],
)
def read_feed(
    store: TheStore,
    feeds: Feeds,
    now: Now,
    limits: Limits,
    network: Network,
    token: Annotated[str, Query(max_length=500, description="As the address of the feed has it")] = "",
    if_none_match: Annotated[str | None, Header(max_length=500)] = None,
) -> Response:
    """Return what goes out from a month ago until a year ahead, as iCalendar; at most 2,000 posts.

    A token that was revoked, made up or is missing is answered alike. A good one is answered twelve times a minute: ask
    each hour, with If-None-Match.
    """
    if (digest := feeds.digest(token)) is not None and (wait := limits.feed(digest)):
        raise too_many(wait)
    try:
        body = written(store, feeds, token, now=now)
    except NotFoundError:
        if wait := limits.wrong(network):
            raise too_many(wait) from None
        raise
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and tag in {each.strip().removeprefix("W/") for each in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="text/calendar", headers=headers)
