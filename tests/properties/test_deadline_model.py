"""Time as a state machine of many more orders than runs could be tried in: store, page and duties, the run is played.

A round is decided before its end or not at all, and what nobody decided ends by its policy, once. Property 9 is the
whole product's.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from campaigns.approval.expiry import expire_due
from campaigns.approval.messages.reminding import remind_due
from campaigns.model.approval import ApprovalRound
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import Decision, RoundStatus
from campaigns.operations.watching.alarms import TIMEOUTS
from campaigns.rules.approval.decisions import outcome_of
from tasks.upkeep.watch import readings
from tests.approvals.court import Court, Sent
from tests.approvals.faulty import TROUBLE
from tests.approvals.oracles import Judge
from tests.approvals.scene import TENANT

HOURS = 30
AROUND = [
    timedelta(seconds=-1),
    timedelta(microseconds=-1),
    timedelta(0),
    timedelta(microseconds=1),
    timedelta(seconds=1),
]
STEPS = [timedelta(minutes=1), timedelta(hours=7), timedelta(hours=-1), timedelta(hours=25), timedelta(days=30)]
ANSWERS = st.sampled_from(["approved", "rejected", "needs_revision"])
CHANNELS = st.sampled_from(["prefect_ui", "operator"])
WHY = "Please say it in other words."


class Deadline(RuleBasedStateMachine):
    """One round and its end, in every order of clock, deciders and reaper."""

    tally: ClassVar[Counter[str]] = Counter()
    """What happened in all examples together."""

    @initialize(
        quorum=st.sampled_from(["any", "all", "all"]),
        on_timeout=st.sampled_from(["reject", "approve", "approve", "extend"]),
        within_the_second=st.sampled_from([timedelta(0), timedelta(milliseconds=400)]),
    )
    def begin(self, quorum: str, on_timeout: str, within_the_second: timedelta) -> None:
        self.court = Court(quorum=quorum, on_timeout=on_timeout, expires_in_hours=HOURS, max_revision_rounds=1)
        self.court.clock.now += within_the_second
        self.judge = Judge(self.court)
        self.on_timeout = on_timeout
        self.seen: set[int] = set()
        self.latest = self.court.clock.now
        self.court.work()
        self.court.issue(0)
        self.court.issue(1)

    # --- the clock ------------------------------------------------------------------------------------

    @precondition(lambda self: self.court.open)
    @rule(offset=st.sampled_from(AROUND))
    def the_end_is_there(self, offset: timedelta) -> None:
        self.court.clock.now = self.court.open.expires_at + offset

    @rule(step=st.sampled_from(STEPS))
    def the_clock_is_moved(self, step: timedelta) -> None:
        self.court.clock.now += step

    # --- deciders -------------------------------------------------------------------------------------

    @rule(who=st.integers(0, 1))
    def a_link_is_sent(self, who: int) -> None:
        self.court.issue(who)

    @precondition(lambda self: self.court.links)
    @rule(which=st.integers(0, 5), said=ANSWERS, fault=TROUBLE)
    def somebody_decides(self, which: int, said: str, fault: Any) -> None:
        sent = self.court.links[-1 - which % len(self.court.links)]
        self.court.table.trouble(fault)
        self._say(sent, said)

    @precondition(lambda self: self.court.open)
    @rule(before=st.sampled_from([timedelta(hours=-20), *AROUND[:2]]), who=st.integers(0, 1), said=ANSWERS)
    def somebody_decides_in_time(self, before: timedelta, who: int, said: str) -> None:
        self.court.clock.now = self.court.open.expires_at + before
        if (sent := self.court.issue(who)) is not None:
            self._say(sent, said)

    @precondition(lambda self: self.court.rounds)
    @rule(channel=CHANNELS, said=ANSWERS)
    def somebody_decides_without_a_link(self, channel: Any, said: str) -> None:
        self._without_link(channel, said)

    @precondition(lambda self: self.court.open)
    @rule(offset=st.sampled_from(AROUND), channel=CHANNELS, said=ANSWERS)
    def somebody_decides_without_a_link_around_the_end(self, offset: timedelta, channel: Any, said: str) -> None:
        """No token says that it is over: the store has to."""
        self.court.clock.now = self.court.open.expires_at + offset
        self._without_link(channel, said)

    def _say(self, sent: Sent, said: str) -> None:
        told = self.court.click(
            sent, f"attempt-{sent.approver_id}-{said}", decision=said, comments="" if said == "approved" else WHY
        )
        ack = self.court.acks[-1]
        late = ack.at >= ack.before.expires_at
        if told == "gone" and not late and ack.at < ack.sent.expires_at:
            after = self.court.truth.approvals.by_callback(sent.link.callback_id)
            assert after.status is not RoundStatus.PENDING, "refused as too late, and in time"
        if ack.first and late:
            assert told in {"gone", "already", "not recorded", "cut off"}, f"a late click was {told}"
            assert ack.before.status is not RoundStatus.TIMED_OUT or told != "already", "told that somebody had decided"

    def _without_link(self, channel: Any, said: str) -> None:
        before, known = self.court.rounds[-1], self._decided()
        told = self.court.answer_form(channel, decision=said, comments="" if said == "approved" else WHY)
        fresh = f"ap-{channel.replace('_', '')}" not in known
        if fresh and (before.status is not RoundStatus.PENDING or self.court.clock.now >= before.expires_at):
            assert told != "recorded", "decided without a link after the end"

    def _decided(self) -> set[str]:
        n = self.court.rounds[-1].n
        return {each.approver_id for each in self.court.truth.approvals.decisions(TENANT, self.court.campaign_id, n)}

    # --- the reaper -----------------------------------------------------------------------------------

    @rule(fault=TROUBLE)
    def the_reaper_comes(self, fault: Any) -> None:
        self.court.table.trouble(fault)
        self._reap()

    def _reap(self) -> None:
        self.court.quietly(lambda: expire_due(self.court.store, now=self.court.clock.now))

    @precondition(lambda self: self.court.open and self.court.links)
    @rule(before=st.sampled_from(AROUND), after=st.sampled_from(AROUND), which=st.integers(0, 5), said=ANSWERS)
    def a_decider_comes_while_the_reaper_writes(self, before: Any, after: Any, which: int, said: str) -> None:
        """Two clocks that do not quite agree, and two writes at the same time."""
        end, sent = self.court.open.expires_at, self.court.links[-1 - which % len(self.court.links)]

        def meanwhile() -> None:
            self.court.clock.now = end + before
            self._say(sent, said)
            self.court.clock.now = end + after

        self.court.clock.now = end + after
        self.court.table.between = meanwhile
        self._reap()
        self.court.table.between = None

    @precondition(lambda self: self.court.open)
    @rule(before=st.sampled_from(AROUND[:2]), after=st.sampled_from(AROUND[2:]), who=st.integers(0, 1), said=ANSWERS)
    def the_reaper_comes_while_a_decider_writes(self, before: Any, after: Any, who: int, said: str) -> None:
        end = self.court.open.expires_at
        self.court.clock.now = end + before
        if (sent := self.court.issue(who)) is None:
            return

        def meanwhile() -> None:
            self.court.clock.now = end + after
            self._reap()
            self.court.clock.now = end + before

        self.court.table.between = meanwhile
        self._say(sent, said)
        self.court.table.between = None

    @rule()
    def reminders_are_sent(self) -> None:
        self.court.quietly(lambda: remind_due(self.court.store, now=self.court.clock.now))

    @rule(fault=TROUBLE)
    def the_run_goes_on(self, fault: Any) -> None:
        self.court.table.trouble(fault)
        self.court.sweep()
        self.court.work()

    # --- what must hold -------------------------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        self.latest = max(self.latest, self.court.clock.now)
        self.judge.look()
        for round_ in self.court.rounds:
            self._one_end_and_the_right_one(round_)

    def _one_end_and_the_right_one(self, round_: ApprovalRound) -> None:
        decisions = self.court.truth.approvals.decisions(TENANT, self.court.campaign_id, round_.n)
        if round_.status is RoundStatus.DECIDED:
            assert decisions
            assert round_.decided_at in {each.at for each in decisions}
            assert round_.decided_at < round_.expires_at
        if round_.status is RoundStatus.TIMED_OUT:
            assert round_.decided_at is not None
            assert round_.decided_at >= round_.expires_at, "ended before its time"
            if round_.n not in self.seen:  # the clocks of the two sides differ by seconds
                assert round_.decided_at <= self.court.clock.now + timedelta(seconds=10), (
                    "ended before its time had come"
                )
                self.seen.add(round_.n)
            assert outcome_of(round_, decisions) is None, "timed out although it was decided"
            assert round_.outcome == self._by_policy(round_, decisions), "not what the policy says"
        assert not round_.extended or self.on_timeout == "extend", "extended without being asked to"

    def _by_policy(self, round_: ApprovalRound, decisions: Any) -> Decision | None:
        """Return what the policy makes of a round: in words of its own, for rounds of whole answers."""
        if self.on_timeout != "approve":
            return None
        said = {each.decision for each in decisions}
        for strictest in (Decision.REJECTED, Decision.NEEDS_REVISION):
            if strictest in said:
                return strictest
        return Decision.APPROVED

    def teardown(self) -> None:
        if not hasattr(self, "court"):
            return
        try:
            self.court.clock.now = self.latest  # a clock that was set back is set right in the end
            self.judge.rest()
            self.everything_holds()
            self._counted(self.court.campaign)
            self._nobody_was_reminded_twice()
            self._extended_once()
            self._tell()
        finally:
            self.court.close()

    def _counted(self, campaign: Campaign) -> None:
        """The metric is what is stored, neither more nor less."""
        now = (campaign.completed_at or campaign.updated_at) + timedelta(minutes=1)
        reading = readings(self.court.truth, now=now)[TIMEOUTS.kind]
        ran_out = {
            round_.n
            for round_ in self.court.rounds
            if round_.status is RoundStatus.TIMED_OUT or (round_.extended and self.on_timeout == "extend")
        }
        lately = {
            round_.n
            for round_ in self.court.rounds
            if (round_.decided_at or round_.ran_out_at or campaign.created_at) > now - TIMEOUTS.window
            and (round_.status in {RoundStatus.DECIDED, RoundStatus.TIMED_OUT} or round_.n in ran_out)
        }
        assert (reading.part, reading.whole) == (len(ran_out & lately), len(lately))

    def _nobody_was_reminded_twice(self) -> None:
        for entry in self.court.truth.outbox.of(TENANT, self.court.campaign_id):
            if entry.kind == "reminder":
                round_ = self.court.rounds[entry.payload["round"] - 1]
                assert round_.opened_at <= entry.due_at < round_.expires_at

    def _extended_once(self) -> None:
        entries = self.court.truth.audit.entries(TENANT, self.court.campaign_id)
        told = Counter(each.round for each in entries if each.action == "round_extended")
        assert told == {round_.n: 1 for round_ in self.court.rounds if round_.extended}

    def _tell(self) -> None:
        """Say what this example came to; an example that came to nothing has shown nothing."""
        court, faults = self.court, self.court.table.faults
        ends = Counter(str(round_.status) for round_ in court.rounds)
        self.tally.update(examples=1, clicks=len(court.acks), faults=faults.total() + court.bell_faults)
        self.tally.update(f"told {ack.told}" for ack in court.acks)
        self.tally.update(ends)
        for told in sorted({ack.told for ack in court.acks}):
            event(f"told: {told}")
        for end in ends:
            event(f"a round was {end}")
        event(f"extended: {any(round_.extended for round_ in court.rounds)}")
        event(f"ended: {court.campaign.status}")
        if faults:
            event("faults")


TestDeadline = Deadline.TestCase
TestDeadline.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
