"""The protocol: who is asked about what, what may be said, and what comes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.approval.expiry import expire
from campaigns.approval.invitations import Standing, invitation
from campaigns.approval.outcomes import apply, start_revision
from campaigns.approval.renewing import extend_round, renew_link, revoke_link, send_again
from campaigns.approval.rounds import Outcome, decide, leave_note, outcome
from campaigns.build.writing import write_post
from campaigns.errors import (
    AlreadyDecidedError,
    ApprovalLinkError,
    ConflictError,
    FaultsError,
    RoundClosedError,
    RoundExpiredError,
    SelfApprovalError,
    StaleReviewError,
)
from campaigns.model.approval import DecisionRequest
from campaigns.model.library.brand import BrandApprovalPolicy
from campaigns.model.vocabulary import CampaignStatus, PostStatus, ReviewState, RoundStatus
from tests.approvals.scene import ANA, BEN, CLA, TENANT, Scene
from tests.approvals.voices import by_form

TWO = [ANA.to_wire(), BEN.to_wire()]


def standing(scene: Scene, link: Any) -> Standing:
    return invitation(scene.store, scene.signer.verify(link.token, now=scene.clock.now), now=scene.clock.now).standing


def verdicts(scene: Scene, **by_number: str) -> dict[str, Any]:
    """A verdict for every post of the round, approved unless said otherwise (`p2="rejected"`)."""
    wanted = {int(name[1:]): verdict for name, verdict in by_number.items()}
    return {
        post.id: {
            "decision": wanted.get(post.number, "approved"),
            "comment": "" if post.number not in wanted else "why",
        }
        for post in scene.posts()
    }


def set_policy(scene: Scene, mode: Any) -> None:
    brand = scene.store.brands.get(TENANT, scene.campaign.brand_id or "")
    policy = BrandApprovalPolicy(mode=mode, threshold=0.7)
    scene.store.brands.update(brand.model_copy(update={"approval_policy": policy}), expect_version=brand.version)


# --- asking -----------------------------------------------------------------------------------------


def test_asking_twice_asks_once(scene: Scene) -> None:
    scene.stand_up(posts=3)
    first = scene.round()
    entries = len(scene.store.outbox.of(TENANT, scene.campaign.id))

    assert scene.ask(1) == first
    assert len(scene.store.outbox.of(TENANT, scene.campaign.id)) == entries == 1
    assert scene.store.campaigns.get(TENANT, scene.campaign.id).status is CampaignStatus.AWAITING_REVIEW


def test_the_round_knows_what_is_blocked_and_what_nobody_can_approve(scene: Scene) -> None:
    scene.stand_up()
    by_number = {post.id: post.number for post in scene.posts()}

    assert [by_number[post_id] for post_id in scene.round().unapprovable] == [7]
    assert [by_number[post_id] for post_id in scene.round().blocked] == [7]


def test_no_entry_of_the_outbox_holds_a_link_or_an_address(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=TWO)
    scene.decide(1)

    stored = str([entry.to_wire() for entry in scene.store.outbox.of(TENANT, scene.campaign.id)])

    for secret in (scene.link().token, scene.round().callback_id, ANA.email, BEN.email, scene.round().approvers[0].jti):
        assert secret not in stored


def test_a_link_ends_no_later_than_an_hour_before_the_first_post(scene: Scene) -> None:
    scene.stand_up(posts=3, expires_in_hours=720)

    assert scene.round().expires_at == min(post.scheduled_at for post in scene.posts()) - timedelta(hours=1)


@pytest.mark.parametrize(
    ("mode", "passes"), [("always_review", 0), ("auto_approve", 10), ("require_review_below_threshold", 10)]
)
def test_the_brands_policy_says_which_posts_a_person_must_see(scene: Scene, mode: Any, passes: int) -> None:
    scene.prepare()
    set_policy(scene, mode)

    round_ = scene.ask(1)

    assert len(round_.locked) == passes
    assert round_.status is RoundStatus.PENDING  # one post is blocked, one has a finding of a legal kind


def test_nobody_is_asked_when_the_policy_lets_everything_pass(scene: Scene) -> None:
    scene.prepare(posts=3)
    set_policy(scene, "auto_approve")

    scene.ask(1)

    assert outcome(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now) is Outcome.APPROVED
    assert {entry.kind for entry in scene.store.outbox.of(TENANT, scene.campaign.id)} == {"ring", "result"}
    ended = apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=scene.clock.now)
    assert ended.status is CampaignStatus.COMPLETED
    assert {post.review.by for post in scene.posts()} == {"policy"}


# --- deciding ---------------------------------------------------------------------------------------


def test_each_post_has_its_own_verdict_and_rejected_ones_stay_out(scene: Scene) -> None:
    scene.stand_up(posts=6)

    scene.decide(posts=verdicts(scene, p2="rejected"))
    apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=scene.clock.now)

    states = {post.number: post.review.state for post in scene.posts()}
    assert states.pop(2) is ReviewState.REJECTED
    assert set(states.values()) == {ReviewState.APPROVED}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"posts": "p7 approved"}, "LEGAL_BLOCK"),
        ({"decision": "rejected", "comments": "no", "posts": {}}, "comment"),
        ({"posts": {"post_01JZ0K6V9Q4R8XW2B7NDHTM3CE": {"decision": "approved"}}}, "UNKNOWN_POST"),
        ({"decision": "approved", "posts": "p2 needs_revision"}, "DECISION_CONTRADICTS_POSTS"),
        ({"decision": "rejected", "comments": "Not now.", "posts": "p2 approved"}, "DECISION_CONTRADICTS_POSTS"),
        ({"posts": "all with long comments"}, "TOO_LONG"),
    ],
)
def test_what_cannot_be_said_is_refused_with_a_reason(scene: Scene, request_: dict[str, Any], code: str) -> None:
    scene.stand_up(posts=60 if "long" in str(request_) else 12)
    posts = {post.number: post.id for post in scene.posts()}
    said = request_["posts"]
    if said == "p7 approved":
        said = {posts[7]: {"decision": "approved"}}
    elif said in ("p2 needs_revision", "p2 approved"):
        said = {posts[2]: {"decision": said[3:], "comment": "shorter"}}
    elif said == "all with long comments":
        said = {each: {"decision": "approved", "comment": "é" * 5000} for n, each in posts.items() if n % 12 != 7}

    with pytest.raises((FaultsError, ValueError)) as refused:
        scene.decide(**{**request_, "posts": said})

    assert code in str(getattr(refused.value, "faults", refused.value))
    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []
    assert "decided" not in scene.audit()


def test_approving_all_leaves_blocked_posts_out(scene: Scene) -> None:
    scene.stand_up()

    scene.decide()
    apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=scene.clock.now)

    states = {post.number: post.review.state for post in scene.posts()}
    assert states.pop(7) is not ReviewState.APPROVED
    assert set(states.values()) == {ReviewState.APPROVED}


def test_a_requester_may_not_decide_where_that_is_agreed(scene: Scene) -> None:
    scene.campaign = scene.campaign.model_copy(update={"requested_by": "somebody"})
    scene.stand_up(posts=3, prevent_self_approval=True, approvers=[{"name": "M", "email": "MARTA@fernwood.example"}])
    scene.store.campaigns.update(  # a round that was asked before it was known who asks
        TENANT, scene.campaign.id, {"requested_by": "marta@fernwood.example"}, actor="t", at=scene.clock.now
    )

    with pytest.raises(SelfApprovalError):
        scene.decide()
    round_ = scene.round()
    request = DecisionRequest.model_validate({"decision": "approved", "callbackId": round_.callback_id})
    with pytest.raises(SelfApprovalError):  # nor in the Prefect form, under the same name
        decide(
            scene.store, round_, by_form(round_, "marta@fernwood.example"), request,
            attempt_id="attempt-form", now=scene.clock.now,
        )  # fmt: skip
    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []


def test_a_requester_is_not_asked_when_somebody_else_is(scene: Scene) -> None:
    scene.stand_up(
        posts=3, prevent_self_approval=True, approvers=[ANA.to_wire(), {"name": "M", "email": "marta@fernwood.example"}]
    )

    assert [approver.name for approver in scene.round().approvers] == [ANA.name]


def test_the_same_attempt_is_told_the_truth_even_after_the_end(scene: Scene) -> None:
    scene.stand_up(posts=3)
    scene.decide()
    scene.clock.pass_(days=400)

    scene.decide()  # the answer to the first one was lost

    assert scene.audit().count("decided") == 1


def test_everybody_is_heard_until_the_quorum_is_complete(scene: Scene) -> None:
    scene.stand_up(posts=3, quorum="2", approvers=[*TWO, CLA.to_wire()])

    scene.decide(1)
    assert outcome(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now) is None
    scene.decide(3)

    assert outcome(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now) is Outcome.APPROVED
    with pytest.raises(AlreadyDecidedError):
        scene.decide(2, decision="rejected", comments="too late")
    assert scene.audit().count("decided") == 2


def test_a_late_decision_is_refused_by_the_clock_of_the_record(scene: Scene) -> None:
    scene.stand_up(posts=3)
    scene.clock.now = scene.round().expires_at

    with pytest.raises(RoundExpiredError):
        scene.decide()
    scene.clock.pass_(microseconds=-1)
    scene.decide()


def test_a_comment_that_came_too_late_still_reaches_somebody(scene: Scene) -> None:
    scene.stand_up(posts=3)

    leave_note(scene.store, scene.round(), "ap-1", "Please do not publish the second one.", now=scene.clock.now)

    entry = scene.store.audit.entries(TENANT, scene.campaign.id)[-1]
    assert (entry.action, entry.details["comment"]) == ("commented", "Please do not publish the second one.")
    assert "note" in {one.kind for one in scene.store.outbox.of(TENANT, scene.campaign.id)}


# --- content that changes ---------------------------------------------------------------------------


def test_an_edit_makes_every_open_page_stale(scene: Scene) -> None:
    scene.stand_up(posts=3)
    before = scene.round()
    edited = scene.edit(1, "  Other words. ")

    changed = scene.round()
    assert edited.content is not None
    assert (edited.content.text, edited.revision, edited.review.state) == ("Other words.", 1, ReviewState.PENDING)
    assert (changed.version, changed.posts[edited.id]) == (before.version + 1, edited.content_hash())
    with pytest.raises(StaleReviewError):
        scene.decide(digest=before.digest)
    scene.decide(digest=changed.digest)
    apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=scene.clock.now)
    assert scene.store.audit.verify(TENANT, scene.campaign.id) is None


def test_an_edit_is_checked_like_the_words_of_the_writer(scene: Scene) -> None:
    scene.stand_up(posts=3)

    edited = scene.edit(2, "We guarantee the best coffee of your life, [Name].")

    assert edited.status is PostStatus.NEEDS_REVIEW
    assert edited.quality is not None
    assert "PLACEHOLDER" in {check.code for check in edited.quality.checks}
    assert scene.round().blocked == [edited.id]
    assert scene.edit(2, "Good coffee.").status is PostStatus.COMPLETED
    assert scene.round().blocked == []


def test_an_edit_takes_a_posts_approval_back(scene: Scene) -> None:
    scene.stand_up(posts=3)
    scene.decide(1, decision="needs_revision", comments="See post 2.", posts=verdicts(scene, p2="needs_revision"))
    scene.next_round({2: ("Better words.", "Done.")})
    first = scene.posts()[0]
    assert (first.review.state, first.id in scene.round().locked) == (ReviewState.APPROVED, True)

    edited = scene.edit(1, "A name was misspelt.")

    assert (edited.review.state, edited.id in scene.round().locked) == (ReviewState.PENDING, False)


def test_what_somebody_has_decided_on_is_not_edited_any_more(scene: Scene) -> None:
    scene.stand_up(posts=3, quorum="all", approvers=TWO)
    scene.decide(1)
    before = scene.posts()

    with pytest.raises(ConflictError, match="already decided"):
        scene.edit(1, "Other words.")

    assert scene.posts() == before


def test_a_decision_in_the_moment_of_an_edit_leaves_the_words_as_they_were(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.stand_up(posts=3)
    before, listed = scene.posts(), scene.store.posts.list

    def decided_meanwhile(*arguments: Any, **named: Any) -> Any:
        monkeypatch.undo()
        scene.decide(1)
        return listed(*arguments, **named)

    monkeypatch.setattr(scene.store.posts, "list", decided_meanwhile)
    with pytest.raises(ConflictError, match="nobody is being asked"):
        scene.edit(1, "Other words.")

    assert scene.posts() == before
    apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=scene.clock.now)


@pytest.mark.parametrize(("number", "text"), [(1, " "), (1, "a\u202eb"), (9, "Fine."), (0, "Fine.")])
def test_an_edit_that_cannot_be_changes_nothing(scene: Scene, number: int, text: str) -> None:
    scene.stand_up(posts=3)
    before, round_ = scene.posts(), scene.round()

    with pytest.raises(FaultsError):
        scene.edit(number, text)

    assert (scene.posts(), scene.round()) == (before, round_)


def test_the_same_words_again_are_no_edit_and_nothing_is_edited_after_the_review(scene: Scene) -> None:
    scene.stand_up(posts=3)
    round_, first = scene.round(), scene.posts()[0]
    assert first.content is not None
    assert scene.edit(1, first.content.text) == first
    assert scene.round() == round_
    scene.decide()
    with pytest.raises(ConflictError):
        scene.edit(1, "Late words.")
    apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=scene.clock.now)
    with pytest.raises(ConflictError, match="not while it is completed"):
        scene.edit(1, "Later words.")


# --- the next round ---------------------------------------------------------------------------------


def revised(scene: Scene, **asked: str) -> None:
    scene.decide(decision="needs_revision", posts=verdicts(scene, **asked))
    start_revision(scene.store, TENANT, scene.campaign.id, scene.round().n, now=scene.clock.now)


def test_only_what_was_asked_for_is_written_again_and_the_rest_is_locked_byte_for_byte(scene: Scene) -> None:
    scene.stand_up(posts=6)
    before = {post.number: post for post in scene.posts()}
    scene.decide(decision="needs_revision", posts=verdicts(scene, p2="needs_revision", p5="rejected"))

    asked = start_revision(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now)
    assert [post.number for post in asked] == [2]
    scene.rewrite(scene.posts()[1], "Better words.", "Said it better.", "why")
    round_ = scene.ask(2)

    after = {post.number: post for post in scene.posts()}
    assert {n for n in after if after[n].content_hash() != before[n].content_hash()} == {2}
    assert {n for n in after if after[n].id in round_.locked} == {1, 3, 4, 6}
    assert after[5].id not in round_.posts  # rejected: it stays out
    assert after[2].review.state is ReviewState.PENDING


def test_nobody_can_make_the_writer_touch_an_approved_post(scene: Scene) -> None:
    scene.stand_up(posts=3)
    revised(scene, p2="needs_revision")
    locked = scene.posts()[0]

    again = write_post(
        scene.store, TENANT, scene.campaign.id, locked.id, revision=1, attempt="test", now=scene.clock.now
    )

    assert again == locked
    assert scene.posts()[0] == locked


def test_the_writer_hears_what_was_said_of_the_post_and_of_the_rest(scene: Scene) -> None:
    scene.stand_up(posts=3)
    posts = verdicts(scene, p2="needs_revision", p3="rejected")
    ids = {post.number: post.id for post in scene.posts()}
    posts[ids[2]]["comment"] = "Please name the farm Finca La Loma."
    posts[ids[3]]["comment"] = "Too many hashtags."
    scene.decide(decision="needs_revision", comments="Warmer, please.", posts=posts)
    start_revision(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now)

    written = write_post(
        scene.store, TENANT, scene.campaign.id, ids[2], revision=1, attempt="test", now=scene.clock.now
    )

    assert written.status in {PostStatus.COMPLETED, PostStatus.NEEDS_REVIEW}
    assert [answer.comment for answer in written.comment_answers] == [
        "Please name the farm Finca La Loma.",
        "Warmer, please.",
        "Too many hashtags.",
    ]


def test_a_locked_post_stays_approved_when_everything_else_is_rejected(scene: Scene) -> None:
    scene.stand_up(posts=3)
    revised(scene, p2="needs_revision")
    scene.rewrite(scene.posts()[1], "Better words.")
    scene.ask(2)
    rewritten = next(post for post in scene.posts() if post.number == 2)

    scene.decide(posts={rewritten.id: {"decision": "rejected", "comment": "Still not."}})
    apply(scene.store, TENANT, scene.campaign.id, 2, Outcome.APPROVED, now=scene.clock.now)

    found = {post.number: (post.review.state, post.review.round) for post in scene.posts()}
    assert found == {1: (ReviewState.APPROVED, 1), 2: (ReviewState.REJECTED, 2), 3: (ReviewState.APPROVED, 1)}


def test_rounds_are_limited(scene: Scene) -> None:
    scene.stand_up(posts=3, max_revision_rounds=0)
    scene.decide(decision="needs_revision", comments="Again, please.")

    assert start_revision(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now) == []
    campaign = scene.store.campaigns.get(TENANT, scene.campaign.id)
    assert campaign.status is CampaignStatus.FAILED
    assert campaign.last_error is not None
    assert campaign.last_error.code == "REVISION_LIMIT"


# --- what a link leads to -----------------------------------------------------------------------------


def test_a_link_follows_its_round(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=TWO)
    ana, ben = scene.link(1), scene.link(2)
    assert (standing(scene, ana), standing(scene, ben)) == (Standing.OPEN, Standing.OPEN)

    scene.decide(1, decision="needs_revision", comments="Warmer, please.")
    assert (standing(scene, ana), standing(scene, ben)) == (Standing.DECIDED, Standing.CLOSED)

    scene.next_round({post.number: (f"Better words, {post.number}.", "") for post in scene.posts()})
    assert (standing(scene, ana), standing(scene, ben)) == (Standing.NEWER, Standing.NEWER)
    assert standing(scene, scene.link(1)) is Standing.OPEN


def test_a_link_ends_with_its_time_its_round_its_campaign_or_its_withdrawal(scene: Scene) -> None:
    link = scene.stand_up(posts=3, approvers=TWO).link()
    with_time = scene.clock.now
    scene.clock.now = scene.round().expires_at
    assert standing(scene, link) is Standing.EXPIRED
    scene.clock.now = with_time

    renew_link(scene.store, TENANT, scene.campaign.id, 1, "ap-1", actor="m", reason="forwarded", now=with_time)
    assert standing(scene, link) is Standing.REPLACED
    newer = scene.link()
    assert standing(scene, newer) is Standing.OPEN

    revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-1", actor="m", now=with_time, reason="left")
    assert standing(scene, newer) is Standing.REVOKED

    scene.move(CampaignStatus.CANCELLED)
    assert standing(scene, newer) in {Standing.CANCELLED, Standing.REVOKED}


def test_a_link_that_the_record_does_not_know_is_like_a_forged_one(scene: Scene) -> None:
    scene.stand_up(posts=3)
    round_ = scene.round()
    asked = round_.approvers[0]
    stranger = asked.model_copy(update={"id": "ap-99"})
    for forged in (
        scene.signer.sign(round_, stranger, now=scene.clock.now),
        scene.signer.sign(round_.model_copy(update={"tenant_id": "rival"}), round_.approvers[0], now=scene.clock.now),
        scene.signer.sign(round_.model_copy(update={"n": 2}), round_.approvers[0], now=scene.clock.now),
        scene.signer.sign(round_.model_copy(update={"callback_id": "z" * 32}), asked, now=scene.clock.now),
        scene.signer.sign(
            round_.model_copy(update={"opened_at": round_.opened_at - timedelta(hours=2)}),
            round_.approvers[0], now=scene.clock.now - timedelta(hours=2),
        ),
        scene.signer.sign(
            round_.model_copy(update={"expires_at": round_.expires_at + timedelta(hours=2)}),
            round_.approvers[0], now=scene.clock.now,
        ),
    ):  # fmt: skip
        with pytest.raises(ApprovalLinkError):
            standing(scene, forged)


def test_more_time_needs_a_new_link_and_says_so_on_the_old_one(scene: Scene) -> None:
    link = scene.stand_up(posts=3, approvers=TWO, quorum="all").link(2)
    scene.decide(1)
    until = scene.round().expires_at + timedelta(hours=24)

    extend_round(
        scene.store, TENANT, scene.campaign.id, 1, until=until, actor="m", reason="holiday", now=scene.clock.now
    )

    asked = [entry for entry in scene.store.outbox.of(TENANT, scene.campaign.id) if entry.kind == "extended"]
    assert [entry.payload["approver"] for entry in asked] == ["ap-2"]  # whoever has decided is left alone
    scene.clock.now = until - timedelta(minutes=1)
    assert standing(scene, link) is Standing.EXPIRED
    assert standing(scene, scene.link(2)) is Standing.OPEN
    with pytest.raises(ConflictError):
        extend_round(scene.store, TENANT, scene.campaign.id, 1, until=until, actor="m", reason="", now=scene.clock.now)
    scene.decide(2)
    with pytest.raises(RoundClosedError):
        extend_round(
            scene.store,
            TENANT,
            scene.campaign.id,
            1,
            until=until + timedelta(hours=1),
            actor="m",
            reason="",
            now=scene.clock.now,
        )


def test_a_link_is_sent_again_only_to_the_address_on_file_and_not_too_often(scene: Scene) -> None:
    link = scene.stand_up(posts=3).link()
    scene.decide(decision="needs_revision", comments="Warmer, please.")
    scene.next_round({post.number: (f"Better words, {post.number}.", "") for post in scene.posts()})
    found = invitation(scene.store, scene.signer.verify(link.token, now=scene.clock.now), now=scene.clock.now)

    for _ in range(5):
        assert send_again(scene.store, found, now=scene.clock.now)

    sent = [entry for entry in scene.store.outbox.of(TENANT, scene.campaign.id) if entry.kind == "new_link"]
    assert [entry.payload["round"] for entry in sent] == [2]


def test_nobody_gets_a_link_of_a_round_that_is_over(scene: Scene) -> None:
    link = scene.stand_up(posts=3).link()
    scene.clock.pass_(hours=97)
    expire(scene.store, scene.round(), scene.clock.now)
    found = invitation(scene.store, scene.signer.verify(link.token, now=scene.clock.now), now=scene.clock.now)

    assert not send_again(scene.store, found, now=scene.clock.now)
    assert {"link_wanted"} <= {entry.kind for entry in scene.store.outbox.of(TENANT, scene.campaign.id)}
    with pytest.raises(RoundExpiredError):
        scene.decide()


def test_a_link_of_nobody_cannot_be_renewed(scene: Scene) -> None:
    scene.stand_up(posts=3)

    with pytest.raises(FaultsError):
        renew_link(scene.store, TENANT, scene.campaign.id, 1, "ap-9", actor="m", reason="", now=scene.clock.now)
