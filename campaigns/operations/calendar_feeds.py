"""Calendar feeds at work: made, read and revoked, from the API and by hand."""

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from campaigns.build.export import feed_of
from campaigns.build.submission import personas_of
from campaigns.errors import NotFoundError
from campaigns.keys.feeds import FeedTokens
from campaigns.model.base import new_id
from campaigns.model.library.calendar_feed import CalendarFeed
from campaigns.store import Store
from campaigns.store.campaign.calendar import Scheduled

FEED_PATH: Final = "/calendar.ics"
BEHIND: Final = timedelta(days=31)
AHEAD: Final = timedelta(days=366)
MOST_IN_FEED: Final = 2000
"""Posts in a feed: the earliest of its range."""


def make(
    store: Store, tokens: FeedTokens, tenant_id: str, name: str, *, by: str, base_url: str, now: datetime
) -> tuple[CalendarFeed, str]:
    """Store a feed and return it with its address, which nobody can make again.

    Raises:
        LimitReachedError: the tenant has as many feeds as it may.
    """
    token = tokens.new()
    digest = tokens.digest(token)
    assert digest is not None
    feed = CalendarFeed(
        id=new_id("feed"), tenant_id=tenant_id, name=name, token_digest=digest, created_by=by, created_at=now
    )
    return store.feeds.create(feed), f"{base_url.rstrip('/')}{FEED_PATH}?{urlencode({'token': token})}"


def written(store: Store, tokens: FeedTokens, token: str, *, now: datetime) -> bytes:
    """Return the calendar that a token reads: what goes out from a month ago until a year ahead.

    Raises:
        NotFoundError: no token of ours, or of a feed that was revoked.
    """
    digest = tokens.digest(token)
    if digest is None:
        raise NotFoundError("feed", "of this token")
    feed = store.feeds.by_token(digest)
    entries = range_of(store, feed.tenant_id, start=now - BEHIND, end=now + AHEAD, most=MOST_IN_FEED)
    used = sorted({entry.post.persona_id for entry in entries})
    return feed_of(feed.name, entries, personas_of(store, feed.tenant_id, used))


def range_of(store: Store, tenant_id: str, *, start: datetime, end: datetime, most: int) -> list[Scheduled]:
    """Return what goes out from `start` on and before `end`, at most so many, the earliest."""
    # One listing, not page after page: it reads each campaign once.
    return store.calendar.list(tenant_id, start=start, end=end, limit=most).items
