"""Decisions: who decides what, post by post, and what becomes of a round in which nobody does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from campaigns.model.approval import ApprovalRound, ApproverDecision, DecisionRequest
from campaigns.model.base import derived_id
from campaigns.model.post import AssetRequirements, Check, ModelUsage, Post, Quality, Review, round_digest
from campaigns.model.vocabulary import ApprovalMode, Decision, PostStatus, ReviewState
from campaigns.rules.approval.decisions import (
    after_edit,
    blocked_posts,
    campaign_decision,
    changed_posts,
    decision_faults,
    expires_at,
    extends,
    is_auto_approved,
    locked_posts,
    needed_voices,
    outcome_of,
    post_verdicts,
    revision_allowed,
    timeout_outcome,
    unapprovable_posts,
)
from tests.rules.posts import GOOD, OPENED, a_post, a_round, of_quality, said, words

APPROVED, REJECTED, REVISE = Decision.APPROVED, Decision.REJECTED, Decision.NEEDS_REVISION
HOUR = timedelta(hours=1)


def ids(*numbers: int) -> list[str]:
    return [derived_id("post", number) for number in numbers]


def verdicts(round_: ApprovalRound, *decisions: ApproverDecision) -> dict[int, Decision]:
    """The verdicts of the closed round, by the number of the post."""
    closed = round_.model_copy(update={"outcome": outcome_of(round_, decisions)})
    found = {post_id: verdict for post_id, (verdict, _) in post_verdicts(closed, decisions).items()}
    return {number: found[identifier] for number, identifier in enumerate(ids(1, 2, 3, 4), 1) if identifier in found}


# --- quorum -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quorum", "approvers", "needed"), [("any", 3, 1), ("all", 3, 3), ("2", 3, 2), ("3", 3, 3), ("all", 1, 1)]
)
def test_a_quorum_is_complete_with_its_number_of_voices(quorum: str, approvers: int, needed: int) -> None:
    round_ = a_round(approvers=approvers, quorum=quorum)
    voices = [said("approved", by=number) for number in range(1, approvers + 1)]

    assert needed_voices(round_) == needed
    assert outcome_of(round_, voices[: needed - 1]) is None
    assert outcome_of(round_, voices[:needed]) is APPROVED


def test_one_approver_is_one_voice() -> None:
    round_ = a_round(approvers=2, quorum="all")

    assert outcome_of(round_, [said("approved", by=1), said("needs_revision", by=1, minute=1)]) is None


def test_nobody_waits_for_an_approver_whose_link_was_revoked() -> None:
    round_ = a_round(approvers=2, quorum="all")
    gone = round_.approvers[1].model_copy(update={"revoked": True})
    left = round_.model_copy(update={"approvers": [round_.approvers[0], gone]})

    assert outcome_of(left, [said("approved")]) is APPROVED


def test_the_first_rejection_ends_a_round_that_asks_all_unless_all_are_to_be_heard() -> None:
    round_ = a_round(approvers=3, quorum="all")
    voices = [said("approved", by=1), said("rejected", by=2)]

    assert outcome_of(round_, voices) is REJECTED
    assert outcome_of(a_round(approvers=3, quorum="all", collect_all=True), voices) is None
    assert outcome_of(a_round(approvers=3, quorum="3"), voices) is None


def test_a_decision_about_other_content_or_another_round_does_not_count() -> None:
    round_ = a_round()

    assert outcome_of(round_, [said("approved", digest="e" * 64)]) is None
    assert outcome_of(round_, [said("approved", round=2)]) is None


def test_a_policy_needs_no_quorum() -> None:
    assert outcome_of(a_round(approvers=2, quorum="all"), [said("approved", channel="policy")]) is APPROVED


decisions = st.builds(
    lambda decision, posts: (decision, posts),
    st.sampled_from(list(Decision)),
    st.dictionaries(st.integers(1, 3), st.sampled_from(["approved", "needs_revision", "rejected"]), max_size=3),
)


@settings(max_examples=300)
@given(given_decisions=st.lists(decisions, min_size=1, max_size=4), quorum=st.sampled_from(["any", "all", "n"]))
def test_the_outcome_does_not_depend_on_the_order_of_the_voices(
    given_decisions: list[tuple[Decision, dict[int, str]]], quorum: str
) -> None:
    """Once every voice that counts is in; with `any` it is the one, with n it is these n."""
    voices = [said(decision, posts, by=number) for number, (decision, posts) in enumerate(given_decisions, 1)]
    if quorum == "any":
        voices = voices[:1]
    round_ = a_round(approvers=len(voices), quorum=str(len(voices)) if quorum == "n" else quorum, blocked=ids(3))

    outcomes = {outcome_of(round_, list(order)) for order in permutations(voices)}
    merged = [verdicts(round_, *order) for order in permutations(voices)]

    event(f"{quorum}: {next(iter(outcomes))}")
    assert len(outcomes) == 1
    assert all(one == merged[0] for one in merged)


@pytest.mark.parametrize("quorum", ["any", "all", "2"])
@pytest.mark.parametrize("channel", ["operator", "prefect_ui"])
def test_who_was_not_asked_decides_in_place_of_all_and_stands_in_for_nobody(quorum: str, channel: str) -> None:
    round_ = a_round(approvers=3, quorum=quorum)
    stranger = said("approved", by=9).model_copy(update={"channel": channel})

    assert outcome_of(round_, [stranger]) is APPROVED
    by_link = stranger.model_copy(update={"channel": "link"})
    assert outcome_of(round_, [by_link]) is None
    if quorum != "any":
        assert outcome_of(round_, [said("approved", by=1), by_link]) is None


@settings(max_examples=300)
@given(given_decisions=st.lists(decisions, min_size=1, max_size=4), quorum=st.sampled_from(["any", "all", "2"]))
def test_more_voices_never_reopen_a_round(given_decisions: list[tuple[Decision, dict[int, str]]], quorum: str) -> None:
    voices = [said(decision, posts, by=number) for number, (decision, posts) in enumerate(given_decisions, 1)]
    round_ = a_round(approvers=4, quorum=quorum)

    closed = [outcome_of(round_, voices[:count]) is not None for count in range(len(voices) + 1)]

    assert closed == sorted(closed)


# --- post by post -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("posts", "decision"),
    [
        ([APPROVED, APPROVED], APPROVED),
        ([APPROVED, REJECTED], APPROVED),
        ([REJECTED, REJECTED], REJECTED),
        ([APPROVED, REVISE], REVISE),
        ([REJECTED, REVISE], REVISE),
        ([APPROVED, None], APPROVED),
        ([REJECTED, None], REJECTED),
        ([None, None], None),
    ],
)
def test_the_decision_on_a_campaign_follows_from_those_on_its_posts(
    posts: list[Decision | None], decision: Decision | None
) -> None:
    assert campaign_decision(posts) is decision
    assert campaign_decision(reversed(posts)) is decision


@pytest.mark.parametrize(
    ("decision", "outcome", "expected"),
    [
        (said("approved"), APPROVED, {1: APPROVED, 2: APPROVED, 3: APPROVED}),
        (said("rejected"), REJECTED, {1: REJECTED, 2: REJECTED, 3: REJECTED}),
        (said("needs_revision"), REVISE, {1: REVISE, 2: REVISE, 3: REVISE}),
        (said("approved", {2: "rejected"}), APPROVED, {1: APPROVED, 2: REJECTED, 3: APPROVED}),
        (said("approved", {2: "needs_revision"}), REVISE, {1: APPROVED, 2: REVISE, 3: APPROVED}),
        (said("rejected", {2: "approved"}), APPROVED, {1: REJECTED, 2: APPROVED, 3: REJECTED}),
        # Changes were asked for one: the others are asked about again, and not written again.
        (said("needs_revision", {2: "needs_revision"}), REVISE, {2: REVISE}),
        (said("needs_revision", {1: "approved", 2: "needs_revision"}), REVISE, {1: APPROVED, 2: REVISE}),
        (said("needs_revision", {1: "approved"}), REVISE, {1: APPROVED, 2: REVISE, 3: REVISE}),
    ],
)
def test_a_decision_holds_for_the_posts_it_does_not_name(
    decision: ApproverDecision, outcome: Decision, expected: dict[int, Decision]
) -> None:
    assert outcome_of(a_round(), [decision]) is outcome
    assert verdicts(a_round(), decision) == expected


def test_the_strictest_voice_counts_on_each_post() -> None:
    round_ = a_round(approvers=2, quorum="2")
    voices = [said("approved", {1: "needs_revision", 2: "rejected"}, by=1), said("approved", {1: "rejected"}, by=2)]

    assert verdicts(round_, *voices) == {1: REJECTED, 2: REJECTED, 3: APPROVED}
    assert post_verdicts(round_, voices)[ids(1)[0]][1] == voices[1]


def test_a_rejected_campaign_has_no_approved_posts() -> None:
    round_ = a_round(approvers=2, quorum="all", blocked=ids(1))
    voices = [said("approved", {1: "approved"}, by=1), said("approved", {2: "rejected", 3: "rejected"}, by=2)]

    assert outcome_of(round_, voices) is REJECTED
    assert verdicts(round_, *voices) == {1: REJECTED, 2: REJECTED, 3: REJECTED}


def test_approving_all_leaves_out_blocked_posts() -> None:
    round_ = a_round(blocked=ids(2))

    assert verdicts(round_, said("approved")) == {1: APPROVED, 3: APPROVED}
    assert verdicts(round_, said("approved", {2: "approved"})) == {1: APPROVED, 2: APPROVED, 3: APPROVED}
    assert outcome_of(a_round(blocked=ids(1, 2, 3)), [said("approved")]) is None


def test_a_legal_block_is_never_approved() -> None:
    round_ = a_round(blocked=ids(2), unapprovable=ids(2))

    assert verdicts(round_, said("approved", {2: "approved"})) == {1: APPROVED, 3: APPROVED}
    assert outcome_of(a_round(1, blocked=ids(1), unapprovable=ids(1)), [said("approved", {1: "approved"})]) is None


def test_a_post_approved_in_an_earlier_round_stays_approved() -> None:
    round_ = a_round(locked=ids(1))

    assert verdicts(round_, said("needs_revision")) == {1: APPROVED, 2: REVISE, 3: REVISE}
    assert verdicts(round_, said("needs_revision", {1: "needs_revision", 2: "needs_revision"})) == {
        1: APPROVED,
        2: REVISE,
    }
    assert verdicts(round_, said("rejected")) == {1: REJECTED, 2: REJECTED, 3: REJECTED}


def request(
    decision: str, posts: dict[int, dict[str, str]] | None = None, comments: str = "because"
) -> DecisionRequest:
    return DecisionRequest.model_validate(
        {
            "decision": decision,
            "comments": comments,
            "callbackId": "c" * 22,
            "posts": {derived_id("post", number): verdict for number, verdict in (posts or {}).items()},
        }
    )


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        (request("approved"), []),
        (request("approved", {9: {"decision": "approved"}}), ["UNKNOWN_POST"]),
        (request("approved", {2: {"decision": "approved"}}), ["LEGAL_BLOCK"]),
        (request("approved", {2: {"decision": "rejected"}}), []),
        (request("approved", {1: {"decision": "needs_revision"}}, comments=""), ["COMMENT_REQUIRED"]),
        (request("approved", {1: {"decision": "needs_revision", "comment": "why?"}}, comments=""), []),
        (request("needs_revision", {4: {"decision": "needs_revision"}}), ["POST_LOCKED"]),
        (request("rejected", {4: {"decision": "rejected"}}), []),
    ],
)
def test_a_decision_that_cannot_stand_is_refused_with_every_reason(asked: DecisionRequest, codes: list[str]) -> None:
    round_ = a_round(4, blocked=ids(2, 3), unapprovable=ids(2), locked=ids(4))

    assert [fault.code for fault in decision_faults(round_, asked)] == codes


def test_approving_nothing_is_refused() -> None:
    assert [fault.code for fault in decision_faults(a_round(1, blocked=ids(1)), request("approved"))] == [
        "NOTHING_TO_APPROVE"
    ]


@settings(max_examples=300)
@given(
    decision=st.sampled_from(["approved", "needs_revision", "rejected"]),
    posts=st.dictionaries(st.integers(1, 4), st.sampled_from(["approved", "needs_revision", "rejected"]), max_size=4),
    blocked=st.sets(st.integers(1, 4)),
    legal=st.sets(st.integers(1, 4)),
)
def test_what_is_accepted_decides_and_approves_no_legal_block(
    decision: str, posts: dict[int, str], blocked: set[int], legal: set[int]
) -> None:
    round_ = a_round(4, blocked=ids(*sorted(blocked | legal)), unapprovable=ids(*sorted(legal)))
    asked = request(decision, {number: {"decision": verdict} for number, verdict in posts.items()})
    voice = said(decision, posts)

    accepted = not decision_faults(round_, asked)
    event("accepted" if accepted else "refused")
    decided = verdicts(round_, voice)

    if accepted:
        assert outcome_of(round_, [voice]) is not None
    assert not [number for number in legal if decided.get(number) is APPROVED]
    assert not [number for number in blocked - set(posts) if decided.get(number) is APPROVED]


def test_blocked_legal_and_locked_posts_are_told_by_their_checks_and_reviews() -> None:
    posts = [
        a_post(1, quality=of_quality("TOO_LONG")),
        a_post(2, quality=of_quality("GUARANTEE")),
        a_post(3, quality=Quality(score=1), review=Review(state=ReviewState.APPROVED)),
        a_post(4),
    ]

    assert blocked_posts(posts) == ids(1, 2)
    assert unapprovable_posts(posts) == ids(2)
    assert locked_posts(posts) == ids(3)


@pytest.mark.parametrize(
    ("mode", "quality", "through"),
    [
        ("always_review", Quality(score=1), False),
        ("auto_approve", Quality(score=0), True),
        ("auto_approve", of_quality("TOO_LONG"), False),
        ("auto_approve", None, False),
        ("auto_approve", Quality(score=0.9, checks=[Check(code="SUPERLATIVE", severity="warn", message="no")]), False),
        ("auto_approve", Quality(score=0.6, checks=[Check(code="SHOUTING", severity="warn", message="no")]), True),
        ("require_review_below_threshold", Quality(score=0.7), True),
        ("require_review_below_threshold", Quality(score=0.69), False),
        ("require_review_below_threshold", of_quality("TOO_LONG").model_copy(update={"score": 0.9}), False),
    ],
)
def test_a_post_goes_through_without_a_person_only_by_policy(
    mode: ApprovalMode, quality: Quality | None, through: bool
) -> None:
    post = a_post(quality=quality, usage=ModelUsage(model="a hosted model"))

    assert is_auto_approved(post, mode, 0.7) is through


@pytest.mark.parametrize("mode", ["auto_approve", "require_review_below_threshold"])
def test_what_the_offline_writer_wrote_is_always_looked_at(mode: ApprovalMode) -> None:
    assert not is_auto_approved(a_post(quality=Quality(score=1)), mode, 0.0)


# --- time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "first_post_in", "ends_in"),
    [
        (168, timedelta(days=30), timedelta(hours=168)),
        (168, timedelta(days=2), timedelta(hours=47)),
        (48, timedelta(hours=49), timedelta(hours=48)),
        (168, timedelta(hours=1), timedelta(hours=168)),
        (168, timedelta(hours=-5), timedelta(hours=168)),
    ],
    ids=["its hours", "an hour before the first post", "both at once", "no time left", "a post in the past"],
)
def test_a_round_ends_after_its_hours_or_before_its_first_post(
    hours: int, first_post_in: timedelta, ends_in: timedelta
) -> None:
    assert expires_at(OPENED, hours=hours, first_post=OPENED + first_post_in) == OPENED + ends_in


@settings(max_examples=200)
@given(hours=st.integers(1, 720), first=st.timedeltas(timedelta(days=-2), timedelta(days=60)))
def test_a_round_always_has_time_and_never_more_than_asked(hours: int, first: timedelta) -> None:
    end = expires_at(OPENED, hours=hours, first_post=OPENED + first)

    assert OPENED < end <= OPENED + timedelta(hours=hours)
    assert end <= OPENED + first - HOUR or end == OPENED + timedelta(hours=hours)


@pytest.mark.parametrize(("n", "most", "allowed"), [(1, 0, False), (1, 1, True), (3, 3, True), (4, 3, False)])
def test_changes_may_be_asked_for_as_often_as_the_brief_allows(n: int, most: int, allowed: bool) -> None:
    assert revision_allowed(n, most) is allowed


def test_a_round_is_extended_once() -> None:
    assert extends(a_round(on_timeout="extend"))
    assert not extends(a_round(on_timeout="extend", extended=True))
    assert not extends(a_round(on_timeout="reject"))


@pytest.mark.parametrize(
    ("round_", "voices", "outcome"),
    [
        (a_round(on_timeout="reject"), [], None),
        (a_round(on_timeout="extend", extended=True), [], None),
        (a_round(on_timeout="approve"), [], APPROVED),
        (a_round(on_timeout="approve", blocked=ids(1, 2, 3)), [], None),
        (a_round(on_timeout="approve", approvers=2, quorum="all"), [said("approved", {1: "needs_revision"})], REVISE),
        (a_round(on_timeout="approve", approvers=2, quorum="2"), [said("rejected")], REJECTED),
    ],
    ids=["reject", "extended already", "approve", "all blocked", "changes asked", "rejected by one of two"],
)
def test_a_policy_decides_only_where_it_is_to_and_against_nobody(
    round_: ApprovalRound, voices: list[ApproverDecision], outcome: Decision | None
) -> None:
    assert timeout_outcome(round_, voices) is outcome


def test_a_policy_approves_what_no_check_blocks() -> None:
    closed = a_round(on_timeout="approve", blocked=ids(2), outcome="approved")

    assert post_verdicts(closed, []) == dict.fromkeys(ids(1, 3), (APPROVED, None))


# --- words change -------------------------------------------------------------------------------------

SHOWN: dict[str, Any] = {
    "content": words(GOOD + "!"),
    "asset_requirements": AssetRequirements(image_required=True, image_description="Hands at work"),
    "scheduled_at": datetime(2027, 3, 17, 8, tzinfo=UTC),
    "platform": "twitter",
    "persona_id": derived_id("persona", 5),
}
NOT_SHOWN: dict[str, Any] = {
    "status": PostStatus.COMPLETED,
    "revision": 4,
    "version": 9,
    "quality": Quality(score=0.2),
    "topic": "Another",
    "content": words(GOOD, generated_at=OPENED + HOUR),
}


@given(
    shown=st.lists(st.sampled_from(sorted(SHOWN)), unique=True),
    hidden=st.lists(st.sampled_from(sorted(set(NOT_SHOWN) - {"content"})), unique=True),
    rewritten=st.booleans(),
)
def test_a_digest_changes_exactly_when_what_is_shown_changes(
    shown: list[str], hidden: list[str], rewritten: bool
) -> None:
    posts = [a_post(1, content=words()), a_post(2, content=words("Another"))]
    changes = {name: NOT_SHOWN[name] for name in [*hidden, *(["content"] if rewritten else [])]}
    changes |= {name: SHOWN[name] for name in shown}

    changed = [posts[0].model_copy(update=changes), posts[1]]

    assert (round_digest(changed) != round_digest(posts)) == bool(shown)
    assert round_digest(list(reversed(changed))) == round_digest(changed)
    assert changed_posts(a_round(2, posts={p.id: p.content_hash() for p in posts}), changed) == (
        ids(1) if shown else []
    )


@given(shown=st.lists(st.sampled_from(sorted(SHOWN)), unique=True), state=st.sampled_from(ReviewState))
def test_an_approval_holds_for_exactly_the_words_it_was_given_for(shown: list[str], state: ReviewState) -> None:
    review = Review(state=state, round=2, by="Ana", comment="fine")
    before: Post = a_post(content=words(), review=review)
    after = before.model_copy(update={name: SHOWN[name] for name in shown})

    edited = after_edit(before, after)

    if shown and state is not ReviewState.NONE:
        assert edited.review == Review(state=ReviewState.PENDING, round=2)
    else:
        assert edited == after


def test_posts_that_are_new_or_gone_are_changes() -> None:
    posts = [a_post(number, content=words(f"{GOOD} {number}")) for number in (1, 2, 3)]

    assert changed_posts(a_round(3), posts) == []
    assert changed_posts(a_round(3), [*posts[:2], a_post(4, content=words())]) == ids(3, 4)
