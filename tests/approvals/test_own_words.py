"""Approvers who write: an edit is checked, approved with the decision, and shown again to whoever approved before."""

from __future__ import annotations

from collections import Counter
from random import Random
from string import ascii_lowercase
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.routers.approvals import record
from campaigns.approval.invitations import invitation
from campaigns.approval.outcomes import apply, conclude
from campaigns.approval.renewing import renew_link, revoke_link
from campaigns.approval.rounds import Outcome, decide, undo
from campaigns.errors import (
    AlreadyDecidedError,
    CampaignError,
    ConflictError,
    FaultsError,
    RoundClosedError,
    StaleReviewError,
)
from campaigns.model.approval import ApproverDecision, DecisionRequest
from campaigns.model.post import Post, round_digest
from campaigns.model.vocabulary import Decision, ReviewState, RoundStatus
from campaigns.operations.watching.consistency import check
from campaigns.rules.approval.decisions import needed_voices, post_verdicts
from tests.approvals.scene import ANA, BEN, CLA, TENANT, TWO, Scene, some_posts
from tests.approvals.voices import by_link

BY: dict[str, Any] = {"actor": "operator:olga", "reason": "left"}
THREE = [ANA.to_wire(), BEN.to_wire(), CLA.to_wire()]


def other_words(post: Post, version: int = 1) -> str:
    assert post.content is not None
    return f"{post.content.text.rstrip('.')}. Come by" + "!" * version


def answer(scene: Scene, edits: dict[int, str] | None = None, **said: str) -> dict[str, Any]:
    """Approve every post, or what is said of it by number (`p2="rejected"`), some in other words."""
    edited = edits or {}
    return {
        post.id: {
            "decision": said.get(f"p{post.number}", "approved"),
            "comment": "Because of this.",
            **({"edit": edited[post.number]} if post.number in edited else {}),
        }
        for post in scene.posts()
    }


def decisions(scene: Scene) -> dict[str, ApproverDecision]:
    found = scene.store.approvals.decisions(TENANT, scene.campaign.id, scene.round().n)
    return {each.approver_id: each for each in found}


def told(scene: Scene, kind: str) -> list[str]:
    entries = scene.store.outbox.of(TENANT, scene.campaign.id)
    return [entry.payload["approver"] for entry in entries if entry.kind == kind]


def test_who_is_asked_again_is_among_those_that_the_receipt_waits_for(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=THREE, quorum="all", allow_edits=True)
    scene.decide(1)
    scene.decide(2, posts=answer(scene, {1: other_words(scene.posts()[0])}))

    receipt = scene.browser().get(scene.url(2))

    assert "Waiting for 2 more answers." in receipt.text


# --- one approver -------------------------------------------------------------------------------------


def test_one_approver_edits_and_approves_in_one_act(scene: Scene) -> None:
    scene.stand_up(posts=3, allow_edits=True)
    before = scene.posts()[1]
    words = other_words(before)

    scene.decide(posts=answer(scene, {2: words}))

    after = scene.posts()[1]
    assert after.content is not None
    assert (after.content.text, after.revision, after.edited_by) == (words, before.revision + 1, "Ana Ribeiro")
    assert after.usage == before.usage  # no model was asked
    assert after.quality is not None
    round_ = scene.round()
    assert (round_.status, round_.outcome) == (RoundStatus.DECIDED, Decision.APPROVED)
    assert round_.digest == round_digest(scene.posts()) == decisions(scene)["ap-1"].digest
    assert [action for action in scene.audit() if action in {"content_changed", "decided"}] == [
        "content_changed", "decided",
    ]  # fmt: skip
    ended = apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=scene.clock.now)
    assert ended.status == "completed"
    assert {post.review.state for post in scene.posts()} == {ReviewState.APPROVED}
    kept = scene.store.posts.revision(TENANT, scene.campaign.id, after.id, before.revision)
    assert kept is not None
    assert kept.content == before.content


def test_nobody_edits_where_the_campaign_does_not_say_so(scene: Scene) -> None:
    scene.stand_up(posts=2)

    with pytest.raises(FaultsError) as refused:
        scene.decide(posts=answer(scene, {2: "Other words."}))

    assert [fault.code for fault in refused.value.faults] == ["EDIT_NOT_ALLOWED"]
    assert not decisions(scene)
    assert scene.posts()[1].revision == 0


