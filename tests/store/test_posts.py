"""Posts in the store: planned once, every revision kept, the first writer of a revision wins."""

from __future__ import annotations

import random

import pytest

from campaigns.errors import ConflictError, ItemTooLargeError, LeaseLostError, NotFoundError
from campaigns.model.base import new_id
from campaigns.model.campaign import Campaign
from campaigns.model.post import Review
from campaigns.model.vocabulary import ReviewState
from campaigns.store import Store
from campaigns.store.tables.table import Operation
from tests.store.samples import NOW, OTHER, TENANT, a_campaign, a_post, hours, put_post, written


@pytest.fixture
def campaign(store: Store) -> Campaign:
    return store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign


def test_planned_posts_are_listed_in_calendar_order(store: Store, campaign: Campaign) -> None:
    posts = [a_post(campaign, number) for number in range(1, 131)]
    shuffled = random.Random(7).sample(posts, len(posts))

    assert store.posts.put_planned(shuffled) == posts
    assert store.posts.list(TENANT, campaign.id) == posts


def test_planning_again_keeps_what_is_there_and_adds_what_is_missing(store: Store, campaign: Campaign) -> None:
    posts = [a_post(campaign, number) for number in range(1, 41)]
    store.posts.put_planned(posts[5:30])
    saved = store.posts.save_revision(written(posts[10]))

    stored = store.posts.put_planned([post.model_copy(update={"topic": "Planned again"}) for post in posts])

    assert [post.topic for post in stored[5:30]] == [post.topic for post in posts[5:30]]
    assert stored[10] == saved
    assert {post.topic for post in [*stored[:5], *stored[30:]]} == {"Planned again"}
    assert store.posts.list(TENANT, campaign.id) == stored


def test_a_plan_with_a_post_too_large_is_refused_whole(store: Store, campaign: Campaign) -> None:
    posts = [a_post(campaign, number) for number in range(1, 31)]
    posts[29] = posts[29].model_copy(update={"topic": "x" * 420_000})

    with pytest.raises(ItemTooLargeError):
        store.posts.put_planned(posts)

    assert store.posts.list(TENANT, campaign.id) == []


def test_posts_are_listed_by_platform_and_persona(store: Store, campaign: Campaign) -> None:
    other = new_id("persona")
    posts = [
        a_post(campaign, 1, platform="twitter"),
        a_post(campaign, 2, platform="linkedin", persona_id=other),
        a_post(campaign, 3, platform="twitter", persona_id=other),
    ]
    store.posts.put_planned(posts)

    assert store.posts.list(TENANT, campaign.id, platform="twitter") == [posts[0], posts[2]]
    assert store.posts.list(TENANT, campaign.id, persona_id=other) == posts[1:]
    assert store.posts.list(TENANT, campaign.id, platform="twitter", persona_id=other) == [posts[2]]


def test_a_saved_revision_is_the_current_post(store: Store, campaign: Campaign) -> None:
    [post] = store.posts.put_planned([a_post(campaign)])

    saved = store.posts.save_revision(written(post, "Words"))

    assert (saved.version, saved.revision) == (2, 1)
    assert store.posts.get(TENANT, campaign.id, post.id) == saved
    assert store.posts.revision(TENANT, campaign.id, post.id, 1) == saved
    assert store.posts.revision(TENANT, campaign.id, post.id, 2) is None


def test_the_first_words_of_a_revision_stay_whoever_writes_again(store: Store, campaign: Campaign) -> None:
    [post] = store.posts.put_planned([a_post(campaign)])
    first = store.posts.save_revision(written(post, "First words"))
    review = Review(state=ReviewState.PENDING, round=1)
    put_post(store, first.model_copy(update={"review": review}))

    again = store.posts.save_revision(written(post, "Second words"))

    assert again == first
    assert store.posts.get(TENANT, campaign.id, post.id).review == review


