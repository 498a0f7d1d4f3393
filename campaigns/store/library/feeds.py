"""Calendar feeds: found by the digest of their token until they are revoked, listed by tenant a while longer."""

import builtins
from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import NotFoundError
from campaigns.model.library.calendar_feed import CalendarFeed
from campaigns.store.commits.transaction import attempts, contended
from campaigns.store.items import keys
from campaigns.store.items.counts import MAX_FEEDS, one_less, one_more
from campaigns.store.items.documents import Page, item_of, value_of
from campaigns.store.library.shared import listed
from campaigns.store.tables.table import ABSENT, ConditionFailed, Delete, Equals, Item, Put, Repository

KEPT_AFTER_REVOCATION: Final = timedelta(days=90)


class FeedRepository(Repository):
    """Feeds by tenant, and by token. Unknown, foreign, malformed and revoked ones all answer `NotFoundError`."""

    def create(self, feed: CalendarFeed) -> CalendarFeed:
        """Write a new feed and what its token is found by.

        Raises:
            LimitReachedError: the tenant has `MAX_FEEDS` feeds that are not revoked.
        """
        pointer = keys.feed_token(feed.token_digest)
        found_by = {**pointer._asdict(), "kind": "feed-token", "tenant_id": feed.tenant_id, "feed_id": feed.id}
        counter = keys.tenant_count(feed.tenant_id, "feed")
        for _ in attempts():
            counting = one_more(self._table, counter, limit=MAX_FEEDS, what="calendar feeds", present=lambda: 0)
            try:
                self._table.write(Put(_item(feed), ABSENT), Put(found_by, ABSENT), counting)
            except ConditionFailed as failed:
                if {0, 1} & failed.failures.keys():
                    raise
                continue  # somebody else was counted
            return feed
        raise AssertionError  # `attempts` ends by raising

    def by_token(self, digest: str) -> CalendarFeed:
        """Return the feed that this token reads."""
        pointer = self._table.get(keys.feed_token(digest))
        if pointer is None:
            raise NotFoundError("feed", "of this token")
        return self._live(pointer["tenant_id"], pointer["feed_id"])

    def list(self, tenant_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[CalendarFeed]:
        """Return feeds in the order they were made, the revoked ones of the last 90 days among them."""
        return listed(self._table, tenant_id, "feed", CalendarFeed, limit=limit, cursor=cursor)

    @contended
    def revoke(self, tenant_id: str, feed_id: str, *, by: str, at: datetime) -> CalendarFeed:
        """Let nobody read the feed from now on, and return it."""
        feed = self._live(tenant_id, feed_id)
        revoked = feed.model_copy(update={"revoked_by": by, "revoked_at": at})
        counting: builtins.list[Put] = one_less(self._table, keys.tenant_count(tenant_id, "feed"))
        pointer = Delete(keys.feed_token(feed.token_digest))
        self._table.write(Put(_item(revoked), Equals({"revoked": 0})), pointer, *counting)
        return revoked

    def _live(self, tenant_id: str, feed_id: str) -> CalendarFeed:
        item = self._table.get(keys.feed(tenant_id, feed_id))
        if item is None or item["revoked"]:
            raise NotFoundError("feed", feed_id)
        return value_of(item, CalendarFeed)


def _item(feed: CalendarFeed) -> Item:
    key = keys.feed(feed.tenant_id, feed.id)
    place = keys.indexed("list", keys.list_partition(feed.tenant_id, "feed"), feed.created_at, feed.id)
    if feed.revoked_at is not None:
        place |= keys.purged_after(feed.revoked_at + KEPT_AFTER_REVOCATION, key)
    return item_of(key, "feed", feed, revoked=int(feed.revoked_at is not None), **place)