def test_words_that_a_check_blocks_are_refused_with_the_finding(scene: Scene) -> None:
    scene.stand_up(posts=2, allow_edits=True)

    with pytest.raises(FaultsError) as refused:
        scene.decide(posts=answer(scene, {2: "Guaranteed to be the freshest coffee you ever had."}))

    (fault, *_) = refused.value.faults
    assert (fault.field, fault.code) == (f"posts.{scene.posts()[1].id}.edit", "EDIT_BLOCKED")
    assert "uaranteed" in fault.message
    assert not decisions(scene)


def test_an_edit_takes_a_legal_block_away(scene: Scene) -> None:
    scene.stand_up(posts=7, allow_edits=True)
    blocked = scene.posts()[6]
    assert blocked.id in scene.round().unapprovable

    scene.decide(posts=answer(scene, {7: "Coffee from Huila, roasted this week."}))

    assert scene.round().outcome is Decision.APPROVED
    assert not scene.round().unapprovable


@pytest.mark.parametrize(
    ("edit", "code"),
    [({"decision": "needs_revision"}, "CHANGE_NOT_APPROVED"), ({"edit": "x" * 65_000}, "EDIT_BLOCKED")],
)
def test_an_edit_is_somebodys_own_version_and_fits(scene: Scene, edit: dict[str, str], code: str) -> None:
    scene.stand_up(posts=2, allow_edits=True)
    said = answer(scene, {2: other_words(scene.posts()[1])})
    said[scene.posts()[1].id] |= edit

    with pytest.raises(FaultsError) as refused:
        scene.decide(decision="needs_revision" if "decision" in edit else "approved", comments="No.", posts=said)

    assert code in {fault.code for fault in refused.value.faults}
    assert scene.posts()[1].revision == 0


def test_an_answer_changes_thirty_posts_at_most(scene: Scene) -> None:
    scene.stand_up(posts=31, approvers=THREE, allow_edits=True)
    words = {post.number: unlike_any(post.number) for post in scene.posts()}

    with pytest.raises(FaultsError) as refused:
        scene.decide(posts=answer(scene, words))
    assert [fault.code for fault in refused.value.faults] == ["TOO_MANY_CHANGES"]
    del words[1]
    scene.decide(posts=answer(scene, words, p1="rejected"))

    assert sum(post.revision for post in scene.posts()) == 30
    assert scene.round().status is RoundStatus.DECIDED