def test_every_revision_is_kept_in_order(store: Store, campaign: Campaign) -> None:
    [post] = store.posts.put_planned([a_post(campaign)])

    for number in range(1, 13):
        store.posts.save_revision(written(post, f"Words {number}", revision=number))

    revisions = store.posts.revisions(TENANT, campaign.id, post.id)
    assert [revision.content.text for revision in revisions if revision.content] == [f"Words {n}" for n in range(1, 13)]
    assert store.posts.list(TENANT, campaign.id) == [revisions[-1]]


def test_a_revision_older_than_the_current_one_is_refused(store: Store, campaign: Campaign) -> None:
    [post] = store.posts.put_planned([a_post(campaign)])
    store.posts.save_revision(written(post, revision=2))

    with pytest.raises(ConflictError):
        store.posts.save_revision(written(post, revision=1))


def test_a_post_that_was_never_planned_cannot_be_written(store: Store, campaign: Campaign) -> None:
    with pytest.raises(NotFoundError):
        store.posts.save_revision(written(a_post(campaign)))
    assert store.posts.revisions(TENANT, campaign.id, a_post(campaign).id) == []


def test_a_process_that_lost_its_lease_writes_no_words(store: Store, campaign: Campaign) -> None:
    [post] = store.posts.put_planned([a_post(campaign)])
    lost = store.leases.acquire(TENANT, campaign.id, owner="one", now=NOW, ttl=hours(1))
    held = store.leases.acquire(TENANT, campaign.id, owner="two", now=NOW + hours(1), ttl=hours(1))

    with pytest.raises(LeaseLostError):
        store.posts.save_revision(written(post, "Fenced"), fence=lost)
    with pytest.raises(LeaseLostError):
        store.posts.put_planned([a_post(campaign, 2)], fence=lost)
    assert store.posts.revisions(TENANT, campaign.id, post.id) == []

    assert store.posts.save_revision(written(post, "Mine"), fence=held).content is not None


def test_reviews_are_set_once_and_again_without_effect(store: Store, campaign: Campaign) -> None:
    posts = store.posts.put_planned([a_post(campaign, number) for number in (1, 2, 3)])
    reviews = {post.id: Review(state=ReviewState.APPROVED, round=1, by="Ana", at=NOW + hours(1)) for post in posts[:2]}

    first = store.posts.review(TENANT, campaign.id, reviews)
    again = store.posts.review(TENANT, campaign.id, reviews)

    assert first == again
    stored = store.posts.list(TENANT, campaign.id)
    assert [post.review.state for post in stored] == [ReviewState.APPROVED, ReviewState.APPROVED, ReviewState.NONE]
    assert [post.version for post in stored] == [2, 2, 1]


def test_a_post_that_is_changed_while_reviews_are_set_keeps_its_change(
    store: Store, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = store.posts.put_planned([a_post(campaign, number) for number in range(1, 41)])
    write, between = store.table.write, [posts[3], posts[30]]

    def interrupted(*operations: Operation) -> None:
        monkeypatch.setattr(store.table, "write", write)
        for post in between:
            put_post(store, post.model_copy(update={"topic": "Changed"}))
        write(*operations)

    monkeypatch.setattr(store.table, "write", interrupted)
    store.posts.review(TENANT, campaign.id, {post.id: Review(state=ReviewState.APPROVED, round=1) for post in posts})

    stored = store.posts.list(TENANT, campaign.id)
    assert {post.review.state for post in stored} == {ReviewState.APPROVED}
    assert [post.id for post in stored if post.topic == "Changed"] == [post.id for post in between]


def test_posts_of_another_tenant_are_unknown(store: Store, campaign: Campaign) -> None:
    [post] = store.posts.put_planned([a_post(campaign)])
    store.posts.save_revision(written(post))

    with pytest.raises(NotFoundError):
        store.posts.get(OTHER, campaign.id, post.id)
    assert store.posts.list(OTHER, campaign.id) == []
    assert store.posts.revisions(OTHER, campaign.id, post.id) == []
    with pytest.raises(NotFoundError):
        store.posts.review(OTHER, campaign.id, {post.id: Review()})
