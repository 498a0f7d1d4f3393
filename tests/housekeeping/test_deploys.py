"""A deploy while runs wait: a process with the new code finishes them with the content that was shown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from prefect.settings import get_current_settings

from campaigns.build.writing import write_post
from campaigns.checkpoints.faults import CheckpointUnavailable
from campaigns.model.vocabulary import CampaignStatus
from flows import operations
from tests.flows.conftest import TENANT, Studio, sample_brief

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("flows", "tasks", "campaigns", "api", "deployments")

EDITS: list[tuple[str, str, str]] = [
    # A comment in the source of a step: Prefect's own cache key would change.
    ("tasks/generate.py", "    configure_agents()\n", "    configure_agents()  # another comment\n    assert post\n"),
    # A renamed task, function and all.
    ("tasks/plan.py", 'called="plan the posts",', 'called="plan all posts",'),
    ("tasks/plan.py", "def plan_posts(", "def plan_all_posts("),
    ("tasks/plan.py", "receipted(plan_posts,", "receipted(plan_all_posts,"),
    # An argument more.
    (
        "tasks/generate.py",
        "campaign: SavedCampaign) -> Draft:",
        'campaign: SavedCampaign, tone: str = "plain") -> Draft:',
    ),
    # New prompts: what is generated from now on has another key.
    ("campaigns/agents/prompts.py", "PROMPT_VERSION: Final = ", 'PROMPT_VERSION: Final = "next-" + '),
]

# What a worker's process does with the runs that it is given.
EXECUTE = """
import sys
from uuid import UUID
from prefect.client.orchestration import get_client
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.states import Pending
from flows import build_campaign as code
from tasks import plan
print("code", code.__file__, hasattr(plan, "plan_all_posts"))
for run_id in map(UUID, sys.argv[1:]):
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Pending())
        run = client.read_flow_run(run_id)
    try:
        state = run_flow(code.build_campaign, flow_run=run, parameters=run.parameters, return_type="state")
    except Pause as pause:
        state = pause.state
    print("ended", run_id, state.name)
"""

Words = dict[int, tuple[int, str, int]]
"""By post: its revision, the hash of its words, and the model calls it took."""


def test_runs_that_wait_through_a_deploy_go_on_with_what_was_shown(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved, approved_run = wait_for_decision(studio)
    revised, revised_run = wait_for_decision(studio)
    cut, cut_run = cut_short(studio, monkeypatch)
    shown = {each: words(studio, each) for each in (approved, revised, cut)}
    calls = {each: paid(studio, each) for each in shown}
    assert 0 < len(shown[cut]) < len(shown[approved])
    studio.decide(approved, "approved")
    operations.regenerate(TENANT, revised, "2", "Name the venue.", operator="Olga", reason="asked", return_state=True)

    told = execute(deploy(tmp_path / "deployed", EDITS), approved_run, revised_run, cut_run)

    assert told == [
        f"code {tmp_path}/deployed/flows/build_campaign.py True",
        f"ended {approved_run} Approved",
        f"ended {revised_run} Suspended",
        f"ended {cut_run} Suspended",
    ]
    assert studio.store.campaigns.get(TENANT, approved).status is CampaignStatus.COMPLETED
    assert words(studio, approved) == shown[approved]
    assert paid(studio, approved) == calls[approved]

    rewritten = words(studio, revised)
    assert rewritten.pop(2)[0] == 1
    assert rewritten == {number: said for number, said in shown[revised].items() if number != 2}
    assert paid(studio, revised) == calls[revised] + 1

    finished = words(studio, cut)
    assert finished.items() > shown[cut].items()
    assert len(finished) == len(shown[approved])


def wait_for_decision(studio: Studio) -> tuple[str, UUID]:
    campaign_id, run_id = studio.submit(sample_brief("conference-talks.json"))
    assert studio.attempt(run_id).name == "Suspended"
    return campaign_id, run_id


def cut_short(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> tuple[str, UUID]:
    """A run that dies when some of its posts are written."""
    campaign_id, run_id = studio.submit(sample_brief("conference-talks.json"))
    begun, written = count(1), Event()

    def write_some(*arguments: Any, **named: Any) -> Any:
        if next(begun) > 4:
            assert written.wait(60)
            raise CheckpointUnavailable("generate", "the process is gone")
        answer = write_post(*arguments, **named)
        written.set()
        return answer

    with monkeypatch.context() as dying:
        dying.setattr("tasks.generate.write_post", write_some)
        with pytest.raises(CheckpointUnavailable):
            studio.attempt(run_id)
    return campaign_id, run_id


def words(studio: Studio, campaign_id: str) -> Words:
    posts = studio.store.posts.list(TENANT, campaign_id)
    return {
        post.number: (post.revision, post.content_hash(), post.usage.calls if post.usage else 0)
        for post in posts
        if post.content is not None
    }


def paid(studio: Studio, campaign_id: str) -> int:
    return studio.store.campaigns.get(TENANT, campaign_id).usage.calls


def execute(code: Path, *run_ids: UUID) -> list[str]:
    environment = {**os.environ, **get_current_settings().to_environment_variables(exclude_unset=True)}
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, *map(str, run_ids)],
        cwd=code, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [line for line in done.stdout.splitlines() if line.startswith(("code ", "ended "))]


def deploy(target: Path, edits: list[tuple[str, str, str]]) -> Path:
    """Copy the code and edit it as a developer would."""
    target.mkdir()
    for room in ROOMS:
        shutil.copytree(ROOT / room, target / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "prefect.toml", target)
    for name, old, new in edits:
        path = target / name
        source = path.read_text()
        assert source.count(old) == 1, f"{name} has no single {old!r} any more"
        path.write_text(source.replace(old, new))
    return target