def unlike_any(number: int) -> str:
    """Words that no other post has: each of its own letters."""
    letters = [chr(ord("a") + (number * 7 + step * step * (1 + number // 26)) % 26) for step in range(12)]
    return " ".join(
        f"{letter}{other}{'oiu'[number // 26]}{letter}"
        for letter, other in zip(letters, reversed(letters), strict=True)
    )


def test_a_post_of_an_earlier_round_stays_as_it_is(scene: Scene) -> None:
    scene.stand_up(posts=2, allow_edits=True)
    scene.decide(decision="needs_revision", posts=answer(scene, p2="needs_revision"))
    scene.clock.pass_(hours=1)
    scene.next_round({2: ("Other words.", "done")})

    with pytest.raises(FaultsError) as refused:
        scene.decide(posts=answer(scene, {1: "Mine."}))

    assert "POST_LOCKED" in {fault.code for fault in refused.value.faults}


# --- several ------------------------------------------------------------------------------------------


def test_whoever_approved_the_old_words_is_asked_again_about_this_post_only(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=TWO, quorum="all", allow_edits=True)
    scene.decide(2, posts=answer(scene))

    scene.decide(1, posts=answer(scene, {2: other_words(scene.posts()[1])}))

    assert scene.round().status is RoundStatus.PENDING
    assert told(scene, "changed") == ["ap-2"]
    second = scene.posts()[1]
    scene.clock.pass_(minutes=5)
    scene.decide(2, posts={second.id: {"decision": "approved"}})
    assert (scene.round().status, scene.round().outcome) == (RoundStatus.DECIDED, Decision.APPROVED)
    whole = decisions(scene)["ap-2"]
    assert {post: said.decision for post, said in whole.posts.items()} == dict.fromkeys(scene.round().posts, "approved")
    assert whole.first_at is not None
    assert whole.first_at < whole.at
    assert check(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=scene.clock.now) == []


def test_of_the_other_posts_what_was_said_stands(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=TWO, quorum="all", allow_edits=True)
    scene.decide(2, posts=answer(scene))
    scene.decide(1, posts=answer(scene, {2: other_words(scene.posts()[1])}))

    with pytest.raises(AlreadyDecidedError):
        scene.decide(2, decision="needs_revision", posts=answer(scene, p3="needs_revision"))

    assert scene.round().status is RoundStatus.PENDING


def test_whoever_has_the_old_words_open_decides_on_nothing(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all", allow_edits=True)
    seen = scene.round().digest
    scene.decide(1, posts=answer(scene, {2: other_words(scene.posts()[1])}))

    with pytest.raises(StaleReviewError):
        scene.decide(2, digest=seen, posts=answer(scene))

    assert told(scene, "changed") == []  # the second has not decided: nobody is asked twice


def test_the_same_body_about_other_words_is_another_answer(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=TWO, quorum="all", allow_edits=True)

    def says() -> bool:
        """Send the shortest body that there is, by the link of now."""
        claims = scene.signer.verify(scene.link(2).token, now=scene.clock.now)
        found = invitation(scene.store, claims, now=scene.clock.now)
        body = {"callbackId": scene.round().callback_id, "decision": "approved"}
        request = DecisionRequest.model_validate(body)
        told = record(scene.store, found, request, channel="api", client="tests", now=scene.clock.now)
        return bool(told.repeated)

    assert not says()
    assert says()
    scene.decide(1, posts=answer(scene, {2: other_words(scene.posts()[1])}))
    scene.clock.pass_(minutes=5)
    assert scene.round().status is RoundStatus.PENDING

    assert not says()
    assert scene.round().outcome is Decision.APPROVED
    with pytest.raises(AlreadyDecidedError):
        scene.decide(2, decision="rejected", comments="Stop this.")


def test_what_can_be_taken_back_together_is_bounded(scene: Scene) -> None:
    chance = Random(7)

    def words() -> str:
        return " ".join("".join(chance.choices(ascii_lowercase, k=6)) for _ in range(12)).capitalize() + "."

    stored = [
        post.model_copy(
            update={"content": post.content and post.content.model_copy(update={"text": words()}), "quality": None}
        )
        for post in some_posts(scene.campaign, 62)
    ]
    scene.stand_up(posts=stored, approvers=TWO, quorum="all", settle_seconds=3600, allow_edits=True)
    posts = scene.posts()
    scene.decide(1, posts=answer(scene, {post.number: words() for post in posts[:30]}))
    scene.decide(2, posts=answer(scene, {61: words()}))

    with pytest.raises(FaultsError) as refused:
        scene.decide(1, posts=answer(scene, {post.number: words() for post in posts[30:60]}))

    assert {fault.code for fault in refused.value.faults} == {"TOO_MANY_CHANGES"}


def test_an_answer_that_is_completed_is_not_recorded_again(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=THREE, quorum="all", allow_edits=True)
    scene.decide(2, posts=answer(scene))
    first = decisions(scene)["ap-2"].attempt_id
    scene.decide(1, posts=answer(scene, {2: other_words(scene.posts()[1])}))
    scene.decide(2, posts={scene.posts()[1].id: {"decision": "approved"}})

    case = scene.store.approvals._case(TENANT, scene.campaign.id, 1, f"ap-2.{first}")[0]

    assert case.used_up


def test_a_later_stage_edits_and_the_first_one_is_asked_again_about_this_post(scene: Scene) -> None:
    stages = [{"name": name, "approvers": [each.to_wire()]} for name, each in (("editor", ANA), ("legal", BEN))]
    scene.stand_up(posts=3, approvers=[], expires_in_hours=168, stages=stages, allow_edits=True)
    scene.decide(posts=answer(scene))
    conclude(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=scene.clock.now)
    second = scene.posts()[1]

    scene.decide(posts=answer(scene, {2: other_words(second)}))
    conclude(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=scene.clock.now)

    again = scene.round()
    assert (again.n, again.stage and again.stage.name) == (3, "editor")
    assert set(again.posts) - set(again.locked) == {second.id}
    scene.decide(posts={second.id: {"decision": "approved"}})
    ended = conclude(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=scene.clock.now)
    assert ended.status == "completed"


# --- undo ---------------------------------------------------------------------------------------------


def test_undo_brings_the_old_words_back_and_the_old_approvals(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=THREE, quorum="2", settle_seconds=600, allow_edits=True)
    before = scene.posts()[1]
    scene.decide(2, posts=answer(scene))
    scene.decide(1, posts=answer(scene, {2: other_words(before)}))
    assert scene.round().status is RoundStatus.PENDING

    undo(scene.store, scene.round(), by_link(scene.round(), 1), now=scene.clock.now)

    after = scene.posts()[1]
    assert (after.content, after.quality, after.edited_by) == (before.content, before.quality, None)
    assert after.revision == before.revision + 2
    assert scene.round().posts[after.id] == before.content_hash()
    scene.decide(3, posts=answer(scene))
    assert scene.round().outcome is Decision.APPROVED  # with the voice of the second, who approved these words


def test_undo_leaves_words_that_somebody_changed_since(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=THREE, quorum="all", settle_seconds=600, allow_edits=True)
    scene.decide(1, posts=answer(scene, {2: other_words(scene.posts()[1])}))
    mine = other_words(scene.posts()[1], 2)
    scene.decide(2, posts=answer(scene, {2: mine}))

    undo(scene.store, scene.round(), by_link(scene.round(), 1), now=scene.clock.now)

    second = scene.posts()[1]
    assert second.content is not None
    assert second.content.text == mine


def asked_again(scene: Scene) -> None:
    """Ben rejects the first post, and Ana changes the second one, about which Ben is asked again."""
    scene.stand_up(posts=3, approvers=THREE, quorum="all", allow_edits=True)
    scene.decide(2, posts=answer(scene, p1="rejected"))
    scene.decide(1, posts=answer(scene, {2: other_words(scene.posts()[1])}))


def test_whoever_is_asked_again_can_be_revoked_and_takes_along_what_was_said(scene: Scene) -> None:
    asked_again(scene)

    with pytest.raises(ConflictError, match="Ana Ribeiro has decided"):
        revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-1", now=scene.clock.now, **BY)
    revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-2", now=scene.clock.now, **BY)

    assert list(decisions(scene)) == ["ap-1"]
    scene.decide(3, posts=answer(scene))
    round_ = scene.round()
    assert (round_.status, round_.outcome) == (RoundStatus.DECIDED, Decision.APPROVED)
    verdicts = post_verdicts(round_, list(decisions(scene).values()))
    assert {verdict for verdict, _ in verdicts.values()} == {Decision.APPROVED}
    [set_aside] = [each for each in scene.store.audit.entries(TENANT, scene.campaign.id) if each.action == "undone"]
    assert (set_aside.actor, set_aside.reason) == ("operator:olga", "left")
    assert set_aside.details["approver"] == "ap-2"
    campaign = scene.store.campaigns.get(TENANT, scene.campaign.id)
    assert not list(check(scene.store, campaign, now=scene.clock.now))


def test_the_last_who_is_asked_again_is_revoked_and_the_others_complete_the_round(scene: Scene) -> None:
    asked_again(scene)
    scene.decide(3, posts=answer(scene))
    assert scene.round().status is RoundStatus.PENDING

    revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-2", now=scene.clock.now, **BY)

    assert scene.round().outcome is Decision.APPROVED


def test_another_person_in_place_of_who_is_asked_again_decides_on_everything(scene: Scene) -> None:
    asked_again(scene)
    old = by_link(scene.round(), 2, code=True)
    dora = {"name": "Dora Lind", "email": "dora@example.com"}

    renew_link(scene.store, TENANT, scene.campaign.id, 1, "ap-2", now=scene.clock.now, **dora, **BY)

    assert list(decisions(scene)) == ["ap-1"]
    wanted = DecisionRequest(decision=Decision.APPROVED, callback_id=scene.round().callback_id)
    with pytest.raises(RoundClosedError):
        decide(scene.store, scene.round(), old, wanted, attempt_id="much-too-late", now=scene.clock.now)
    scene.decide(2, posts=answer(scene))
    scene.decide(3, posts=answer(scene))
    assert scene.round().outcome is Decision.APPROVED
    by = decisions(scene)["ap-2"]
    assert (by.decided_by, by.first_at) == ("Dora Lind", None)


def test_a_new_link_for_who_is_asked_again_keeps_what_was_said(scene: Scene) -> None:
    asked_again(scene)

    renew_link(scene.store, TENANT, scene.campaign.id, 1, "ap-2", now=scene.clock.now, **BY)

    scene.decide(2, posts={scene.posts()[1].id: {"decision": "approved"}})
    scene.decide(3, posts=answer(scene))
    verdicts = post_verdicts(scene.round(), list(decisions(scene).values()))
    assert verdicts[scene.posts()[0].id][0] is Decision.REJECTED


def test_an_operator_edits_no_words_that_somebody_decided_on(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all", allow_edits=True)
    scene.decide(1, posts=answer(scene, {2: other_words(scene.posts()[1])}))

    with pytest.raises(ConflictError):
        scene.edit(1, "Other words.")


# --- any order ----------------------------------------------------------------------------------------

CHOICES = st.sampled_from(["approved", "approved", "edit 1", "edit 2", "needs_revision", "rejected"])
ACTS = st.lists(
    st.tuples(st.sampled_from(["decide", "decide", "decide", "undo"]), st.integers(1, 3), st.tuples(CHOICES, CHOICES)),
    max_size=9,
)
TALLY: Counter[str] = Counter()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS, quorum=st.sampled_from(["any", "2", "all"]))
@example(acts=[("decide", 1, ("approved", "edit 1")), ("undo", 1, ("approved", "approved"))] * 5, quorum="all")
def test_nothing_completes_whose_exact_words_the_quorum_did_not_approve(
    scene: Scene, acts: list[tuple[str, int, tuple[str, str]]], quorum: str
) -> None:
    here = scene.another(str(uuid4())).stand_up(
        posts=2, approvers=THREE, quorum=quorum, collect_all=True, settle_seconds=600, allow_edits=True
    )
    heard: dict[int, dict[str, tuple[str, str]]] = {}  # by approver and post: what was said, of which words
    first = {post.id: post for post in here.posts()}
    for act, approver, choices in acts:
        try:
            if act == "undo":
                undo(here.store, here.round(), by_link(here.round(), approver), now=here.clock.now)
                heard.pop(approver, None)
            else:
                _decide(here, approver, dict(zip(first, choices, strict=True)), first, heard)
        except CampaignError as refused:
            TALLY[type(refused).__name__] += 1
            continue
        TALLY[act] += 1
        _require_quorum(here, heard)


def _decide(
    scene: Scene,
    approver: int,
    choices: dict[str, str],
    first: dict[str, Post],
    heard: dict[int, dict[str, tuple[str, str]]],
) -> None:
    shown = {post.id: post.content_hash() for post in scene.posts()}
    own = heard.get(approver, {})
    # Whoever is asked again answers what was asked; the others stand.
    asked = {post_id: choice for post_id, choice in choices.items() if own.get(post_id, ("", ""))[1] != shown[post_id]}
    posts = {}
    for post_id, choice in (asked or choices).items():
        edited = choice.startswith("edit")
        posts[post_id] = {"decision": "approved" if edited else choice, "comment": "Because of this."}
        if edited:
            posts[post_id]["edit"] = other_words(first[post_id], int(choice[-1]))
    verdicts = {said["decision"] for said in posts.values()} | {own[each][0] for each in own if each not in posts}
    whole = next(each for each in ("needs_revision", "approved", "rejected") if each in verdicts)
    scene.decide(approver, decision=whole, comments="Because of this.", posts=posts)
    now_shown = {post.id: post.content_hash() for post in scene.posts()}
    said = {post_id: (each["decision"], now_shown[post_id]) for post_id, each in posts.items()}
    heard[approver] = {**own, **said}


def _require_quorum(scene: Scene, heard: dict[int, dict[str, tuple[str, str]]]) -> None:
    round_, posts = scene.round(), scene.posts()
    assert round_.digest == round_digest(posts)
    assert round_.posts == {post.id: post.content_hash() for post in posts}
    if round_.outcome is not Decision.APPROVED:
        return
    TALLY["approved"] += 1
    found = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
    for post in posts:
        if post_verdicts(round_, found)[post.id][0] is Decision.APPROVED:
            voices = [said.get(post.id) for said in heard.values()]
            assert voices.count(("approved", post.content_hash())) >= needed_voices(round_)


def test_the_orders_that_were_tried_say_something() -> None:
    assert TALLY["approved"] >= 5, TALLY
    assert TALLY["undo"] >= 5, TALLY
