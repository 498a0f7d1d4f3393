"""Thousands of decisions while the store fails, answers get lost and the API is killed under them.

    python -m tests.approvals.check --only decisions

Ten approvers of each campaign decide at once, each through a process of their own: the same calls as
the door makes, on a real database. A process meets its planned fault somewhere between opening the
link and the receipt; whoever gets no receipt presses again, as people do, four times at most. Every
twentieth has a second device that says something else at the same moment. Afterwards another reader
recounts the database row by row.
"""

from __future__ import annotations

import json
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any, Final

from campaigns.approval.invitations import invitation
from campaigns.approval.rounds import decide
from campaigns.errors import AlreadyDecidedError, StoreUnavailableError
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.keys.links import ApprovalLink, LinkSigner
from campaigns.model.approval import DecisionRequest, PostDecision
from campaigns.model.vocabulary import Decision
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from tests.approvals.check import Plan, Row
from tests.approvals.court import RAM
from tests.approvals.faulty import FAULTS, Fault, FaultyTable, Killed
from tests.approvals.scene import NOW, Scene

APPROVERS: Final = 10  # as many as a campaign may have
AT_ONCE: Final = 8
PRESSES: Final = 4
BATCH: Final = 20
FAULTY: Final = 0.5
AGAIN: Final = 0.3  # of those, so many meet a second fault at their second try
RIVALS: Final = 0.05
LEAST: Final = 0.95


@dataclass(frozen=True, slots=True)
class Press:
    """One device of one approver: what it will say, and the faults its tries meet."""

    link: ApprovalLink
    comment: str
    posts: tuple[str, ...] = ()
    faults: tuple[tuple[Fault, int], ...] = ()


@dataclass(slots=True)
class Told:
    """What the person read in the end."""

    press: Press
    answer: str
    tries: int
    injected: Counter[str]


@dataclass
class Tally:
    """The figures of a run."""

    decisions: int = 0
    tries: int = 0
    succeeded: int = 0
    told_other_device: int = 0
    without_answer: int = 0
    doubled: int = 0
    acknowledged_and_lost: int = 0
    untruthful: int = 0
    faults_planned: int = 0
    faults_injected: Counter[str] = field(default_factory=Counter)

    def failures(self) -> list[str]:
        """Return every bar that was missed; one in which too little succeeded proves nothing."""
        missed = {
            f"at least {LEAST:.0%} succeed": self.succeeded < LEAST * self.decisions,
            "none doubled": self.doubled > 0,
            "none acknowledged and lost": self.acknowledged_and_lost > 0,
            "nobody told what is not so": self.untruthful > 0,
        }
        return [bar for bar, is_missed in missed.items() if is_missed]


