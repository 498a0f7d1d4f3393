"""The calendar of a tenant: the approved posts of its completed campaigns, by their time.

A post stands in the calendar's index from the write on that approves it, and is in the calendar while its campaign is
stored as completed: a campaign enters with the one write that completes it, whatever the number of its posts, and
leaves with the one that deletes it. Reading costs what stands in the range.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from campaigns.model.campaign import Campaign
from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store.campaign.campaigns import CampaignRepository
from campaigns.store.campaign.posts import PostRepository
from campaigns.store.items import keys
from campaigns.store.items.documents import Page, read_page, value_of
from campaigns.store.items.post_items import post_item
from campaigns.store.tables.table import Equals, Item, Put, Table, wrote

_FILLED_AT_ONCE: Final = 50
"""Campaigns between two notes of how far it came."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A post that goes out, and the campaign that it belongs to."""

    campaign: Campaign
    post: Post


class CalendarRepository:
    """What goes out, of every tenant."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._campaigns = CampaignRepository(table)
        self._posts = PostRepository(table)

    def list(
        self, tenant_id: str, *, start: datetime, end: datetime, limit: int = 50, cursor: str | None = None
    ) -> Page[Scheduled]:
        """Return the posts from `start` on and before `end`, by time; a change may take a moment to show.

        Raises:
            FaultsError: the cursor is not one of this listing (code `CURSOR_INVALID`).
        """
        self._fill(tenant_id)
        known: dict[str, Campaign | None] = {}

        def read(item: Item) -> Scheduled | None:
            post = value_of(item, Post)
            if post.campaign_id not in known:
                known[post.campaign_id] = self._completed(tenant_id, post.campaign_id)
            campaign = known[post.campaign_id]
            return Scheduled(campaign, post) if campaign is not None and post.goes_out else None

        return read_page(
            self._table,
            "list",
            keys.calendar_partition(tenant_id),
            limit=limit,
            cursor=cursor,
            reverse=False,
            read=read,
            low=keys.after(start),
            high=keys.after(end),  # what stands at that moment has more behind it
        )

    def _completed(self, tenant_id: str, campaign_id: str) -> Campaign | None:
        item = self._table.get(keys.campaign(tenant_id, campaign_id))
        if item is None or item["deleted"] or item["status"] != CampaignStatus.COMPLETED:
            return None
        return value_of(item, Campaign)

    def _fill(self, tenant_id: str) -> None:
        """Put into the index what earlier versions completed: once for each tenant, when it is first asked for.

        No listing leads from one tenant to the next, so nobody else could. Broken off, the next call goes on.
        """
        key = keys.calendar_filled(tenant_id)
        noted = self._table.get(key)
        cursor: str | None = noted["cursor"] if noted else ""
        while noted is None or not noted["done"]:
            page = self._campaigns.list(
                tenant_id, status=CampaignStatus.COMPLETED, limit=_FILLED_AT_ONCE, cursor=cursor or None
            )
            for campaign in page.items:
                for post in self._posts.list(tenant_id, campaign.id):
                    self._place(post)
            cursor = page.cursor
            noted = {**key._asdict(), "kind": "calendar-filled", "cursor": cursor or "", "done": int(cursor is None)}
            self._table.write(Put(noted))

    def _place(self, post: Post) -> None:
        if not post.goes_out:
            return
        # Whoever changes it in this moment places it.
        wrote(self._table, Put(post_item(post), Equals({"version": post.version})))
