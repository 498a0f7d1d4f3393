"""The largest campaign that a setting allows: its plan, its round, its decision and the pages hold 500 posts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns.agents.providers import models
from campaigns.approval.outcomes import apply
from campaigns.approval.rounds import Outcome
from campaigns.build.planning import plan
from campaigns.build.submission import Submission, submit
from campaigns.build.writing import write_post
from campaigns.errors import FaultsError
from campaigns.model.base import new_id
from campaigns.model.vocabulary import CampaignStatus, ReviewState, RoundStatus
from campaigns.rules.merge.defaults import MOST_POSTS_EVER
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Item
from tests.approvals.reader import read, send
from tests.approvals.scene import NOW, TENANT, Scene, a_scene
from tests.samples import sample


@pytest.fixture
def largest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A scene whose campaigns may have as many posts as a setting can say."""
    monkeypatch.setenv("CAMPAIGNS_MOST_POSTS", str(MOST_POSTS_EVER))
    with a_scene(tmp_path) as made:
        yield made


class ReadTable(SQLiteTable):
    """A table that counts the items that it hands out."""

    handed_out = 0

    def get(self, key: Any) -> Item | None:
        self.handed_out += 1
        return super().get(key)

    def query(self, pk: str, prefix: str = "", **more: Any) -> list[Item]:
        found = super().query(pk, prefix, **more)
        self.handed_out += len(found)
        return found


def brief(posts_a_week: int) -> dict[str, Any]:
    """Ten weeks of the sample."""
    wire = sample("spring-harvest.json")
    every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    days = {"startDate": "2027-03-15", "endDate": "2027-05-23", "allowedDaysOfWeek": every_day, "blackoutDates": []}
    wire["schedule"] |= days
    wire["cadenceOverrides"] = {
        "minPostsPerWeek": posts_a_week, "maxPostsPerWeek": posts_a_week, "maxPostsPerDay": 8,
    }  # fmt: skip
    return dict(wire)


def submitted(scene: Scene, posts_a_week: int) -> str:
    scene.prepare(posts=0)
    asked = Submission(TENANT, new_id("campaign"), "api")
    made = submit(scene.store, brief(posts_a_week), asked, now=NOW)
    return made.campaign.id


def test_five_hundred_posts_are_planned_where_a_setting_says_so(largest: Scene) -> None:
    models.configure(models.ModelOptions())
    campaign_id = submitted(largest, 50)

    posts = plan(largest.store, TENANT, campaign_id, now=NOW)

    assert len(posts) == MOST_POSTS_EVER
    assert [post.number for post in posts] == list(range(1, MOST_POSTS_EVER + 1))
    assert largest.store.posts.list(TENANT, campaign_id) == posts


@pytest.mark.parametrize(("setting", "most"), [(None, 200), ("500", 500), ("36", 36)])
def test_the_refusal_of_too_many_names_the_number_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str | None, most: int
) -> None:
    if setting is not None:
        monkeypatch.setenv("CAMPAIGNS_MOST_POSTS", setting)
    with a_scene(tmp_path) as scene, pytest.raises(FaultsError) as refused:
        submitted(scene, 51)

    [fault] = refused.value.faults
    assert fault.code == "TOO_MANY_POSTS"
    assert f"asks for at least 510 posts in 10 weeks; a campaign has at most {most}. To make it" in fault.message


def test_five_hundred_posts_are_shown_and_decided_on_the_page(largest: Scene) -> None:
    largest.stand_up(posts=MOST_POSTS_EVER)
    [legal, *_] = [post for post in largest.posts() if post.id in largest.round().unapprovable]
    browser = largest.browser()
    page = browser.get(largest.url())
    chosen = {f"d.{each}": "rejected" for each in range(1, MOST_POSTS_EVER + 1)}

    # Every post is named: those of other pages in hidden fields, as the page sends them.
    step = send(browser, page, "review", **chosen, comments="None of it: the harvest is late.")
    assert read(step).heading == "Your decision, in short"
    receipt = send(browser, step, "send", confirm="yes", decidedBy="Ana Ribeiro")

    assert receipt.status_code == 200
    [decision] = largest.store.approvals.decisions(TENANT, largest.campaign.id, 1)
    assert len(decision.posts) == MOST_POSTS_EVER
    assert decision.posts[legal.id].decision == "rejected"
    largest.clock.pass_(hours=1)
    apply(largest.store, TENANT, largest.campaign.id, 1, Outcome.REJECTED, now=largest.clock.now)
    assert {post.review.state for post in largest.posts()} == {ReviewState.REJECTED}


def test_five_hundred_posts_are_approved_and_the_campaign_is_completed(largest: Scene) -> None:
    largest.stand_up(posts=MOST_POSTS_EVER)
    shown = largest.round()

    largest.decide()

    assert largest.round().status is RoundStatus.DECIDED
    largest.clock.pass_(hours=1)
    done = apply(largest.store, TENANT, largest.campaign.id, 1, Outcome.APPROVED, now=largest.clock.now)
    assert done.status is CampaignStatus.COMPLETED
    states = [post.review.state for post in largest.posts() if post.id not in shown.blocked]
    assert len(states) > MOST_POSTS_EVER // 2
    assert set(states) == {ReviewState.APPROVED}


def test_the_last_post_reads_no_more_than_the_second_one(tmp_path: Path) -> None:
    models.configure(models.ModelOptions())
    table = ReadTable(tmp_path / "store.db")
    with a_scene(tmp_path, table=table) as scene:
        campaign_id = submitted(scene, 3)
        lease = scene.store.leases.acquire(TENANT, campaign_id, owner="run", now=NOW, ttl=timedelta(hours=1))
        posts = plan(scene.store, TENANT, campaign_id, now=NOW, fence=lease)
        read = []
        for post in posts:
            before = table.handed_out
            write_post(
                scene.store, TENANT, campaign_id, post.id, revision=0, attempt="1", now=NOW, fence=lease
            )  # fmt: skip
            read.append(table.handed_out - before)

    assert len(read) == 30
    assert read[1] == read[-1] == max(read[1:])
