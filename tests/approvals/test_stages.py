"""Approval in stages, with everything around it going wrong: what goes out was approved by each of them, as it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from campaigns.approval.editing import material_of
from campaigns.approval.expiry import expire_due
from campaigns.approval.outcomes import approved_posts, conclude, start_revision
from campaigns.approval.rounds import Outcome, decide, outcome, undo
from campaigns.errors import AlreadyDecidedError, RoundReopenedError
from campaigns.model.approval import ApprovalRound, ApproverDecision, DecisionRequest
from campaigns.model.campaign import Campaign
from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus, Decision, ReviewState, RoundStatus
from campaigns.operations import acts
from campaigns.operations.acts import By
from campaigns.operations.watching.consistency import check
from campaigns.rules.approval.rewriting import board_of
from tests.approvals.court import Court
from tests.approvals.faulty import TROUBLE
from tests.approvals.oracles import Judge, Rounds, Said, decisions_of
from tests.approvals.scene import ANA, TENANT, Scene
from tests.approvals.test_callback_model import Approval
from tests.approvals.voices import by_link
from tests.store.samples import put_round

OLGA = By("Olga", "as agreed")
NAMES = ("Editor", "Legal", "Client")
Words = set[tuple[str, str]]
"""Posts in the words of a hash."""


def stage(name: str, **terms: Any) -> dict[str, Any]:
    people = [{"name": f"{name} {n}", "email": f"{name.lower()}{n}@example.com"} for n in (1, 2)]
    return {"name": name, "approvers": people, "expiresInHours": 48, **terms}


class StagesJudge(Judge):
    """Knows stages by the addresses of those who were asked, and what they approved by what they said."""

    returns = False
    """Whether what the client wants changed goes back to legal only."""

    def look(self) -> None:
        super().look()
        rounds = self.court.rounds
        said = decisions_of(self.court, rounds)
        approved = {name: self.approved_by(name, rounds, said) for name in NAMES}
        if self.returns:
            approved[NAMES[0]] |= self.spared(approved[NAMES[0]], rounds, said)
        self.nothing_goes_out_that_a_stage_did_not_approve(approved)
        self.nobody_is_asked_before_their_turn(rounds, approved)

    def approved_by(self, name: str, rounds: Rounds, said: Said) -> Words:
        words: Words = set()
        for round_ in rounds:
            if stage_of(round_) == name:
                words |= {post for post in round_.posts.items() if _is_approved(round_, said[round_.n], post[0])}
        return words

    def spared(self, approved: Words, rounds: Rounds, said: Said) -> Words:
        """What the first stage is not asked about again, as agreed: the words that the client wanted otherwise."""
        edited, words = self.edited(), set(approved)
        for before, after in pairwise(rounds):
            if stage_of(before) == NAMES[2] and before.outcome is Decision.NEEDS_REVISION:
                words |= {
                    (post_id, after.posts[post_id])
                    for post_id, old in before.posts.items()
                    if (post_id, old) in words and _is_wanted_otherwise(said[before.n], post_id)
                    and post_id in after.posts and post_id not in edited[after.n]
                }  # fmt: skip
        return words

    def edited(self) -> dict[int | None, set[str]]:
        posts: dict[int | None, set[str]] = defaultdict(set)
        for each in self.court.truth.audit.entries(TENANT, self.court.campaign_id):
            if each.action == "content_changed":
                posts[each.round] |= set(each.details["posts"])
        return posts

    def nothing_goes_out_that_a_stage_did_not_approve(self, approved: dict[str, Words]) -> None:
        if self.court.campaign.status not in {CampaignStatus.APPROVED, CampaignStatus.COMPLETED}:
            return
        for post in self.court.posts:
            if post.review.state is ReviewState.APPROVED:
                for name in NAMES:
                    assert (post.id, post.content_hash()) in approved[name], f"{name} never approved these words"

    def nobody_is_asked_before_their_turn(self, rounds: Rounds, approved: dict[str, Words]) -> None:
        edited = self.edited()
        for round_ in rounds:
            for before in NAMES[: NAMES.index(stage_of(round_))]:
                for post_id, words in round_.posts.items():
                    if post_id not in edited[round_.n]:
                        assert (post_id, words) in approved[before], f"asked before {before} had approved"


def stage_of(round_: ApprovalRound) -> str:
    address = round_.approvers[0].email
    return next(name for name in NAMES if address.startswith(name.lower()))


def _is_approved(round_: ApprovalRound, said: list[ApproverDecision] | Any, post_id: str) -> bool:
    """Whether people, or the policy for who said nothing, approved a post that they were asked about."""
    if round_.outcome is None or post_id in round_.locked:
        return False
    voices = [each.posts[post_id].decision if post_id in each.posts else str(each.decision) for each in said]
    if round_.status is RoundStatus.TIMED_OUT and round_.on_timeout == "approve" and not voices:
        return True
    return bool(voices) and set(voices) == {str(Decision.APPROVED)}


def _is_wanted_otherwise(said: Sequence[ApproverDecision], post_id: str) -> bool:
    def wants(voice: ApproverDecision) -> bool:
        if post_id in voice.posts:
            return voice.posts[post_id].decision == "needs_revision"
        return voice.decision is Decision.NEEDS_REVISION and not voice.posts

    return any(wants(voice) for voice in said)


class Stages(Approval):
    """Three stages, and everything that can go wrong between them."""

    @initialize(
        quorum=st.sampled_from(["any", "any", "all"]),
        on_timeout=st.sampled_from(["reject", "approve", "extend"]),
        revised=st.booleans(),
        settle_seconds=st.sampled_from([0, 0, 180]),
        ahead=st.integers(0, 2),
        returns=st.booleans(),
    )
    def begin(  # type: ignore[override]  # another beginning
        self, quorum: str, on_timeout: str, revised: bool, settle_seconds: int, ahead: int, returns: bool
    ) -> None:
        terms = {"quorum": quorum, "onTimeout": on_timeout}
        stages = [stage(name, **terms) for name in NAMES]
        if returns:
            stages[-1]["returnTo"] = NAMES[1]
        self.court = Court(stages=stages, settle_seconds=settle_seconds, allow_edits=True, allow_moves=True)
        self.judge = StagesJudge(self.court)
        self.judge.returns = returns
        self.court.work()
        for _ in range(ahead if quorum == "any" and not settle_seconds else 0):
            self.somebody_decides_in_peace(who=0, said="approved")
        if revised:
            self.somebody_decides_in_peace(who=0, said="one of two")

    @precondition(lambda self: self.court.open)
    @rule(who=st.integers(0, 1), number=st.integers(0, 1), fault=TROUBLE)
    def somebody_approves_in_other_words(self, who: int, number: int, fault: Any) -> None:
        def other_words(post: Post) -> dict[str, str]:
            assert post.content is not None
            return {"edit": f"{post.content.text.rstrip('.')}. Come by!"}

        self._somebody_changes("edit", who, number, fault, other_words)

    @precondition(lambda self: self.court.open and self.court.open.quorum == "any")
    @rule(who=st.integers(0, 1), number=st.integers(0, 1), place=st.integers(0, 5), fault=TROUBLE)
    def somebody_approves_at_another_time(self, who: int, number: int, place: int, fault: Any) -> None:
        def another_time(post: Post) -> dict[str, str]:
            assert self.court.open is not None
            material = material_of(self.court.truth, TENANT, self.court.campaign_id)
            offered = board_of(material, self.court.open).offered(post)
            return {"moveTo": offered[place % len(offered)].isoformat()} if offered else {}

        self._somebody_changes("move", who, number, fault, another_time)

    def _somebody_changes(
        self, what: str, who: int, number: int, fault: Any, change: Callable[[Post], dict[str, str]]
    ) -> None:
        """Approve what is asked about, one post of it changed."""
        sent, round_ = self.court.issue(who), self.court.open
        if sent is None or round_ is None or round_.quorum != "any":
            return
        asked = [each for each in self.court.posts if each.id in round_.posts and each.id not in round_.locked]
        posts = {each.id: {"decision": "approved"} for each in asked}
        for each in asked[number : number + 1]:
            posts[each.id] |= change(each)
        self.court.table.trouble(fault)
        attempt_id = f"attempt-{sent.link.callback_id[:6]}-{who}-{what}-{len(self.court.acks)}"
        told = self.court.click(sent, attempt_id, digest=sent.digest, posts=posts)
        self.tally.update([f"{what} {told}"])
        event(f"{what} {told}")

    def _tell(self) -> None:
        super()._tell()
        for name in sorted({stage_of(round_) for round_ in self.court.rounds}):
            event(f"asked: {name}")
        found = check(self.court.truth, self.court.campaign, now=self.court.clock.now)
        assert [each for each in found if each.code.startswith("STAGE")] == []


TestStages = Stages.TestCase
TestStages.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


# --- by example -----------------------------------------------------------------------------------------


EDITOR, LEGAL, CLIENT = (stage(name) for name in NAMES)


def asked(scene: Scene) -> tuple[int, str, list[int], list[int]]:
    """The round, its stage, and the numbers of the posts that it asks about and that it shows as approved."""
    round_ = scene.round()
    assert round_.stage is not None
    numbers = {post.id: post.number for post in scene.posts()}
    open_ = [number for post_id, number in numbers.items() if post_id in round_.posts and post_id not in round_.locked]
    return round_.n, round_.stage.name, open_, [numbers[post_id] for post_id in round_.locked]


def on(scene: Scene, **verdicts: str) -> dict[str, Any]:
    """What is said of posts, by number: p1="approved"."""
    posts = {f"p{post.number}": post.id for post in scene.posts()}
    said = {posts[key]: {"decision": each, "comment": "Say it otherwise."} for key, each in verdicts.items()}
    decision = "needs_revision" if "needs_revision" in verdicts.values() else "approved"
    return {"decision": decision, "comments": "See the posts.", "posts": said}


def goes_on(scene: Scene) -> None:
    """What the bell does where a round was decided."""
    conclude(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=scene.clock.now)


def stored(scene: Scene) -> Campaign:
    return scene.store.campaigns.get(TENANT, scene.campaign.id)


def test_a_stage_is_asked_when_the_one_before_has_approved_and_about_that_only(scene: Scene) -> None:
    scene.stand_up(posts=3, stages=[EDITOR, LEGAL, CLIENT])
    assert asked(scene) == (1, "Editor", [1, 2, 3], [])

    scene.decide(**on(scene, p1="approved", p2="rejected", p3="approved"))
    assert outcome(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now) is Outcome.PASSED_ON
    goes_on(scene)

    assert asked(scene) == (2, "Legal", [1, 3], [])
    assert [post.review.state for post in scene.posts()] == ["pending", "rejected", "pending"]
    assert [each.email for each in scene.round().approvers] == ["legal1@example.com", "legal2@example.com"]
    assert scene.ask(2) == scene.round()  # the run finds it asked
    scene.decide()
    goes_on(scene)
    scene.decide()
    goes_on(scene)

    assert (stored(scene).status, stored(scene).round) == (CampaignStatus.COMPLETED, 3)
    assert [post.review.state for post in scene.posts()] == ["approved", "rejected", "approved"]
    assert scene.audit().count("stage_approved") == 2
    assert check(scene.store, stored(scene), now=scene.clock.now) == []


def test_a_change_goes_back_to_the_first_stage_and_what_is_approved_is_not_asked_again(scene: Scene) -> None:
    scene.stand_up(posts=2, stages=[EDITOR, LEGAL, CLIENT])
    scene.decide()
    goes_on(scene)
    scene.decide(**on(scene, p1="approved", p2="needs_revision"))

    scene.next_round({2: ("Other words of post 2.", "")})

    assert asked(scene) == (3, "Editor", [2], [1])
    scene.decide()
    goes_on(scene)
    assert asked(scene) == (4, "Legal", [2], [1])
    scene.decide()
    goes_on(scene)
    assert asked(scene) == (5, "Client", [1, 2], [])


def test_a_change_goes_back_to_the_stage_that_is_named(scene: Scene) -> None:
    scene.stand_up(posts=2, stages=[EDITOR, LEGAL, {**CLIENT, "returnTo": "legal"}])
    for _ in range(2):
        scene.decide()
        goes_on(scene)
    scene.decide(**on(scene, p1="approved", p2="needs_revision"))

    scene.next_round({2: ("Other words of post 2.", "")})

    assert asked(scene) == (4, "Legal", [2], [1])
    assert scene.posts()[0].review.state is ReviewState.APPROVED
    scene.decide()
    goes_on(scene)
    assert asked(scene) == (5, "Client", [2], [1])
    scene.decide()
    goes_on(scene)
    assert stored(scene).status is CampaignStatus.COMPLETED
    assert check(scene.store, stored(scene), now=scene.clock.now) == []


def test_words_that_were_edited_in_a_later_stage_go_to_the_stages_before_it(scene: Scene) -> None:
    scene.stand_up(posts=2, stages=[EDITOR, LEGAL])
    scene.decide()
    goes_on(scene)
    content = scene.posts()[0].content
    assert content is not None
    scene.edit(1, f"{content.text} Said legal.")
    assert scene.round().blocked == []
    scene.decide()
    goes_on(scene)

    assert asked(scene) == (3, "Editor", [1], [2])
    scene.decide()
    goes_on(scene)
    assert stored(scene).status is CampaignStatus.COMPLETED


def test_what_a_stage_passed_over_goes_nowhere(scene: Scene) -> None:
    """A post with a block: "approve all" leaves it out."""
    scene.stand_up(posts=12, stages=[EDITOR, LEGAL])
    left_out = [post.number for post in scene.posts() if post.id in scene.round().blocked]
    scene.decide()
    goes_on(scene)

    assert left_out
    assert asked(scene)[2] == [post.number for post in scene.posts() if post.number not in left_out]
    scene.decide()
    goes_on(scene)
    assert stored(scene).status is CampaignStatus.COMPLETED
    states = {post.number: post.review.state for post in scene.posts()}
    assert {states[number] for number in left_out} == {ReviewState.PENDING}


def test_time_is_planned_backwards_from_the_first_post(scene: Scene) -> None:
    scene.stand_up(posts=2, stages=[stage(name, expiresInHours=100) for name in NAMES])
    left = min(post.scheduled_at for post in scene.posts()) - timedelta(hours=1) - scene.clock.now

    ends = []
    for _ in NAMES:
        ends.append(scene.round().expires_at - scene.clock.now)
        scene.decide()
        goes_on(scene)

    assert left < timedelta(hours=300)
    assert [end / left for end in ends] == pytest.approx([1 / 3, 1 / 2, timedelta(hours=100) / left])


def test_a_stage_that_nobody_decides_in_ends_the_campaign_and_is_reopened(scene: Scene) -> None:
    scene.stand_up(posts=2, stages=[EDITOR, LEGAL])
    scene.decide()
    goes_on(scene)
    scene.clock.now = scene.round().expires_at
    expire_due(scene.store, now=scene.clock.now)
    goes_on(scene)
    assert stored(scene).status is CampaignStatus.APPROVAL_TIMEOUT

    acts.reopen(scene.store, stored(scene), OLGA, scene.clock.now, default_approver=ANA)

    assert asked(scene) == (3, "Legal", [1, 2], [])
    scene.decide()
    goes_on(scene)
    assert stored(scene).status is CampaignStatus.COMPLETED


def test_an_approver_is_replaced_in_the_stage_that_asks(scene: Scene) -> None:
    scene.stand_up(posts=1, stages=[EDITOR, LEGAL])
    scene.decide()
    goes_on(scene)

    acts.replace(
        scene.store, stored(scene), OLGA, scene.clock.now, approver="legal1@example.com", email="n@x.example"
    )  # fmt: skip

    assert [[each.email for each in named.approvers] for named in stored(scene).approval.in_stages] == [
        ["editor1@example.com", "editor2@example.com"],
        ["n@x.example", "legal2@example.com"],
    ]


def test_a_stage_may_be_taken_back_until_the_next_one_is_asked(scene: Scene) -> None:
    scene.stand_up(posts=1, stages=[EDITOR, LEGAL], settle_seconds=180)
    first = scene.round()
    scene.decide()
    goes_on(scene)
    assert scene.round().n == 1

    undo(scene.store, first, by_link(first), now=scene.clock.now)
    goes_on(scene)
    reopened = scene.round()
    assert (reopened.n, reopened.status, reopened.stage and reopened.stage.next) == (1, RoundStatus.PENDING, None)

    scene.decide()
    scene.clock.pass_(seconds=200)
    goes_on(scene)
    assert scene.round().n == 2


def test_a_stage_that_is_taken_back_in_that_moment_opens_nothing(scene: Scene) -> None:
    scene.stand_up(posts=1, stages=[EDITOR, LEGAL], settle_seconds=180)
    first = scene.round()
    scene.decide()
    began = scene.clock.now
    scene.clock.pass_(seconds=200)
    open_next = scene.store.approvals.open_round

    def undone_meanwhile(*args: Any, **more: Any) -> Any:
        undo(scene.store, first, by_link(first), now=began)
        return open_next(*args, **more)

    with patch.object(scene.store.approvals, "open_round", undone_meanwhile), pytest.raises(RoundReopenedError):
        scene.ask(2)

    assert (scene.round().n, scene.round().status) == (1, RoundStatus.PENDING)


def test_the_requester_decides_in_no_stage(scene: Scene) -> None:
    marta = {"name": "Marta", "email": "marta@fernwood.example"}
    legal = {**LEGAL, "approvers": [marta, *LEGAL["approvers"]]}
    scene.stand_up(posts=1, stages=[EDITOR, legal], prevent_self_approval=True)
    scene.decide()
    goes_on(scene)

    assert [each.email for each in scene.round().approvers] == ["legal1@example.com", "legal2@example.com"]


def test_changes_are_counted_and_not_the_rounds_of_stages(scene: Scene) -> None:
    scene.stand_up(posts=1, stages=[EDITOR, LEGAL, CLIENT], max_revision_rounds=1)
    for _ in range(2):
        scene.decide()
        goes_on(scene)
    scene.decide(**on(scene, p1="needs_revision"))
    scene.next_round({1: ("Other words.", "")})
    assert asked(scene) == (4, "Editor", [1], [])
    scene.decide(**on(scene, p1="needs_revision"))

    assert start_revision(scene.store, TENANT, scene.campaign.id, 4, now=scene.clock.now) == []
    error = stored(scene).last_error
    assert error is not None
    assert (error.code, "2 times; at most 1" in error.message) == ("REVISION_LIMIT", True)


def test_what_was_changed_behind_a_stages_back_is_shown_to_nobody(scene: Scene) -> None:
    scene.stand_up(posts=2, stages=[EDITOR, LEGAL])
    scene.decide()
    scene.rewrite(scene.posts()[0], "Words that nobody approved.")

    goes_on(scene)

    error = stored(scene).last_error
    assert error is not None
    assert (stored(scene).status, error.code, scene.round().n) == (CampaignStatus.FAILED, "INTEGRITY", 1)


def test_who_is_late_in_a_stage_that_has_approved_hears_who_decided(scene: Scene) -> None:
    scene.stand_up(posts=1, stages=[EDITOR, LEGAL])
    first = scene.round()
    scene.decide()
    goes_on(scene)
    request = DecisionRequest(decision=Decision.APPROVED, callback_id=first.callback_id)

    with pytest.raises(AlreadyDecidedError) as refused:
        decide(scene.store, first, by_link(first, 2), request, attempt_id="attempt-of-two", now=scene.clock.now)

    assert refused.value.details["decidedBy"] == "Editor 1"
    assert len(scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)) == 1


def found(scene: Scene) -> list[str]:
    return [each.code for each in check(scene.store, stored(scene), now=scene.clock.now)]


def test_what_no_stage_approved_is_found(scene: Scene) -> None:
    scene.stand_up(posts=2, stages=[EDITOR, LEGAL, CLIENT])
    scene.decide()
    goes_on(scene)
    round_ = scene.round()
    assert round_.stage is not None
    assert found(scene) == []

    everybody = {words: [1, 2] for words in round_.posts.values()}
    put_round(scene.store, round_.model_copy(update={"stage": round_.stage.model_copy(update={"cleared": everybody})}))
    assert found(scene) == ["STAGE_NOT_APPROVED"] * 2
    put_round(scene.store, round_.model_copy(update={"stage": round_.stage.model_copy(update={"next": 3})}))
    assert found(scene) == ["STAGE_WRONG"]


def test_a_campaign_that_went_out_past_a_stage_is_found(scene: Scene) -> None:
    scene.stand_up(posts=1, stages=[EDITOR, LEGAL])
    scene.decide()
    goes_on(scene)
    scene.decide()
    goes_on(scene)
    assert found(scene) == []

    first = scene.round(1)
    put_round(scene.store, scene.round().model_copy(update={"stage": first.stage}))

    assert "STAGE_SKIPPED" in found(scene)


def test_what_not_all_stages_approved_does_not_go_out_while_the_rest_is_rewritten(scene: Scene) -> None:
    scene.stand_up(posts=2, stages=[EDITOR, LEGAL, CLIENT])
    scene.decide()
    goes_on(scene)
    scene.decide(**on(scene, p1="approved", p2="needs_revision"))

    start_revision(scene.store, TENANT, scene.campaign.id, 2, now=scene.clock.now)

    assert [post.review.state for post in scene.posts()] == ["pending", "changes_requested"]
    assert approved_posts(scene.posts()) == []
