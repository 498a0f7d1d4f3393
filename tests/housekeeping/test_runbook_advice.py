"""Who does what docs/runbook.md says gets what it promises: each piece of advice is followed here, on the real thing.

tests/housekeeping/test_runbook_page.py says which test follows which piece of advice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from campaigns import wiring
from campaigns.checkpoints.faults import CheckpointForged
from campaigns.keys.keyring import new_ring
from campaigns.model.post import LastError
from campaigns.model.vocabulary import CampaignStatus, PostStatus
from campaigns.settings import get_settings
from campaigns.store.items import keys
from campaigns.store.tables.table import Put
from deployments.local.approver import LinkRefusedError
from flows import operations
from tasks.checkpoints.storage import _open_vault
from tasks.delivery.deliver import deliver_due
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
    """Change the checkpoint of the plan, as somebody with access to the folder could; return its files.

    Those of finished posts are not read any more: their words stand in the store.
    """
    written = [path for path in (studio.home / "checkpoints").rglob("*") if path.is_file()]
    plans = [path for path in written if campaign_id in str(path) and "/plan/" in str(path)]
    assert plans, written
    for path in plans:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(bytes(content))
    return plans


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


def tampered(studio: Studio, campaign_id: str) -> None:
    """Change the words of a post in the table, past everything that would notice."""
    post = studio.store.posts.list(TENANT, campaign_id)[0]
    item = studio.store.table.get(keys.post(TENANT, campaign_id, post.id))
    assert item is not None
    assert post.content is not None
    words = json.dumps(post.content.text)[1:20]
    studio.store.table.write(Put({**item, "body": item["body"].replace(words, "Buy now. ")}))


def test_content_that_was_tampered_with_is_found_rolled_back_and_retried(studio: Studio) -> None:
    campaign_id = waiting(studio)
    seen = {post.id: post.content_hash() for post in studio.store.posts.list(TENANT, campaign_id)}
    studio.decide_without_effect(campaign_id, "approved")
    tampered(studio, campaign_id)
    assert studio.attempt(run_of(studio, campaign_id)).is_failed()
    error = campaign_of(studio, campaign_id).last_error
    assert error is not None
    assert error.code == "INTEGRITY"

    assert not consistent(campaign_id)
    assert done(operations.roll_back, campaign_id) == "posts 1 went back"
    done(operations.retry, campaign_id)

    studio.attempt(run_of(studio, campaign_id))
    assert {post.id: post.content_hash() for post in studio.store.posts.list(TENANT, campaign_id)} == seen
    assert consistent(campaign_id)


def test_an_inconsistent_campaign_on_which_nobody_may_decide_meanwhile_is_cancelled(studio: Studio) -> None:
    campaign_id = waiting(studio)
    tampered(studio, campaign_id)
    assert not consistent(campaign_id)

    done(operations.cancel, campaign_id)

    assert campaign_of(studio, campaign_id).status is S.CANCELLED
    with pytest.raises(LinkRefusedError):
        studio.decide(campaign_id, "approved")


def test_a_post_that_the_model_left_out_is_written_again_in_the_open_round(studio: Studio) -> None:
    campaign_id = waiting(studio)
    post = studio.store.posts.list(TENANT, campaign_id)[0]
    error = LastError(code="MODEL_TIMEOUT", message="no answer", at=datetime.now(UTC), retryable=True)
    studio.store.posts.save_revision(
        post.model_copy(update={"status": PostStatus.FAILED, "revision": post.revision + 1, "last_error": error})
    )

    done(operations.regenerate, campaign_id, "1", "The model is back.")

    assert studio.attempt(run_of(studio, campaign_id)).name == "Suspended"
    assert studio.store.posts.list(TENANT, campaign_id)[0].status is PostStatus.NEEDS_REVIEW
    assert consistent(campaign_id)


# Keys


def restarted_with(studio: Studio, monkeypatch: pytest.MonkeyPatch, name: str, ring: str) -> None:
    """Give API and worker another ring, as a restart does."""
    monkeypatch.setenv(name, ring)
    get_settings.cache_clear()
    wiring.get_link_signer.cache_clear()
    _open_vault.cache_clear()
    state = studio.client.app.state  # type: ignore[attr-defined]  # FastAPI's
    state.links, state.feeds = wiring.get_link_signer(), wiring.get_feed_tokens()


def test_after_an_approval_key_was_revoked_links_are_sent_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = waiting(studio)
    old = os.environ["CAMPAIGNS_APPROVAL_KEYS"]
    ring = f"{new_ring('fresh')},{old.replace(':sign:', ':revoked:')}"

    restarted_with(studio, monkeypatch, "CAMPAIGNS_APPROVAL_KEYS", ring)
    with pytest.raises(LinkRefusedError):
        studio.decide(campaign_id, "approved")
    done(operations.resend, campaign_id)
    deliver_due(studio.store, now=datetime.now(UTC))

    studio.decide(campaign_id, "approved")
    assert studio.attempt(run_of(studio, campaign_id)).name == "Approved"


def test_after_an_approval_key_was_revoked_readers_get_new_feeds(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def a_feed() -> str:
        made = studio.client.post("/calendar/feeds", json={"name": "Office"}).raise_for_status()
        return str(made.json()["url"])

    before = a_feed()
    assert studio.client.get(before).status_code == 200
    old = os.environ["CAMPAIGNS_APPROVAL_KEYS"]
    ring = f"{new_ring('fresh')},{old.replace(':sign:', ':revoked:')}"

    restarted_with(studio, monkeypatch, "CAMPAIGNS_APPROVAL_KEYS", ring)

    assert studio.client.get(before).status_code == 404
    assert studio.client.get(a_feed()).status_code == 200


def test_a_checkpoint_key_that_still_verifies_keeps_a_campaign_going_and_a_revoked_one_stops_it(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = waiting(studio)
    old = os.environ["CAMPAIGNS_CHECKPOINT_KEYS"]
    run_id, calls = run_of(studio, campaign_id), campaign_of(studio, campaign_id).usage.calls
    studio.decide_without_effect(campaign_id, "approved")

    for state in ("revoked", "verify"):
        ring = f"{new_ring('fresh')},{old.replace(':sign:', f':{state}:')}"
        restarted_with(studio, monkeypatch, "CAMPAIGNS_CHECKPOINT_KEYS", ring)
        if state == "revoked":
            crashes_on_what_was_forged(studio, run_id)
            assert housekeeping(studio) == {"restart": 1}

    assert studio.attempt(run_id).name == "Approved"
    assert campaign_of(studio, campaign_id).usage.calls == calls
