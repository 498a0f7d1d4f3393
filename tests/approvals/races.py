"""Two sides at the same moment, on a real store: one of them wins, and the other is told the truth.

The two sides are threads. In every second race both have read before either writes, which is the worst
case; in the others they run as they come. What counts as a fault injected is a moment in which both
really stood before their write.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError, local
from typing import Any

from campaigns.approval.expiry import expire
from campaigns.approval.rounds import decide
from campaigns.errors import AlreadyDecidedError, CampaignError, ConflictError, RoundClosedError, RoundExpiredError
from campaigns.keys.links import new_callback_id
from campaigns.model.approval import ApprovalRound, ApproverDecision, DecisionRequest
from campaigns.model.campaign import Move
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.store import Store
from campaigns.store.tables.dynamodb import DynamoDBTable
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Operation, Table
from deployments.local.aws_local import AwsLocal
from tests.approvals.check import Plan, Row
from tests.approvals.voices import by_link
from tests.dynamodb_table import create_table
from tests.store.samples import NOW, a_campaign, a_round

PATIENCE_SECONDS = 5.0
ROUNDS_OF_A_CAMPAIGN = 200
WHY = "Please say it in other words."


class MeetingTable:
    """A table before whose first write of a race both sides wait for each other."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._meeting: Barrier | None = None
        self._arrived = local()
        self.met = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def meet(self, together: bool) -> None:
        self._meeting = Barrier(2, self._count) if together else None

    def _count(self) -> None:
        self.met += 1

    def write(self, *operations: Operation) -> None:
        meeting = self._meeting
        if meeting is not None and getattr(self._arrived, "at", None) is not meeting:
            self._arrived.at = meeting
            # Broken: the other side had nothing to write, it came too late and was told so.
            with suppress(BrokenBarrierError):
                meeting.wait(PATIENCE_SECONDS)
        self._table.write(*operations)


Side = Callable[[], Any]


@dataclass
class Arena:
    """A store in which two threads meet, again and again, each time in a round of its own."""

    table: MeetingTable
    pool: ThreadPoolExecutor
    rounds: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    _campaign: Any = None

    @property
    def store(self) -> Store:
        return Store(self.table)  # passes on what it does not know

    def round(self, quorum: str = "any") -> ApprovalRound:
        """Open a round for two people."""
        store, n = self.store, self.rounds % ROUNDS_OF_A_CAMPAIGN + 1
        if n == 1:
            self._campaign = a_campaign()
            store.campaigns.create(self._campaign, actor="x", at=NOW)
        self.rounds += 1
        asked = a_round(self._campaign, n, approvers=2, callback_id=new_callback_id())
        asked = asked.model_copy(update={"quorum": quorum})
        return store.approvals.open_round(asked, actor="x", at=NOW)

    def run(self, one: Side, other: Side, *, together: bool) -> list[Any]:
        """Return what both sides came to: a value, or the error they were told."""
        self.table.meet(together)
        try:
            return [side.result() for side in [self.pool.submit(_outcome, one), self.pool.submit(_outcome, other)]]
        finally:
            self.table.meet(False)


def _outcome(side: Side) -> Any:
    try:
        return side()
    except CampaignError as error:
        return error


def saying(
    arena: Arena, round_: ApprovalRound, who: int, decision: str, *, attempt: str = "", at: datetime = NOW
) -> Side:
    asked = round_.approvers[who]
    request = DecisionRequest(
        decision=Decision(decision), comments="" if decision == "approved" else WHY, callback_id=round_.callback_id
    )
    voice = by_link(round_, who + 1)
    attempt_id = attempt or f"attempt-{asked.id}-{decision}"
    return lambda: decide(arena.store, round_, voice, request, attempt_id=attempt_id, now=at).decision


def stored(arena: Arena, round_: ApprovalRound) -> tuple[ApprovalRound, list[ApproverDecision]]:
    where = (round_.tenant_id, round_.campaign_id, round_.n)
    return arena.store.approvals.round(*where), arena.store.approvals.decisions(*where)


def is_told(error: Any, by: ApproverDecision) -> bool:
    """Whether the loser is told who decided what, and when."""
    said = (by.decision, by.decided_by, by.at.isoformat())
    return isinstance(error, AlreadyDecidedError) and said == tuple(
        error.details[name] for name in ("decision", "decidedBy", "at")
    )


# --- the races -------------------------------------------------------------------------------------------


def two_people_of_different_minds(arena: Arena, together: bool) -> bool:
    round_ = arena.round()
    sides = (saying(arena, round_, 0, "approved"), saying(arena, round_, 1, "rejected"))
    told = arena.run(*sides, together=together)
    after, decisions = stored(arena, round_)
    won = [each for each in told if isinstance(each, ApproverDecision)]
    lost = [each for each in told if isinstance(each, CampaignError)]
    return (
        won == decisions
        and len(won) == len(lost) == 1
        and is_told(lost[0], won[0])
        and (after.status, after.outcome) == (RoundStatus.DECIDED, won[0].decision)
    )


