"""What operators start in Prefect, on a real server: each act does what it says, once, under a name."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import Flow
from prefect.client.schemas.objects import State

from campaigns.approval.expiry import expire_due
from campaigns.approval.rounds import POLICY
from campaigns.build.planning import fail
from campaigns.errors import StoreUnavailableError
from campaigns.model.approval import AuditEntry
from campaigns.model.campaign import Campaign
from campaigns.model.post import LastError, Review
from campaigns.model.vocabulary import CampaignStatus, PostStatus, ReviewState, RoundStatus
from deployments.local.approver import LinkRefusedError, decide_by_link
from deployments.local.mail import newest_link
from flows import operations
from tasks.delivery.deliver import deliver_due
from tests.couriers import delivered_in_no_hurry
from tests.flows.conftest import TENANT, Studio, first_week_of, sample_brief
from tests.housekeeping.test_recover_runs import run_of
from tests.store.samples import put_post

BY = {"operator": "Olga Operator", "reason": "Asked by the customer"}


def brief(**changes: Any) -> dict[str, Any]:
    return first_week_of(sample_brief("conference-talks.json", **changes))


def waiting(studio: Studio, **changes: Any) -> str:
    """A campaign whose approvers are being asked."""
    campaign_id, run_id = studio.submit(brief(**changes))
    assert studio.attempt(run_id).name == "Suspended"
    return campaign_id


def campaign_of(studio: Studio, campaign_id: str) -> Campaign:
    return studio.store.campaigns.get(TENANT, campaign_id)


def last_entry(studio: Studio, campaign_id: str, action: str) -> AuditEntry:
    return [entry for entry in studio.store.audit.entries(TENANT, campaign_id) if entry.action == action][-1]


def under_a_name(entry: AuditEntry) -> bool:
    return (entry.actor, entry.reason) == ("operator:Olga Operator", BY["reason"])


def refused(state: State[Any]) -> bool:
    return state.is_failed() and state.name == "Refused" and "Nothing was changed" in (state.message or "")


def test_a_failed_campaign_goes_on_where_it_stopped_and_failed_posts_are_written_again(studio: Studio) -> None:
    campaign_id = waiting(studio)
    before = studio.store.posts.list(TENANT, campaign_id)
    lost = before[0].model_copy(
        update={
            "status": PostStatus.FAILED,
            "revision": 1,
            "last_error": LastError(code="REFUSED", message="no", at=datetime.now(UTC), retryable=False),
        }
    )
    studio.store.posts.save_revision(lost)
    calls = campaign_of(studio, campaign_id).usage.calls
    fail(
        studio.store, campaign_of(studio, campaign_id), code="QUARANTINED", message="again and again",
        retryable=True, now=datetime.now(UTC),
    )  # fmt: skip
    old_run = run_of(studio, campaign_id)
    old_link = newest_link(studio.home / "mail", campaign_id)

    assert operations.retry(TENANT, campaign_id, **BY, return_state=True).is_completed()

    new_run = run_of(studio, campaign_id)
    assert new_run != old_run
    assert studio.run(old_run).state_name == "Replaced"  # it waited; nobody would ever have woken it
    assert under_a_name(last_entry(studio, campaign_id, "moved"))
    # The round that was open showed other words: the next one asks about what is stored now.
    assert studio.attempt(new_run).name == "Suspended"
    assert campaign_of(studio, campaign_id).round == 2
    assert newest_link(studio.home / "mail", campaign_id) != old_link
    after = {post.id: post for post in studio.store.posts.list(TENANT, campaign_id)}
    assert after[lost.id].status is PostStatus.NEEDS_REVIEW
    assert {post.id: post.content_hash() for post in before[1:]} == {
        post_id: post.content_hash() for post_id, post in after.items() if post_id != lost.id
    }
    assert campaign_of(studio, campaign_id).usage.calls == calls + 1
    studio.decide(campaign_id, "approved")
    assert studio.attempt(new_run).name == "Approved"
    assert refused(operations.retry(TENANT, campaign_id, **BY, return_state=True))
    assert operations.verify(TENANT, campaign_id, return_state=True).name == "Consistent"


def test_posts_are_written_again_for_an_operator_and_the_others_stay(studio: Studio) -> None:
    campaign_id = waiting(studio)
    before = {post.number: post for post in studio.store.posts.list(TENANT, campaign_id)}

    done = operations.regenerate(TENANT, campaign_id, "1, 3-4", "Name the venue.", **BY, return_state=True)
    assert done.is_completed(), done.message
    assert studio.attempt(run_of(studio, campaign_id)).name == "Suspended"

    after = {post.number: post for post in studio.store.posts.list(TENANT, campaign_id)}
    changed = {number for number, post in after.items() if post.revision != before[number].revision}
    assert changed == {1, 3, 4}
    assert campaign_of(studio, campaign_id).round == 2
    assert under_a_name(last_entry(studio, campaign_id, "regeneration_ordered"))
    for wrong in ("", "0", "99", "a", "3-"):
        assert refused(operations.regenerate(TENANT, campaign_id, wrong, "Why.", **BY, return_state=True))


def test_numbers_that_no_post_can_have_are_refused_before_they_are_counted(studio: Studio) -> None:
    campaign_id, _ = studio.submit(brief())
    for wrong in ("1-2000", "1-501", "501", "0-3", "7-5", "1, 3-", "9" * 900, "²", "1--2", "1 2"):
        state = operations.regenerate(TENANT, campaign_id, wrong, "Why.", **BY, return_state=True)

        assert refused(state), wrong
        assert "1 fault: posts: must be numbers from 1 to 500 such as 3, 5-7, not '" in (state.message or ""), wrong
        assert len(state.message or "") < 200, wrong


def test_every_number_that_an_operator_gives_has_a_bound() -> None:
    """A form field without one is a list, a wait or a text as long as somebody likes."""
    unbounded = [
        (flow_.name, name)
        for flow_ in vars(operations).values()
        if isinstance(flow_, Flow)
        for name, given in flow_.parameters.properties.items()
        if not any({"maximum", "maxLength", "enum", "pattern"} & set(part) for part in [given, *given.get("anyOf", [])])
    ]

    assert unbounded == []


def test_an_operator_corrects_a_post_under_review(studio: Studio) -> None:
    campaign_id = waiting(studio)
    run_id = run_of(studio, campaign_id)

    done = operations.edit(TENANT, campaign_id, 2, "We guarantee it.", **BY, return_state=True)
    assert done.is_completed(), done.message
    assert "GUARANTEE" in (done.message or "")
    assert operations.edit(TENANT, campaign_id, 2, "Come and see.", **BY, return_state=True).is_completed()

    assert under_a_name(last_entry(studio, campaign_id, "content_changed"))
    for wrong in ((99, "No such post."), (2, "   ")):
        assert refused(operations.edit(TENANT, campaign_id, *wrong, **BY, return_state=True))
    studio.decide(campaign_id, "approved")
    assert refused(operations.edit(TENANT, campaign_id, 2, "Too late.", **BY, return_state=True))
    assert studio.attempt(run_id).name == "Approved"
    post = studio.store.posts.list(TENANT, campaign_id)[1]
    assert (post.content and post.content.text, post.review.state) == ("Come and see.", "approved")
    assert operations.verify(TENANT, campaign_id, return_state=True).name == "Consistent"


def test_links_go_out_again_only_to_who_has_not_decided(studio: Studio) -> None:
    approvers = [{"name": name, "email": f"{name.lower()}@example.com"} for name in ("Ana", "Ben")]
    campaign_id = waiting(studio, approval={"approvers": approvers, "quorum": "all"})
    decided = operations.decide(TENANT, campaign_id, "approved", **BY, approver="Ana", return_state=True)
    assert decided.message == "round 1 waits for others"

    assert operations.resend(TENANT, campaign_id, **BY, return_state=True).message == "the link goes to Ben again"

    assert newest_link(studio.home / "mail", campaign_id)
    assert under_a_name(last_entry(studio, campaign_id, "links_resent"))
    decision = studio.store.approvals.decisions(TENANT, campaign_id, 1)[0]
    assert (decision.decided_by, decision.channel) == ("Olga Operator (for Ana)", "operator")
    assert refused(operations.decide(TENANT, campaign_id, "approved", **BY, approver="Nobody", return_state=True))


def test_words_of_a_failed_campaign_are_written_again_as_the_operator_says(studio: Studio) -> None:
    campaign_id = waiting(studio)
    before = {post.number: post for post in studio.store.posts.list(TENANT, campaign_id)}
    approved = before[2].model_copy(update={"review": Review(state=ReviewState.APPROVED, round=1, by=POLICY)})
    put_post(studio.store, approved)
    fail(
        studio.store, campaign_of(studio, campaign_id), code="QUARANTINED", message="again and again",
        retryable=True, now=datetime.now(UTC),
    )  # fmt: skip

    for wrong in (("2", "Name the venue."), ("1", ""), ("1", "x")):
        assert refused(operations.regenerate(TENANT, campaign_id, *wrong, **BY, return_state=True))
    assert campaign_of(studio, campaign_id).status is CampaignStatus.FAILED
    done = operations.regenerate(TENANT, campaign_id, "1", "Name the venue.", **BY, return_state=True)
    assert done.is_completed(), done.message
    ordered = last_entry(studio, campaign_id, "regeneration_ordered")
    assert (under_a_name(ordered), ordered.details["comment"]) == (True, "Name the venue.")
    assert studio.attempt(run_of(studio, campaign_id)).name == "Suspended"

    after = {post.number: post for post in studio.store.posts.list(TENANT, campaign_id)}
    assert [answer.comment for answer in after[1].comment_answers] == ["Name the venue."]
    assert after[1].instruction is None
    assert {number for number, post in after.items() if post.revision != before[number].revision} == {1}
    assert operations.verify(TENANT, campaign_id, return_state=True).name == "Consistent"


def test_a_retry_that_died_half_way_is_carried_on_by_the_next(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id = waiting(studio)
    post = studio.store.posts.list(TENANT, campaign_id)[0]
    error = LastError(code="REFUSED", message="no", at=datetime.now(UTC), retryable=False)
    lost = {"status": PostStatus.FAILED, "revision": 1, "last_error": error}
    studio.store.posts.save_revision(post.model_copy(update=lost))
    fail(
        studio.store, campaign_of(studio, campaign_id), code="QUARANTINED", message="again and again",
        retryable=True, now=datetime.now(UTC),
    )  # fmt: skip
    with monkeypatch.context() as broken:
        broken.setattr(studio.store.recoveries, "forgive", _away)
        state = operations.retry(TENANT, campaign_id, **BY, return_state=True)
        assert (state.name, "It is not known" in (state.message or "")) == ("Unknown", True)

    assert operations.retry(TENANT, campaign_id, **BY, return_state=True).is_completed()

    assert studio.attempt(run_of(studio, campaign_id)).name == "Suspended"
    assert campaign_of(studio, campaign_id).round == 2


def link_to(studio: Studio, campaign_id: str, email: str) -> str:
    """The newest link that went to this address."""
    mails = sorted((studio.home / "mail").glob(f"*{campaign_id}*.eml"), key=lambda path: path.stat().st_mtime_ns)
    texts = [path.read_text() for path in mails if f"<{email}>" in path.read_text()]
    found = re.findall(r"http://testserver/approve/\S+token=\S+", texts[-1].replace("=\n", "").replace("=3D", "="))
    return found[0]


def by_link(studio: Studio, link: str, decision: str, comment: str = "") -> None:
    decide_by_link(link, decision, comment=comment, browser=studio.client)
    delivered_in_no_hurry(studio.client.app.state.courier)


def _away(*_: object, **__: object) -> None:
    raise StoreUnavailableError("away")


def test_what_follows_an_act_may_come_later(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id = waiting(studio)
    until = studio.store.approvals.round(TENANT, campaign_id, 1).expires_at
    with monkeypatch.context() as broken:
        broken.setattr("tasks.upkeep.operate.deliver_now", _away)
        assert operations.extend(TENANT, campaign_id, hours=1, **BY, return_state=True).is_completed()

    assert studio.store.approvals.round(TENANT, campaign_id, 1).expires_at == until + timedelta(hours=1)


def test_an_approver_is_replaced_by_another_person(studio: Studio) -> None:
    asked = [{"name": name, "email": f"{name.lower()}@example.com"} for name in ("Ana", "Ben")]
    campaign_id = waiting(studio, approval={"approvers": asked, "quorum": "all"})
    old_link = link_to(studio, campaign_id, "ben@example.com")

    for wrong in (
        ("Nobody", "", ""),
        ("Ben", "", "not an address"),
        ("Ben", "", "ANA@example.com"),
    ):
        state = operations.replace(
            TENANT, campaign_id, wrong[0], **BY, name=wrong[1], email=wrong[2], return_state=True
        )
        assert refused(state)
    too_long = operations.replace(TENANT, campaign_id, "Ben", **BY, name="x" * 101, return_state=True)
    assert "at most 100 characters" in (too_long.message or "")
    done = operations.replace(
        TENANT, campaign_id, "Ben", **BY, name="Cleo", email="cleo@example.com", return_state=True
    )
    assert "Cleo <cleo@example.com>" in (done.message or "")

    assert under_a_name(last_entry(studio, campaign_id, "link_renewed"))
    with pytest.raises(LinkRefusedError):
        by_link(studio, old_link, "approved")
    by_link(studio, link_to(studio, campaign_id, "cleo@example.com"), "approved")
    by_link(studio, link_to(studio, campaign_id, "ana@example.com"), "needs_revision", "More.")
    assert refused(operations.replace(TENANT, campaign_id, "Ana", **BY, return_state=True))
    assert studio.attempt(run_of(studio, campaign_id)).name == "Suspended"
    names = [each.name for each in studio.store.approvals.round(TENANT, campaign_id, 2).approvers]
    assert names == ["Ana", "Cleo"]


def test_a_link_that_got_about_is_revoked_and_the_others_decide(studio: Studio) -> None:
    asked = [{"name": name, "email": f"{name.lower()}@example.com"} for name in ("Ana", "Ben")]
    campaign_id = waiting(studio, approval={"approvers": asked, "quorum": "all"})

    assert operations.revoke(TENANT, campaign_id, "ben@example.com", **BY, return_state=True).is_completed()

    assert under_a_name(last_entry(studio, campaign_id, "link_revoked"))
    with pytest.raises(LinkRefusedError):
        by_link(studio, link_to(studio, campaign_id, "ben@example.com"), "approved")
    assert refused(operations.revoke(TENANT, campaign_id, "Ana", **BY, return_state=True))
    by_link(studio, link_to(studio, campaign_id, "ana@example.com"), "approved")
    assert studio.attempt(run_of(studio, campaign_id)).name == "Approved"


def test_an_operator_decides_in_place_of_all(studio: Studio) -> None:
    approvers = [{"name": name, "email": f"{name.lower()}@example.com"} for name in ("Ana", "Ben")]
    campaign_id = waiting(studio, approval={"approvers": approvers, "quorum": "all"})

    assert operations.decide(TENANT, campaign_id, "approved", **BY, return_state=True).is_completed()
    assert studio.attempt(run_of(studio, campaign_id)).name == "Approved"

    assert campaign_of(studio, campaign_id).status is CampaignStatus.COMPLETED
    assert under_a_name(last_entry(studio, campaign_id, "decided_on_behalf"))
    assert refused(operations.decide(TENANT, campaign_id, "rejected", **BY, return_state=True))
    assert refused(operations.decide(TENANT, campaign_id, "rejected", comment="Late.", **BY, return_state=True))
    assert refused(operations.cancel(TENANT, campaign_id, **BY, return_state=True))


def test_a_round_gets_more_time_and_a_campaign_is_called_off(studio: Studio) -> None:
    campaign_id = waiting(studio)
    before = studio.store.approvals.round(TENANT, campaign_id, 1)

    assert operations.extend(TENANT, campaign_id, **BY, hours=48, return_state=True).is_completed()
    after = studio.store.approvals.round(TENANT, campaign_id, 1)
    assert after.expires_at == before.expires_at + timedelta(hours=48)
    assert under_a_name(last_entry(studio, campaign_id, "round_extended"))

    assert operations.cancel(TENANT, campaign_id, **BY, return_state=True).is_completed()
    assert campaign_of(studio, campaign_id).status is CampaignStatus.CANCELLED
    assert studio.store.approvals.round(TENANT, campaign_id, 1).status is RoundStatus.CANCELLED
    assert studio.run(run_of(studio, campaign_id)).state.is_cancelled()
    assert refused(operations.extend(TENANT, campaign_id, **BY, return_state=True))


def test_a_campaign_that_timed_out_is_put_to_its_approvers_once_more(studio: Studio) -> None:
    campaign_id = waiting(studio)
    assert refused(operations.reopen(TENANT, campaign_id, **BY, return_state=True))
    now = studio.store.approvals.round(TENANT, campaign_id, 1).expires_at
    assert expire_due(studio.store, now=now) == 1
    deliver_due(studio.store, now=now)
    assert studio.attempt(run_of(studio, campaign_id)).name == "Timed out"
    old_run = run_of(studio, campaign_id)

    assert operations.reopen(TENANT, campaign_id, **BY, return_state=True).is_completed()
    deliver_due(studio.store, now=now)  # where Prefect was too busy to start its run at once
    new_run = run_of(studio, campaign_id)
    assert new_run != old_run
    assert studio.attempt(new_run).name == "Suspended"
    studio.decide(campaign_id, "approved")
    assert studio.attempt(new_run).name == "Approved"

    assert campaign_of(studio, campaign_id).status is CampaignStatus.COMPLETED
    assert under_a_name(last_entry(studio, campaign_id, "reopened"))


def test_a_partly_finished_campaign_goes_back_to_what_its_approvers_saw(studio: Studio) -> None:
    campaign_id = waiting(studio)
    store = studio.store
    seen = {post.id: post.content_hash() for post in store.posts.list(TENANT, campaign_id)}
    first = store.posts.list(TENANT, campaign_id)[0]
    assert first.content is not None
    words = first.content.model_copy(update={"text": "Words that nobody has seen."})
    store.posts.save_revision(first.model_copy(update={"content": words, "revision": 1}))
    error = LastError(code="QUARANTINED", message="stopped", at=datetime.now(UTC), retryable=True)
    fail(
        store, campaign_of(studio, campaign_id), code=error.code, message=error.message,
        retryable=True, now=error.at,
    )  # fmt: skip

    done = operations.roll_back(TENANT, campaign_id, **BY, return_state=True)

    assert done.message == f"posts {first.number} went back"
    assert {post.id: post.content_hash() for post in store.posts.list(TENANT, campaign_id)} == seen
    assert operations.roll_back(TENANT, campaign_id, **BY, return_state=True).message == "there was nothing to undo"
    assert operations.retry(TENANT, campaign_id, **BY, return_state=True).is_completed()
    assert studio.attempt(run_of(studio, campaign_id)).name == "Suspended"
    assert operations.verify(TENANT, return_state=True).name == "Consistent"


def test_what_does_not_agree_is_found(studio: Studio) -> None:
    campaign_id = waiting(studio)
    assert operations.verify(TENANT, return_state=True).name == "Consistent"
    post = studio.store.posts.list(TENANT, campaign_id)[0]
    assert post.content is not None
    tampered = post.content.model_copy(update={"text": "Not what was written."})
    put_post(studio.store, post.model_copy(update={"content": tampered}))

    found = operations.verify(TENANT, campaign_id, return_state=True)

    assert found.name == "Inconsistent"
    assert "2 findings in 1 campaigns" in found.message  # neither its revision nor what is shown


@pytest.mark.parametrize("tenant", ["rival", "UPPER"])
def test_nobody_operates_on_another_tenants_campaign(studio: Studio, tenant: str) -> None:
    campaign_id = waiting(studio)

    state = operations.cancel(tenant, campaign_id, **BY, return_state=True)

    assert state.is_failed()
    assert campaign_of(studio, campaign_id).status is CampaignStatus.AWAITING_REVIEW


def test_a_budget_that_did_not_suffice_is_raised_and_the_campaign_goes_on(studio: Studio) -> None:
    def raised(campaign_id: str, dollars: float) -> State[Any]:
        state: State[Any] = operations.raise_budget(TENANT, campaign_id, dollars, **BY, return_state=True)
        return state

    campaign_id, _ = studio.submit(brief(budgetUSD=1))
    fail(
        studio.store, campaign_of(studio, campaign_id), code="BUDGET_EXCEEDED", message="0.02 US dollars are left",
        retryable=False, now=datetime.now(UTC),
    )  # fmt: skip

    assert refused(raised(campaign_id, 1.0))
    assert "10 US dollars may be spent, 1 before; retry-campaign" in (raised(campaign_id, 10.0).message or "")

    assert campaign_of(studio, campaign_id).budget_usd == 10
    assert under_a_name(last_entry(studio, campaign_id, "changed"))
    assert operations.retry(TENANT, campaign_id, **BY, return_state=True).is_completed()
    assert studio.attempt(run_of(studio, campaign_id)).name == "Suspended"
    without = waiting(studio)
    assert refused(raised(without, 10.0))
    operations.cancel(TENANT, campaign_id, **BY)
    assert refused(raised(campaign_id, 20.0))
