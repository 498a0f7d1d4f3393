"""Who does what docs/runbook.md says gets what it promises: each piece of advice is followed here, on the real thing.

tests/housekeeping/test_runbook_page.py says which test follows which piece of advice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from campaigns.checkpoints.faults import CheckpointForged
from campaigns.model.vocabulary import CampaignStatus
from flows import operations
from tests.flows.conftest import TENANT, Studio
from tests.housekeeping.test_operations import BY, brief, by_link, campaign_of, link_to, refused, waiting
from tests.housekeeping.test_recover_runs import housekeeping, run_of

S = CampaignStatus
TWO = [{"name": name, "email": f"{name.lower()}@example.com"} for name in ("Ana", "Ben")]
Act = Callable[..., Any]


def done(act: Act, campaign_id: str, *given: Any, **named: Any) -> str:
    state = act(TENANT, campaign_id, *given, **named, **BY, return_state=True)
    assert state.is_completed(), state.message
    return str(state.message)


def consistent(campaign_id: str = "") -> bool:
    return bool(operations.verify(TENANT, campaign_id, return_state=True).name == "Consistent")


def state_of(studio: Studio, run_id: UUID) -> State[Any]:
    state = studio.run(run_id).state
    assert state is not None
    return state


# How to act


def test_an_act_is_refused_exactly_when_the_table_says_so(studio: Studio) -> None:
    planning, _ = studio.submit(brief())
    asked = waiting(studio, approval={"approvers": TWO, "quorum": "all"})
    alone = waiting(studio)
    by_link(studio, link_to(studio, asked, "ana@example.com"), "approved")
    over = waiting(studio)
    done(operations.decide, over, "approved")

    def is_refused(act: Act, campaign_id: str, *given: Any, **named: Any) -> bool:
        return refused(act(TENANT, campaign_id, *given, **named, **BY, return_state=True))

    # It has not failed, it has not timed out, nothing was set aside.
    only_then: list[Act] = [operations.retry, operations.roll_back, operations.reopen, operations.redeliver]
    for act in only_then:
        assert is_refused(act, planning), act
        assert is_refused(act, asked), act
    # Nobody is being asked; it is neither in review nor failed.
    impossible: list[tuple[Act, tuple[Any, ...]]] = [
        (operations.regenerate, ("1", "Name the venue.")),
        (operations.edit, (1, "Come.")),
        (operations.resend, ()),
        (operations.replace, ("Ana",)),
        (operations.extend, ()),
        (operations.decide, ("approved",)),
    ]
    for act, given in impossible:
        assert is_refused(act, planning, *given), given
        assert is_refused(act, over, *given), given
    # That one has decided; somebody has decided.
    assert is_refused(operations.edit, asked, 1, "Come.")
    assert is_refused(operations.replace, asked, "Ana")
    assert is_refused(operations.revoke, asked, "Ana")
    assert is_refused(operations.decide, asked, "approved", approver="Ana")
    # Nobody would be left to decide; it is decided.
    (approver,) = studio.store.approvals.round(TENANT, alone, 1).approvers
    assert is_refused(operations.revoke, alone, approver.name)
    assert is_refused(operations.cancel, over)
    assert [campaign_of(studio, each).status for each in (planning, asked, alone)] == [
        S.PLANNING, S.AWAITING_REVIEW, S.AWAITING_REVIEW,
    ]  # fmt: skip


# What you see


def forged(studio: Studio, campaign_id: str) -> list[Path]:
    """Change every checkpoint of a post, as somebody with access to the folder could; return them."""
    written = [path for path in (studio.home / "checkpoints").rglob("*") if path.is_file()]
    posts = [path for path in written if campaign_id in str(path) and "generate" in str(path)]
    assert posts, written
    for path in posts:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(bytes(content))
    return posts


def crashes_on_what_was_forged(studio: Studio, run_id: UUID) -> None:
    with pytest.raises(CheckpointForged):
        studio.attempt(run_id)
    assert state_of(studio, run_id).is_crashed()


def test_a_refused_checkpoint_is_deleted_and_the_run_goes_on_by_itself(studio: Studio) -> None:
    campaign_id = waiting(studio)
    calls, run_id = campaign_of(studio, campaign_id).usage.calls, run_of(studio, campaign_id)
    studio.decide(campaign_id, "needs_revision", "Shorter, please.")
    objects = forged(studio, campaign_id)
    crashes_on_what_was_forged(studio, run_id)
    assert refused(operations.retry(TENANT, campaign_id, **BY, return_state=True))  # nothing failed: it goes on itself

    for path in objects:
        path.unlink()

    assert housekeeping(studio) == {"restart": 1}
    assert studio.attempt(run_id).name == "Suspended"
    after = campaign_of(studio, campaign_id)
    assert (after.status, after.round) == (S.AWAITING_REVIEW, 2)
    assert after.usage.calls == calls + len(studio.store.posts.list(TENANT, campaign_id))  # nothing is paid twice
    assert consistent(campaign_id)


def test_a_refused_checkpoint_that_was_left_for_long_is_deleted_and_the_campaign_retried(studio: Studio) -> None:
    campaign_id = waiting(studio)
    calls, run_id = campaign_of(studio, campaign_id).usage.calls, run_of(studio, campaign_id)
    studio.decide(campaign_id, "needs_revision", "Shorter, please.")
    objects = forged(studio, campaign_id)
    crashes_on_what_was_forged(studio, run_id)
    for hour in range(1, 5):
        assert housekeeping(studio, later=timedelta(hours=hour)) == {"restart": 1}
        crashes_on_what_was_forged(studio, run_id)
    assert housekeeping(studio, later=timedelta(hours=5)) == {"quarantine": 1}
    error = campaign_of(studio, campaign_id).last_error
    assert error is not None
    assert (error.code, "crashed" in error.message) == ("QUARANTINED", True)

    for path in objects:
        path.unlink()
    done(operations.retry, campaign_id)

    assert studio.attempt(run_of(studio, campaign_id)).name == "Suspended"
    after = campaign_of(studio, campaign_id)
    assert (after.status, after.round) == (S.AWAITING_REVIEW, 2)
    assert after.usage.calls == calls + len(studio.store.posts.list(TENANT, campaign_id))  # nothing is paid twice
    assert consistent(campaign_id)
