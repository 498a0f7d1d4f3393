"""The calendar of a tenant: what stands in it, from when to when, and what it costs to look."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from campaigns.errors import FaultsError, LimitReachedError, NotFoundError
from campaigns.keys.feeds import FeedTokens
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.model.base import new_id
from campaigns.model.campaign import Campaign, Move
from campaigns.model.library.calendar_feed import CalendarFeed
from campaigns.model.post import Post, Review
from campaigns.model.vocabulary import CampaignStatus as S
from campaigns.model.vocabulary import PostStatus, ReviewState
from campaigns.operations.calendar_feeds import range_of
from campaigns.store import Store
from campaigns.store.items import keys
from campaigns.store.library import feeds as feeds_module
from campaigns.store.library.feeds import KEPT_AFTER_REVOCATION
from campaigns.store.tables.table import Key, Put, Table
from tests.benchmarks.counting import CountingTable
from tests.store.samples import NOW, OTHER, TENANT, a_campaign, a_post, hours, put_post, written

APPROVED = Review(state=ReviewState.APPROVED, round=1)
DAY = timedelta(days=1)


def completed(store: Store, *posts: Review, tenant: str = TENANT, first: datetime = NOW + DAY) -> Campaign:
    """Store a campaign with a post a day, each with its review, and complete it."""
    campaign = waiting(store, *posts, tenant=tenant, first=first)
    return store.campaigns.move(campaign.tenant_id, campaign.id, Move(S.COMPLETED, "t", "handed over", NOW))


def waiting(store: Store, *posts: Review, tenant: str = TENANT, first: datetime = NOW + DAY) -> Campaign:
    campaign = a_campaign(tenant, status=S.APPROVED)
    store.campaigns.create(campaign, actor="t", at=NOW)
    planned = [
        written(a_post(campaign, n)).model_copy(update={"scheduled_at": first + DAY * (n - 1)})
        for n in range(1, len(posts) + 1)
    ]
    store.posts.put_planned([post.model_copy(update={"revision": 0}) for post in planned])
    store.posts.review(tenant, campaign.id, {post.id: said for post, said in zip(planned, posts, strict=True)})
    return campaign


def found(store: Store, tenant: str = TENANT, *, start: datetime = NOW, days: int = 31) -> list[tuple[str, int]]:
    page = store.calendar.list(tenant, start=start, end=start + DAY * days)
    return [(each.campaign.id, each.post.number) for each in page.items]


def test_what_goes_out_stands_there_by_time_across_campaigns_and_nothing_else_does(store: Store) -> None:
    first = completed(store, APPROVED, Review(state=ReviewState.REJECTED), APPROVED)
    second = completed(store, APPROVED, first=NOW + DAY * 2)
    waiting(store, APPROVED)
    completed(store, APPROVED, tenant=OTHER)

    assert found(store) == [(first.id, 1), (second.id, 1), (first.id, 3)]
    assert len(found(store, OTHER)) == 1
    assert found(store, "nobody") == []


def test_a_campaign_enters_with_the_write_that_completes_it_and_leaves_with_its_deletion(store: Store) -> None:
    campaign = waiting(store, APPROVED, APPROVED)
    assert found(store) == []

    store.campaigns.move(TENANT, campaign.id, Move(S.COMPLETED, "t", "handed over", NOW))
    assert found(store) == [(campaign.id, 1), (campaign.id, 2)]

    store.campaigns.delete(TENANT, campaign.id, actor="t", at=NOW)
    assert found(store) == []


def test_a_range_holds_its_start_and_not_its_end(store: Store) -> None:
    campaign = completed(store, APPROVED, APPROVED, APPROVED)

    assert found(store, start=NOW + DAY, days=2) == [(campaign.id, 1), (campaign.id, 2)]
    assert found(store, start=NOW + DAY + timedelta(microseconds=1), days=1) == [(campaign.id, 2)]


def test_what_is_not_approved_any_more_leaves(store: Store) -> None:
    campaign = completed(store, APPROVED, APPROVED)
    first = store.posts.list(TENANT, campaign.id)[0]

    put_post(store, first.model_copy(update={"status": PostStatus.SKIPPED}))

    assert found(store) == [(campaign.id, 2)]


def test_pages_follow_each_other_without_a_gap_and_a_cursor_is_of_its_range(store: Store) -> None:
    for day in range(3):
        completed(store, *[APPROVED] * 4, first=NOW + DAY + hours(day))
    seen: list[Post] = []
    cursor: str | None = ""
    while cursor is not None:
        page = store.calendar.list(TENANT, start=NOW, end=NOW + DAY * 31, limit=5, cursor=cursor or None)
        seen += [each.post for each in page.items]
        last, cursor = cursor, page.cursor

    assert len({post.id for post in seen}) == len(seen) == 12
    assert [post.scheduled_at for post in seen] == sorted(post.scheduled_at for post in seen)
    with pytest.raises(FaultsError):
        store.calendar.list(TENANT, start=NOW, end=NOW + DAY * 30, limit=5, cursor=last)
    with pytest.raises(FaultsError):
        store.calendar.list(OTHER, start=NOW, end=NOW + DAY * 31, limit=5, cursor=last)


def test_looking_costs_what_is_in_the_range(table: Table) -> None:
    store = Store(table)
    completed(store, APPROVED, APPROVED)
    found(store)  # what was there before is put in once

    def cost() -> int:
        counting = CountingTable(table)
        assert len(found(Store(counting), days=5)) == 2
        return sum(counting.counts.values())

    before = cost()
    for month in range(2, 12):
        completed(store, *[APPROVED] * 3, first=NOW + DAY * 31 * month)
    assert cost() == before


def test_a_feed_of_many_posts_is_one_reading_and_each_campaign_is_read_once(table: Table) -> None:
    store = Store(table)
    for day in range(5):
        completed(store, *[APPROVED] * 60, first=NOW + DAY + hours(day))
    found(store)  # what was there before is put in once
    counting = CountingTable(table)

    entries = range_of(Store(counting), TENANT, start=NOW, end=NOW + DAY * 366, most=290)

    times = [each.post.scheduled_at for each in entries]
    assert times == sorted(times)
    assert len({each.post.id for each in entries}) == 290
    assert counting.counts["query_index"] == 1
    assert counting.counts["get"] <= 5 + 1  # and the note that nothing has to be put in


def test_what_an_earlier_version_completed_is_put_in_when_it_is_first_asked_for(store: Store) -> None:
    campaigns = [completed(store, APPROVED, APPROVED) for _ in range(2)]
    for campaign in campaigns:  # as the version before left them
        for item in store.table.query(keys.campaign_partition(TENANT, campaign.id), keys.POSTS):
            store.table.write(Put({name: value for name, value in item.items() if not name.startswith("list_")}))
    versions = [post.version for post in store.posts.list(TENANT, campaigns[0].id)]

    assert len(found(store)) == 4
    assert [post.version for post in store.posts.list(TENANT, campaigns[0].id)] == versions
    assert store.table.get(keys.calendar_filled(TENANT))["done"] == 1  # type: ignore[index]


# --- feeds --------------------------------------------------------------------------------------------

TOKENS = FeedTokens(KeyRing.parse(new_ring()))


def a_feed(tenant: str = TENANT) -> CalendarFeed:
    digest = TOKENS.digest(TOKENS.new())
    assert digest is not None
    return CalendarFeed(
        id=new_id("feed"), tenant_id=tenant, name="Office", token_digest=digest, created_by="ana", created_at=NOW
    )


def test_a_feed_is_found_by_its_token_until_it_is_revoked_and_listed_until_it_is_purged(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "MAX_FEEDS", 2)
    one, two = store.feeds.create(a_feed()), store.feeds.create(a_feed())
    with pytest.raises(LimitReachedError):
        store.feeds.create(a_feed())
    assert store.feeds.by_token(one.token_digest) == one

    revoked = store.feeds.revoke(TENANT, one.id, by="rui", at=NOW + DAY)

    for digest in (one.token_digest, a_feed().token_digest, "no digest"):
        with pytest.raises(NotFoundError):
            store.feeds.by_token(digest)
    for tenant, feed_id in ((TENANT, one.id), (OTHER, two.id), (TENANT, new_id("feed")), (TENANT, "feed")):
        with pytest.raises(NotFoundError):
            store.feeds.revoke(tenant, feed_id, by="rui", at=NOW)
    assert store.feeds.list(TENANT).items == [revoked, two]
    assert store.feeds.list(OTHER).items == []
    store.feeds.create(a_feed())  # a revoked one is not counted


def test_a_revoked_feed_is_purged_after_its_time(store: Store) -> None:
    feed = store.feeds.create(a_feed())
    store.feeds.revoke(TENANT, feed.id, by="rui", at=NOW)

    class NoFiles:
        pass

    files: object = NoFiles()
    assert store.purge(NOW + KEPT_AFTER_REVOCATION - DAY, files=files) == {}  # type: ignore[arg-type]
    assert store.purge(NOW + KEPT_AFTER_REVOCATION + DAY, files=files) == {"feed": 1}  # type: ignore[arg-type]
    assert store.feeds.list(TENANT).items == []
    assert store.table.get(Key(f"@feed#{feed.token_digest}", "feed-token")) is None


@pytest.mark.parametrize("change", ["", "x", " ", "\n", "é", "=" * 4000])
def test_a_token_is_known_only_as_it_was_made_and_while_its_key_is(change: str) -> None:
    ring = new_ring("k1")
    tokens = FeedTokens(KeyRing.parse(ring))
    token = tokens.new()
    assert tokens.digest(token)
    assert tokens.digest(f"{token[:-1]}{'1' if token[-1] == '0' else '0'}") is None
    if change:
        for wrong in (f"{token}{change}", f"{change}{token}", token[:-1] + change, token.replace("cal-", change, 1)):
            assert tokens.digest(wrong) is None
    later = FeedTokens(KeyRing.parse(f"{new_ring('k2')},{ring.replace(':sign:', ':verify:')}"))
    assert later.digest(token) == tokens.digest(token)
    over = FeedTokens(KeyRing.parse(f"{new_ring('k2')},{ring.replace(':sign:', ':revoked:')}"))
    assert over.digest(token) is None