class Desk:
    """The door of one database, as many processes as there are tries."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.db"
        self.table = SQLiteTable(self.path)
        self.signer = LinkSigner(KeyRing.parse(new_ring()))
        self.store = Store(self.table)
        self.scene = Scene(self.store, self.signer, folder)

    def ask(self, seed: str) -> tuple[list[ApprovalLink], tuple[str, ...]]:
        """Put a new campaign to its approvers; return their links, and the ids of the posts."""
        people = [{"name": f"Approver {n}", "email": f"a{n}@example.com"} for n in range(1, APPROVERS + 1)]
        scene = self.scene.another(seed).stand_up(posts=2, approvers=people, quorum="all")
        return [scene.link(n) for n in range(1, APPROVERS + 1)], tuple(post.id for post in scene.posts())

    def press(self, press: Press, *, now: datetime = NOW) -> Told:
        """Press until there is an answer, or patience is over."""
        faults = list(press.faults)
        injected: Counter[str] = Counter()
        attempt_id = press.comment
        for n in range(1, PRESSES + 1):
            table = FaultyTable(self.table)  # a fresh process: the one before may be dead
            if faults:
                kind, after = faults.pop(0)
                table.fail(kind, after=after)
            answer = self._try(table, press, attempt_id, now)
            injected += table.faults
            if answer is not None:
                return Told(press, answer, n, injected)
        return Told(press, "none", PRESSES, injected)

    def _try(self, table: FaultyTable, press: Press, attempt_id: str, now: datetime) -> str | None:
        store = Store(table)
        request = DecisionRequest(
            decision=Decision.APPROVED,
            comments=press.comment,
            callback_id=press.link.callback_id,
            posts={post: PostDecision(decision="approved") for post in press.posts},
        )
        try:
            found = invitation(store, self.signer.verify(press.link.token, now=now), now=now)
            voice = found.voice("link")
            decided = decide(store, found.round, voice, request, attempt_id=attempt_id, now=now)
        except AlreadyDecidedError:
            return "already"
        except (StoreUnavailableError, Killed):
            return None
        return "recorded" if decided.decision.comments == press.comment else "wrong words"

    def reach(self) -> int:
        """Return how often a click asks the database at least: a fault planned later might never happen."""
        asked: list[int] = []
        for link in self.ask("reach")[0]:
            table = FaultyTable(self.table)
            table.fail("down", after=1000)
            assert self._try(table, Press(link, "reach"), "reach-attempt", NOW) == "recorded"
            asked.append(1000 - table.skip)
        return min(asked)


def decisions(plan: Plan) -> Row:
    """Let `plan.decisions` people decide."""
    with tempfile.TemporaryDirectory(dir=RAM) as folder:
        tally = vote(plan.decisions, plan.seed, Path(folder))
    counts = f"{tally.tries:,} presses, {tally.doubled} doubled, {tally.acknowledged_and_lost} acknowledged and lost"
    return Row(
        "decisions under faults and kills",
        attempts=tally.decisions,
        successes=tally.succeeded,
        planned=tally.faults_planned,
        injected=tally.faults_injected.total(),
        note=f"{counts}; {dict(sorted(tally.faults_injected.items()))}",
        findings=tally.failures(),
    )


def vote(people: int, seed: int, folder: Path) -> Tally:
    """Let so many people decide on a database in this folder, and recount."""
    told, rows = ballot(people, seed, folder)
    return judge(told, rows)


def ballot(people: int, seed: int, folder: Path) -> tuple[list[Told], list[dict[str, Any]]]:
    """Let so many people decide; return what they were told, and the rows of the database afterwards."""
    chance = random.Random(seed)
    desk = Desk(folder)
    reach = desk.reach()
    told: list[Told] = []
    campaigns = ceil(people / APPROVERS)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, campaigns, BATCH):
            presses: list[Press] = []
            for n in range(start, min(start + BATCH, campaigns)):
                presses += _presses(*desk.ask(f"{seed}/{n}"), chance, reach)
            told += pool.map(desk.press, presses)
    return told, _rows(desk.path)


def _presses(
    links: Sequence[ApprovalLink], posts: tuple[str, ...], chance: random.Random, reach: int
) -> Iterable[Press]:
    for link in links:
        devices = 1 + (chance.random() < RIVALS)
        for device in range(devices):
            faults: list[tuple[Fault, int]] = []
            if chance.random() < FAULTY:
                # Whoever finds that the other device was faster asks the database less often.
                faults.append((chance.choice(FAULTS), chance.randrange(reach if devices == 1 else 2)))
                if chance.random() < AGAIN:
                    faults.append((chance.choice(FAULTS), 0))
            # The second device says it post by post: to the store that is another decision.
            yield Press(link, f"{link.token[-24:]} from device {device}", posts if device else (), tuple(faults))


# --- the recount: nothing of the product but its rows ---------------------------------------------------


def _rows(path: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(path) as database:
        return [json.loads(item) for (item,) in database.execute("SELECT item FROM items")]


def judge(told: Sequence[Told], rows: Sequence[dict[str, Any]]) -> Tally:
    """Compare what people were told with what the database holds."""
    bodies = [(row["kind"], json.loads(row["body"])) for row in rows if "body" in row]
    stored = [body for kind, body in bodies if kind == "decision"]
    said = Counter(body.get("comments") for body in stored)
    by_person = Counter((body["callbackId"], body["approverId"]) for body in stored)
    trail = Counter(
        (body["campaignId"], body["actor"]) for kind, body in bodies if kind == "audit" and body["action"] == "decided"
    )
    effects = Counter(
        (body["kind"], body["subjectId"], json.dumps(body["payload"], sort_keys=True))
        for kind, body in bodies
        if kind == "outbox" and body["kind"] in {"ring", "receipt"}
    )
    closed = sum(kind == "round" and body["status"] == "decided" for kind, body in bodies)
    rung = sum(n for (kind, *_), n in effects.items() if kind == "ring")

    tally = Tally()
    answers: dict[str, list[Told]] = {}
    for each in told:
        answers.setdefault(each.press.link.token, []).append(each)
        tally.tries += each.tries
        tally.faults_planned += len(each.press.faults)
        tally.faults_injected += each.injected
        tally.acknowledged_and_lost += each.answer == "recorded" and said[each.press.comment] != 1
        tally.untruthful += each.answer == "wrong words"
    tally.decisions = len(answers)
    for devices in answers.values():
        recorded = sum(each.answer == "recorded" for each in devices)
        tally.succeeded += recorded >= 1
        tally.doubled += recorded > 1
        tally.told_other_device += any(each.answer == "already" for each in devices)
        tally.without_answer += all(each.answer == "none" for each in devices)
        # "You have decided already" is true only of what another device of the same person said.
        others = any(said[each.press.comment] for each in devices if each.answer != "already")
        tally.untruthful += sum(each.answer == "already" for each in devices) if not others else 0
    tally.doubled += sum(n - 1 for counts in (by_person, trail, effects) for n in counts.values())
    tally.acknowledged_and_lost += max(0, closed - rung)  # a bell that is never rung
    return tally