def one_person_of_two_minds(arena: Arena, together: bool) -> bool:
    """Two windows, two answers."""
    round_ = arena.round()
    told = arena.run(
        saying(arena, round_, 0, "approved", attempt="attempt-one"),
        saying(arena, round_, 0, "needs_revision", attempt="attempt-two"),
        together=together,
    )
    _, decisions = stored(arena, round_)
    lost = [each for each in told if isinstance(each, CampaignError)]
    return len(decisions) == len(lost) == 1 and decisions[0] in told and is_told(lost[0], decisions[0])


def one_form_sent_twice(arena: Arena, together: bool) -> bool:
    """A double click: both are told the same, and it is noted once."""
    round_ = arena.round()
    before = len(arena.store.audit.entries(round_.tenant_id, round_.campaign_id))
    told = arena.run(*[saying(arena, round_, 0, "approved") for _ in range(2)], together=together)
    _, decisions = stored(arena, round_)
    after = len(arena.store.audit.entries(round_.tenant_id, round_.campaign_id))
    return told == [*decisions, *decisions] and len(decisions) == 1 and after == before + 1


def two_people_who_complete_the_quorum(arena: Arena, together: bool) -> bool:
    """Both are needed: both are heard, and the round closes once, with what the stricter one said."""
    round_ = arena.round(quorum="all")
    sides = (saying(arena, round_, 0, "approved"), saying(arena, round_, 1, "needs_revision"))
    told = arena.run(*sides, together=together)
    after, decisions = stored(arena, round_)
    heard = len(decisions) == 2 and all(each in told for each in decisions)
    return heard and (after.status, after.outcome) == (RoundStatus.DECIDED, Decision.NEEDS_REVISION)


def a_person_and_the_reaper(arena: Arena, together: bool) -> bool:
    """Clocks a second apart: decided or timed out, never both."""
    round_ = arena.round()
    end, second = round_.expires_at, timedelta(seconds=1)
    told = arena.run(
        saying(arena, round_, 0, "approved", at=end - second),
        lambda: expire(arena.store, round_, end),
        together=together,
    )
    after, decisions = stored(arena, round_)
    if after.status is RoundStatus.DECIDED:
        return decisions == [told[0]] and told[1] is None
    return after.status is RoundStatus.TIMED_OUT and not decisions and isinstance(told[0], RoundExpiredError)


def a_person_and_a_cancellation(arena: Arena, together: bool) -> bool:
    """Approved or cancelled: who loses is told, and nothing is both."""
    arena.rounds = 0  # a campaign that may end here
    round_ = arena.round()
    store, where = arena.store, (round_.tenant_id, round_.campaign_id)
    for to in (CampaignStatus.GENERATING, CampaignStatus.AWAITING_REVIEW):
        store.campaigns.move(*where, Move(to, "x", "x", NOW))

    def cancel() -> Any:
        return store.campaigns.move(*where, Move(CampaignStatus.CANCELLED, "op", "x", NOW))

    told = arena.run(saying(arena, round_, 0, "approved"), cancel, together=together)
    arena.rounds = 0
    after, decisions = stored(arena, round_)
    if after.status is RoundStatus.DECIDED:
        return decisions == [told[0]] and isinstance(told[1], ConflictError)
    return after.status is RoundStatus.CANCELLED and not decisions and isinstance(told[0], RoundClosedError)


Race = Callable[[Arena, bool], bool]
RACES: Sequence[Race] = (
    # Half of all are the first kind.
    *[two_people_of_different_minds] * 5,
    one_person_of_two_minds, one_form_sent_twice, two_people_who_complete_the_quorum,
    a_person_and_the_reaper, a_person_and_a_cancellation,
)  # fmt: skip


@contextmanager
def arena_on(table: Table) -> Iterator[Arena]:
    with ThreadPoolExecutor(2) as pool:
        yield Arena(MeetingTable(table), pool)


def held(arena: Arena, count: int, row: Row) -> Row:
    """Hold so many races, every second one with both sides before their write at the same time."""
    row.planned = count // 2
    for number in range(count):
        race = RACES[number // 2 % len(RACES)]
        arena.kinds[race.__name__] += 1
        row.tried(race(arena, number % 2 == 0), f"race {number}: {race.__name__}")
    row.injected = arena.table.met
    row.note = f"{len(arena.kinds)} kinds; faults: both before their write at once"
    return row


def races(plan: Plan) -> Row:
    """So many races of two threads on SQLite."""
    with tempfile.TemporaryDirectory() as folder, arena_on(SQLiteTable(Path(folder) / "store.db")) as arena:
        return held(arena, plan.races, Row("races: two sides, SQLite"))


def races_on_dynamodb(plan: Plan) -> Row:
    """A share of them on the DynamoDB emulator."""
    with AwsLocal() as aws:
        client = aws.session("100000000001").client("dynamodb", endpoint_url=aws.endpoint_url)
        create_table(client, "races")
        with arena_on(DynamoDBTable(client, "races")) as arena:
            return held(arena, max(2 * len(RACES), plan.races // 25), Row("races: two sides, DynamoDB emulator"))
