"""Callbacks in many orders: whatever happens around a decision, it is taken once, told truthfully and carried out.

A stand-in for the run makes thirty acts in a row cheap: `Court`. With the run itself, in Prefect, it is property 8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from campaigns.approval.editing import edit_text
from campaigns.approval.invitations import invitation
from campaigns.approval.renewing import extend_round, renew_link, revoke_link
from campaigns.approval.rounds import UNDO_LEEWAY
from campaigns.keys.keyring import new_ring
from campaigns.model.campaign import Move
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from tests.approvals.court import Court, Sent
from tests.approvals.faulty import TROUBLE
from tests.approvals.oracles import Judge
from tests.approvals.scene import TENANT

ANSWERS = st.sampled_from(["approved", "rejected", "needs_revision", "one of two", "one of two"])
NUMBERS = st.integers(0, 9)
WHY = "Please say it in other words."


class Approval(RuleBasedStateMachine):
    """One campaign, its people, and everything that can go wrong between them."""

    tally: ClassVar[Counter[str]] = Counter()
    """What happened in all examples together."""

    @initialize(
        quorum=st.sampled_from(["any", "all"]),
        on_timeout=st.sampled_from(["reject", "approve", "extend"]),
        revised=st.booleans(),
        settle_seconds=st.sampled_from([0, 0, 180]),
    )
    def begin(self, quorum: str, on_timeout: str, revised: bool, settle_seconds: int) -> None:
        self.court = Court(quorum=quorum, on_timeout=on_timeout, settle_seconds=settle_seconds)
        self.judge = Judge(self.court)
        self.court.work()
        if revised:
            self.somebody_decides_in_peace(who=0, said="one of two")

    # --- people ---------------------------------------------------------------------------------------

    @rule(who=NUMBERS)
    def a_link_is_sent(self, who: int) -> None:
        self.court.issue(who)

    @rule(who=NUMBERS, said=ANSWERS, old=NUMBERS, attempt=st.integers(0, 2), shown=st.booleans(), fault=TROUBLE)
    def somebody_decides(self, who: int, said: str, old: int, attempt: int, shown: bool, fault: Any) -> None:
        fresh = self.court.issue(who)
        sent = fresh if fresh is not None and old > 3 else self._an_old_link(old)
        if sent is not None:
            self.court.table.trouble(fault)
            # Who looked at the page says so with the digest; the JSON way may leave it out.
            digest = {"digest": sent.digest} if shown else {}
            attempt_id = f"attempt-{sent.link.callback_id[:6]}-{attempt:04d}"
            self.court.click(sent, attempt_id, **digest, **self.answer(sent, said))

    @precondition(lambda self: self.court.open)
    @rule(who=st.integers(0, 1), said=ANSWERS)
    def somebody_decides_in_peace(self, who: int, said: str) -> None:
        if sent := self.court.issue(who):
            self.court.table.heal()
            # An answer of its own each time: one that was taken back is used up.
            attempt_id = f"attempt-{sent.link.callback_id[:6]}-{who}-peace-{len(self.court.acks)}"
            self.court.click(sent, attempt_id, **self.answer(sent, said))
            self.court.sweep()
            self.court.work()

    def _an_old_link(self, which: int) -> Sent | None:
        links = self.court.links
        return links[-1 - which % len(links)] if links else None

    def answer(self, sent: Sent, said: str) -> dict[str, Any]:
        if said != "one of two":
            return {"decision": said, "comments": "" if said == "approved" else WHY}
        round_ = self.court.truth.approvals.by_callback(sent.link.callback_id)
        open_posts = [post_id for post_id in round_.posts if post_id not in round_.locked]
        posts = {post_id: {"decision": "approved"} for post_id in open_posts}
        if open_posts:
            posts[open_posts[0]] = {"decision": "needs_revision", "comment": WHY}
        return {"decision": "needs_revision", "comments": WHY, "posts": posts}

    @precondition(lambda self: self.court.acks and self.court.rounds[-1].settle_seconds)
    @rule(which=NUMBERS, fault=TROUBLE)
    def somebody_takes_it_back(self, which: int, fault: Any) -> None:
        acks = self.court.acks
        self.court.table.trouble(fault)
        self.tally.update([f"undo {self.court.take_back(acks[-1 - which % len(acks)].sent)}"])

    @precondition(lambda self: self.court.acks)
    @rule(which=NUMBERS, fault=TROUBLE)
    def the_same_form_is_sent_again(self, which: int, fault: Any) -> None:
        before = self.court.acks[-1 - which % len(self.court.acks)]
        body = before.request.to_wire()
        body.pop("callbackId")
        self.court.table.trouble(fault)
        told = self.court.click(before.sent, before.attempt_id, **body)
        if before.told == "recorded":
            assert told in {"recorded", "taken back", "not recorded", "cut off", "unknown link", "gone"}, told

    @precondition(lambda self: self.court.links)
    @rule(which=NUMBERS)
    def somebody_looks(self, which: int) -> None:
        token, now = self.court.links[-1 - which % len(self.court.links)].link.token, self.court.clock.now
        written = self.court.table.writes
        self.court.quietly(lambda: invitation(self.court.store, self.court.signer.verify(token, now=now), now=now))
        assert self.court.table.writes == written, "looking wrote something"

    @rule(said=st.sampled_from(["approved", "rejected"]))
    def two_decide_in_the_same_moment(self, said: str) -> None:
        first, second = self.court.issue(0), self.court.issue(1)
        if first is None or second is None:
            return
        self.court.table.between = lambda: self._say(second, "attempt-in-between", "rejected")
        self._say(first, "attempt-of-the-first", said)
        self.court.table.between = None

    def _say(self, sent: Sent, attempt: str, said: str) -> None:
        self.court.click(sent, attempt, decision=said, comments="" if said == "approved" else WHY)

    # --- operators ------------------------------------------------------------------------------------

    @precondition(lambda self: self.court.open)
    @rule(
        what=st.sampled_from(["revoke", "renew", "renew", "extend", "edit", "edit"]),
        who=NUMBERS,
        said=st.none() | ANSWERS,
        fault=TROUBLE,
    )
    def an_operator_acts_while_somebody_reads(self, what: str, who: int, said: str | None, fault: Any) -> None:
        court, current, reader = self.court, self.court.open, self.court.issue(who % 2)
        assert current is not None
        approver = current.approvers[who % 2].id
        where = (court.store, TENANT, court.campaign_id, current.n)
        by: dict[str, Any] = {"actor": "op", "reason": "r"}
        now, until = court.clock.now, current.expires_at + timedelta(hours=5)
        acts: dict[str, Callable[[], Any]] = {
            "revoke": lambda: revoke_link(*where, approver, now=now, **by),
            "renew": lambda: renew_link(*where, approver, now=now, **by),
            "extend": lambda: extend_round(*where, until=until, now=now, **by),
            "edit": lambda: self._edit(1 + who % 2),
        }
        self.court.table.trouble(fault)
        court.quietly(acts[what])
        if said is not None and reader is not None:
            court.click(reader, "attempt-of-a-reader", digest=reader.digest, **self.answer(reader, said))

    def _edit(self, number: int) -> None:
        text = f"Words of post {number}, edited {self.court.clock.now:%H:%M:%S} {len(self.court.acks)}."
        by: dict[str, Any] = {"actor": "op", "reason": "r", "now": self.court.clock.now}
        edit_text(self.court.store, self.court.campaign, number, text, **by)

    def _reword(self, post: Any) -> None:
        words = post.content.model_copy(update={"text": f"{post.content.text} (edited)"})
        changed = post.model_copy(update={"content": words, "revision": post.revision + 1})
        self.court.store.posts.save_revision(changed)

    @precondition(lambda self: self.court.open)
    @rule(number=st.integers(0, 1), rarely=NUMBERS)
    def somebody_tampers_with_what_was_approved(self, number: int, rarely: int) -> None:
        if rarely > 2:
            return
        self.court.table.heal()
        for who in (0, 1):
            if sent := self.court.issue(who):
                self.court.click(sent, f"attempt-of-all-{who}", decision="approved")
        last = self.court.rounds[-1]
        if last.status is RoundStatus.DECIDED and last.outcome is Decision.APPROVED:
            if last.settles_at is not None:  # approved for good
                self.court.clock.now = max(self.court.clock.now, last.settles_at + UNDO_LEEWAY)
            self._reword(self.court.posts[number])
            self.court.sweep()
            self.court.work()

    @rule(rarely=NUMBERS)
    def the_campaign_is_cancelled(self, rarely: int) -> None:
        if rarely:
            return
        court = self.court
        end = Move(CampaignStatus.CANCELLED, "op", "r", court.clock.now)
        court.quietly(lambda: court.store.campaigns.move(TENANT, court.campaign_id, end))
        if court.campaign.status is CampaignStatus.CANCELLED:
            court.run_state = "done"  # cancelling ends the run too (tasks.engine.server.runs.cancel_run)

    @rule(leaked=st.booleans(), said=st.none() | ANSWERS)
    def the_key_is_changed_while_somebody_reads(self, leaked: bool, said: str | None) -> None:
        """In good time, so that old links stay good; or because it leaked, and they must not."""
        reader = self.court.issue(0)
        old = [ring.replace(":sign:", ":revoked:" if leaked else ":verify:") for ring in self.court.keys]
        self.court.keys = [new_ring(f"k{len(old)}"), *old]
        if said is not None and reader is not None:
            self.court.click(reader, "attempt-with-an-old-key", **self.answer(reader, said))

    # --- machines and time ----------------------------------------------------------------------------

    @rule(fault=TROUBLE)
    def the_worker_works(self, fault: Any) -> None:
        self.court.table.trouble(fault)
        self.court.work()

    @rule(fault=TROUBLE, bell=st.sampled_from([None, "503", "lost"]))
    def housekeeping_sweeps(self, fault: Any, bell: Any) -> None:
        self.court.table.trouble(fault)
        self.court.bell_fault = bell
        self.court.sweep()

    @rule()
    def somebody_presses_resume_in_prefect(self) -> None:
        if self.court.run_state == "paused":
            self.court.run_state = "scheduled"
            self.court.work()

    @rule(minutes=st.sampled_from([1, 5, 30, 180, -5]))
    def time_passes(self, minutes: int) -> None:
        self.court.clock.now += timedelta(minutes=minutes)

    @precondition(lambda self: self.court.open)
    @rule(seconds=st.sampled_from([-1, 0, 1]), rarely=NUMBERS)
    def the_end_is_near(self, seconds: int, rarely: int) -> None:
        if rarely < 2:
            self.court.clock.now = self.court.open.expires_at + timedelta(seconds=seconds)

    # --- what must hold -------------------------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        self.judge.look()

    def teardown(self) -> None:
        if not hasattr(self, "court"):
            return
        try:
            self.judge.rest()
            self._tell()
        finally:
            self.court.close()

    def _tell(self) -> None:
        """Say what this example came to; an example that came to nothing has shown nothing."""
        court, faults = self.court, self.court.table.faults
        self.tally.update(examples=1, clicks=len(court.acks), faults=faults.total() + court.bell_faults)
        self.tally.update(f"told {ack.told}" for ack in court.acks)
        for told in sorted({ack.told for ack in court.acks}):
            event(f"told: {told}")
        event(f"ended: {court.campaign.status}")
        event(f"rounds: {len(court.rounds)}")
        event(f"faults: {min(3, faults.total() + court.bell_faults)} or more")
        if faults["killed after"]:
            event("killed after a commit")


TestApproval = Approval.TestCase
TestApproval.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
