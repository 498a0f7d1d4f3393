"""A post is stored once before people see it: its words say that the next round asks about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.agents.providers import models
from campaigns.approval.opening import open_round
from campaigns.build.planning import plan
from campaigns.build.submission import Submission, submit
from campaigns.build.writing import put_back, write_post
from campaigns.model.base import new_id
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.post import Post, Review
from campaigns.model.vocabulary import ReviewState
from campaigns.store import Store
from campaigns.store.campaign.posts import PostRepository
from campaigns.store.tables.sqlite import SQLiteTable
from tests.approvals.scene import ANA
from tests.samples import sample
from tests.store.samples import NOW, TENANT

ASKED = Review(state=ReviewState.PENDING, round=1)


def planned(home: Path, mode: str) -> tuple[Store, list[Post]]:
    """A store with a planned campaign, under an approval policy of this mode."""
    store = Store(SQLiteTable(home / "store.db"))
    stamps = {"tenantId": TENANT, "createdAt": NOW, "updatedAt": NOW}
    brand = {**sample("brand.json"), "approvalPolicy": {"mode": mode, "threshold": 0.8}}
    store.brands.create(Brand.model_validate({**brand, **stamps}))
    for each in sample("personas.json"):
        store.personas.create(Persona.model_validate({**each, **stamps}))
    models.configure(models.ModelOptions())
    made = submit(store, sample("spring-harvest.json"), Submission(TENANT, new_id("campaign"), "api"), now=NOW).campaign
    plan(store, TENANT, made.id, now=NOW)
    return store, store.posts.list(TENANT, made.id)


def written(store: Store, post: Post) -> Post:
    return write_post(store, TENANT, post.campaign_id, post.id, revision=0, attempt="test", now=NOW)


def test_the_opening_of_the_first_round_writes_no_post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, posts = planned(tmp_path, "always_review")
    assert {post.review.state for post in posts} == {ReviewState.NONE}
    for post in posts:
        assert written(store, post).review == ASKED
    before = store.posts.list(TENANT, posts[0].campaign_id)
    monkeypatch.setattr("campaigns.store.campaign.posts.post_item", _must_not_be_written)

    round_ = open_round(store, TENANT, posts[0].campaign_id, 1, default_approver=ANA, now=NOW)

    assert set(round_.posts) == {post.id for post in before if post.usable}
    assert store.posts.list(TENANT, posts[0].campaign_id) == before


def _must_not_be_written(post: Post) -> None:
    raise AssertionError(f"post {post.number} is written again")


def test_what_may_pass_by_policy_is_asked_about_when_the_round_is_opened(tmp_path: Path) -> None:
    store, posts = planned(tmp_path, "auto_approve")

    words = written(store, posts[0])

    assert words.review == Review()
    open_round(store, TENANT, words.campaign_id, 1, default_approver=ANA, now=NOW)
    assert store.posts.get(TENANT, words.campaign_id, words.id).review.round == 1


def test_words_that_a_restored_table_has_lost_come_back_with_the_question(tmp_path: Path) -> None:
    store, posts = planned(tmp_path, "always_review")
    kept = written(store, posts[0])
    lost, _ = planned(tmp_path / "restored", "always_review")
    PostRepository(lost.table).put_planned([posts[0]])

    back = put_back(lost, kept)

    assert back is not None
    assert (back.content, back.review) == (kept.content, ASKED)
