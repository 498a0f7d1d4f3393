"""Checkpoints as each released version wrote them, with the ring that sealed them; runs that wait hold such files.

    python -m tests.checkpoints.golden 0.2      writes tests/checkpoints/golden/0.2, once, at a release

A file that is there is never written again: reading it is the test.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from prefect.results import ResultStore

from campaigns.keys.keyring import new_ring
from campaigns.model.base import Wire, derived_id
from campaigns.model.vocabulary import PostStatus
from campaigns.settings import get_settings
from tasks.checkpoints.cached import Scope, checkpoint_key
from tasks.checkpoints.codec import CheckpointJson
from tasks.checkpoints.storage import SealedCheckpoints
from tasks.steps import AskedRound, Completion, Draft, Plan, PlannedPost, Revision, SavedCampaign
from tests.checkpoints.steps import described

GOLDEN: Final = Path(__file__).parent / "golden"
CAMPAIGN: Final = derived_id("campaign", "golden")
POST: Final = derived_id("post", "golden", 1)

VALUES: Final[dict[str, Wire]] = {
    "save": SavedCampaign(tenant_id="fernwood", id=CAMPAIGN, name="Huila spring harvest ☕", plan_version="a" * 64),
    "plan": Plan(posts=[PlannedPost(id=POST, number=1, label="post-01 · LinkedIn · Ines")], warnings=["short notice"]),
    "generate": Draft(post_id=POST, revision=1, status=PostStatus.NEEDS_REVIEW, content_hash="b" * 64),
    "ask": AskedRound.model_validate(
        {"n": 2, "digest": "c" * 64, "expiresAt": "2027-03-08T09:00:00Z", "waitingFor": "one of Ana, Ben"}
    ),
    "revise": Revision(posts=[PlannedPost(id=POST, number=1, revision=1, label="post-01 · X · Ines · round 2")]),
    "complete": Completion(status="completed", name="Approved", message="Approved by Ana: 1 of 1 posts go out"),
}


def store_of(folder: Path, step: str) -> ResultStore:
    """Return what Prefect reads and writes results of this step with."""
    block = SealedCheckpoints(location=f"file://{folder}", max_wait_seconds=0)
    return ResultStore(
        result_storage=block, serializer=CheckpointJson(step=step), persist_result=True, cache_result_in_memory=False
    )


def key_of(step: str) -> str:
    return str(checkpoint_key(Scope("fernwood", CAMPAIGN, "a" * 64), step, {"golden": True}))


def write(version: str) -> Path:
    """Write one checkpoint of every step as this version of the code does."""
    folder = GOLDEN / version
    (folder / "storage").mkdir(parents=True)
    ring = new_ring()
    os.environ["CAMPAIGNS_CHECKPOINT_KEYS"] = ring
    get_settings.cache_clear()
    (folder / "ring.txt").write_text(f"{ring}\n")
    told: dict[str, Any] = {}
    for step, value in VALUES.items():
        store_of(folder / "storage", step).write(value, key=key_of(step))
        told[step] = {"key": key_of(step), "value": value.to_wire()}
    (folder / "values.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    (folder / "steps.json").write_text(json.dumps(described(), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return folder


if __name__ == "__main__":
    print(f"wrote {write(sys.argv[1])}")
