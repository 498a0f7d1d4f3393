"""The table is restored to an earlier moment, checkpoints and Prefect are newer: campaigns go on from the table."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from campaigns.agents import writer
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store.campaign.posts import PostRepository
from tasks.delivery.deliver import deliver_due
from tasks.upkeep.recover import recover_ended, recover_live
from tests.flows.conftest import TENANT, Studio, sample_brief

MOMENTS = ["before the plan", "while posts are written", "while it waits", "after the approval"]


class Backups:
    """Copies of the table, by the name of the moment; restored into the table that is in use."""

    def __init__(self, home: Path) -> None:
        self._live, self._home = home / "store.db", home

    def take(self, moment: str) -> None:
        self._copy(self._live, self._home / f"{moment}.db")

    def restore(self, moment: str) -> None:
        self._copy(self._home / f"{moment}.db", self._live)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
            read.backup(written)


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The posts that the writer was called for."""
    calls: list[str] = []
    real = writer.run

    def counted(tenant_id: str, given: Any) -> Any:
        calls.append(given.post_id)
        return real(tenant_id, given)

    monkeypatch.setattr("campaigns.build.writing.writer.run", counted)
    return calls


def after(count: int, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something when so many posts are stored."""
    real, stored = PostRepository.save_revision, []

    def save(self: PostRepository, *args: Any, **kwargs: Any) -> Any:
        saved = real(self, *args, **kwargs)
        stored.append(saved.id)
        if len(stored) == count:
            act()
        return saved

    monkeypatch.setattr(PostRepository, "save_revision", save)


def go_on(studio: Studio, campaign_id: str) -> UUID:
    """Let housekeeping look until the campaign has a run that can begin; return it."""
    for minutes in (3, 6, 9, 12):
        now = datetime.now(UTC) + timedelta(minutes=minutes)
        recover_live(studio.store, now=now)
        recover_ended(studio.store, now=now)
        deliver_due(studio.store, now=now)
        run_id = UUID(studio.store.campaigns.get(TENANT, campaign_id).execution_id)
        if studio.run(run_id).state.is_scheduled():
            return run_id
    raise AssertionError(f"run {run_id} is {studio.run(run_id).state_name}")


def woken(studio: Studio, run_id: UUID) -> State[Any]:
    """Execute a run that was decided about, once its bell has rung: a busy Prefect may not take the first one."""
    for minutes in range(1, 6):
        if studio.run(run_id).state.is_scheduled():
            break
        deliver_due(studio.store, now=datetime.now(UTC) + timedelta(minutes=minutes))
    return studio.attempt(run_id)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_campaign_goes_on_from_any_moment(
    studio: Studio, paid: list[str], moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups = Backups(studio.home)
    campaign_id, run_id = studio.submit(sample_brief("conference-talks.json"))
    backups.take("before the plan")
    after(2, lambda: backups.take("while posts are written"), monkeypatch)
    assert studio.attempt(run_id).name == "Suspended"
    backups.take("while it waits")
    studio.decide_without_effect(campaign_id, "approved")
    backups.take("after the approval")
    assert woken(studio, run_id).name == "Approved"
    words = {post.id: post.content for post in studio.store.posts.list(TENANT, campaign_id)}
    calls = len(paid)

    backups.restore(moment)
    assert studio.store.campaigns.get(TENANT, campaign_id).status is not CampaignStatus.COMPLETED
    if moment == "after the approval":  # what was decided takes effect, and its run has ended
        deliver_due(studio.store, now=datetime.now(UTC) + timedelta(minutes=3))
        ended = studio.run(run_id).state
    else:
        again = go_on(studio, campaign_id)
        assert again != run_id  # Prefect's keys bring no old run back
        assert studio.attempt(again).name == "Suspended"
        studio.decide(campaign_id, "approved")
        ended = woken(studio, again)

    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert (ended.name, campaign.status) == ("Approved", CampaignStatus.COMPLETED)
    posts = studio.store.posts.list(TENANT, campaign_id)
    assert len(posts) == campaign.plan_summary.total_posts == len(words)
    assert studio.store.audit.verify(TENANT, campaign_id) is None
    if moment != "before the plan":  # a plan made anew may ask for other words
        assert {post.id: post.content for post in posts} == words
        assert len(paid) == calls


def test_the_documented_command_lets_campaigns_go_on(studio: Studio, prefect_server: str) -> None:
    backups = Backups(studio.home)
    campaign_id, run_id = studio.submit(sample_brief("conference-talks.json"))
    assert studio.attempt(run_id).name == "Suspended"
    backups.take("while it waits")
    _, lost_run = studio.submit({**sample_brief("conference-talks.json"), "name": "Not in the backup"})
    assert studio.attempt(lost_run).name == "Suspended"
    studio.decide(campaign_id, "approved")
    assert woken(studio, run_id).name == "Approved"

    backups.restore("while it waits")
    first = restored(prefect_server)

    assert first.returncode == 0, first.stdout + first.stderr
    assert "run ended 1" in first.stdout
    assert first.stdout.splitlines()[-1] == "1 campaigns checked, 0 findings"
    assert studio.run(lost_run).state_name == "Cancelled"
    again = go_on(studio, campaign_id)  # a run that ended a moment ago is given two minutes, whoever looks
    assert again != run_id
    assert studio.attempt(again).name == "Suspended"
    second = restored(prefect_server)  # it may be repeated
    assert (second.returncode, "run ended" in second.stdout) == (0, False), second.stdout
    assert UUID(studio.store.campaigns.get(TENANT, campaign_id).execution_id) == again
    studio.decide(campaign_id, "approved")
    assert woken(studio, again).name == "Approved"


def restored(prefect_server: str) -> subprocess.CompletedProcess[str]:
    """What the runbook says to run once, as a user does: in a process of its own, with the settings of the workers."""
    settings = {**os.environ, "PREFECT_API_URL": prefect_server}
    command = [sys.executable, "-m", "deployments.commands.restored"]
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=False, timeout=180)


def test_changes_that_are_asked_for_anew_are_written_anew(studio: Studio, paid: list[str]) -> None:
    backups = Backups(studio.home)
    campaign_id, run_id = studio.submit(sample_brief("conference-talks.json"))
    studio.attempt(run_id)
    backups.take("while it waits")
    sent = {mail.name for mail in (studio.home / "mail").iterdir()}
    studio.decide(campaign_id, "needs_revision", "Say more about the farm.")
    assert woken(studio, run_id).name == "Suspended"
    studio.decide(campaign_id, "approved")
    assert woken(studio, run_id).name == "Approved"
    calls = len(paid)

    backups.restore("while it waits")
    for mail in (studio.home / "mail").iterdir():
        if mail.name not in sent:
            mail.unlink()  # links of rounds that the table has lost lead nowhere
    again = go_on(studio, campaign_id)
    assert studio.attempt(again).name == "Suspended"
    studio.decide(campaign_id, "needs_revision", "Leave the farm out.")
    assert woken(studio, again).name == "Suspended"

    posts = studio.store.posts.list(TENANT, campaign_id)
    assert {answer.comment for post in posts for answer in post.comment_answers} == {"Leave the farm out."}
    assert len(paid) == calls + len(posts)
    studio.decide(campaign_id, "approved")
    assert woken(studio, again).name == "Approved"
