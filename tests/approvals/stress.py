"""Several processes act on the same campaigns at once, are killed, and the raw items are recounted.

    python -m tests.approvals.stress --seed 1 --campaigns 25
    python -m tests.approvals.stress --batch 1/3 --dynamodb      one batch of a run again, as a finding names it

A batch is a store of its own with some campaigns in it. Time is the director's: it goes on between the
ticks, so that rounds settle and run out. In each tick, people, operators, housekeeping and runs act on every
campaign, each in a process of its own; their clocks differ by a second or two. An act may be killed at one of
its accesses to the store, lose an answer, or be held there until the others have written, or for some
ticks. At the end all is left alone until it comes to rest. `recount` then looks at what is stored.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

from tests.approvals import recount
from tests.approvals.check import Plan, Row

START: Final = datetime(2027, 3, 8, 12, 0, tzinfo=UTC)
ACTORS: Final = 4
BATCH: Final = 25
TICKS: Final = 14
LOOK_EVERY: Final = 5
PATIENCE_SECONDS: Final = 300.0

TROUBLES: Final = {"killed before": 4, "killed after": 4, "down": 2, "lost": 2, "held": 14}
TROUBLED: Final = 0.35
KILLED_WHILE_HELD: Final = 0.15
LATE: Final = 0.4
"""Of what is taken back: held until two ticks later."""
FAULTS_A_CAMPAIGN: Final = 2
"""So many kills, losses and holds must have happened on average, or the run has shown nothing."""
RARE: Final = 50
"""One act of each kind succeeds in so many campaigns at least; reopening and the like need a history."""

ACTS: Final[Mapping[str, Mapping[str, int]]] = {
    "open": {
        "decide": 24, "page": 6, "stale": 5, "replay": 7, "undo": 10, "revoke": 6, "replace": 6, "renew": 4,
        "extend": 4, "edit": 9, "decide_for": 5, "regenerate": 2, "resend": 2, "cancel": 1, "fail": 2,
        "run": 8, "own_words": 7, "own_time": 4,
    },
    "decided": {
        "undo": 24, "replay": 8, "stale": 4, "decide": 4, "run": 34, "edit": 1, "replace": 1, "revoke": 1, "cancel": 2,
        "fail": 1,
    },
    "not asked": {"run": 12, "replay": 1, "stale": 1, "edit": 1, "cancel": 1},
    "approval_timeout": {"reopen": 12, "run": 2, "replay": 1, "stale": 1, "decide_for": 1},
    "failed": {"retry": 12, "run": 2, "replay": 1, "stale": 1},
    "over": {"run": 2, "replay": 2, "stale": 1, "undo": 1},
}  # fmt: skip
"""What is done in which state of a campaign, and how often."""
OWN: Final = {"own_words", "own_time"}
"""What approvers do where they may change posts; elsewhere they decide."""
TOGETHER: Final[Sequence[Sequence[str]]] = (
    ("revoke", "revoke"), ("replace", "replace"), ("revoke", "decide"), ("revoke", "decide", "decide"),
    ("renew", "revoke"), ("undo", "run", "run"), ("undo", "undo"), ("undo", "replay"), ("edit", "decide"),
    ("edit", "stale"), ("decide", "decide", "decide"), ("decide", "decide_for"), ("extend", "sweep"),
    ("decide", "sweep"), ("undo", "sweep"), ("undo", "replace"), ("cancel", "decide"), ("replace", "stale"),
    ("renew", "decide"), ("replace", "decide"), ("replace", "replay"),
    ("own_words", "decide"), ("own_words", "own_words"), ("own_words", "undo"), ("own_time", "decide"),
    ("own_words", "revoke"), ("own_words", "sweep"), ("own_time", "own_words", "undo"),
    ("regenerate", "decide"), ("revoke", "undo"), ("revoke", "sweep"), ("edit", "edit"),
)  # fmt: skip


@dataclass
class Staged:
    """A campaign on stage, and what the director knows of it."""

    seed: str
    id: str
    terms: Mapping[str, Any]
    status: str = "generating"
    state: str = "not asked"
    acts: list[dict[str, Any]] = field(default_factory=list)
    wishes: list[dict[str, Any]] = field(default_factory=list)

    def answered(self) -> list[dict[str, Any]]:
        """The acts that sent an answer of a person, whatever became of them."""
        return [act for act in self.acts if act["prepared"].get("token") and act["kind"] != "undo"]

    def renewed(self) -> list[dict[str, Any]]:
        """The acts that made a link worthless which was mailed before."""
        orders = {"replace", "renew"}
        return [act for act in self.acts if act["kind"] in orders and act["prepared"].get("mailed")]


class Cast:
    """The processes that act; one that is dead or held is replaced by another."""

    def __init__(self, client_of: Callable[[], Any] | None) -> None:
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(["tests.approvals.stress_ready"])
        self._client_of = client_of
        self._free: list[tuple[Connection, Any]] = []
        self._busy: dict[Connection, tuple[Any, dict[str, Any]]] = {}
        self._held: list[tuple[Connection, Any, dict[str, Any]]] = []
        self.order = 0
        self.met: Counter[str] = Counter()

    def _count(self) -> int:
        self.order += 1
        return self.order

    def perform(self, acts: Sequence[dict[str, Any]]) -> None:
        """Do all acts, several at a time; those that are held stay behind."""
        waiting = list(acts)[::-1]
        while waiting or self._busy:
            while waiting and len(self._busy) < ACTORS:
                self._begin(waiting.pop())
            self._listen()

    def _begin(self, act: dict[str, Any]) -> None:
        connection, process = self._free.pop() if self._free else self._another()
        act["began"] = self._count()
        connection.send(
            {name: act[name] for name in ("id", "kind", "campaign", "now", "place", "with", "trouble", "reason")}
        )
        self._busy[connection] = (process, act)

    def _another(self) -> tuple[Connection, Any]:
        from tests.approvals.stress_acts import be_an_actor

        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=be_an_actor, args=(theirs, self._client_of), daemon=True)
        process.start()
        theirs.close()
        return ours, process

    def _listen(self) -> None:
        ready = wait(list(self._busy), PATIENCE_SECONDS)
        if not ready:
            stuck = [act["kind"] for _, act in self._busy.values()]
            raise TimeoutError(f"nothing was heard for {PATIENCE_SECONDS:.0f} seconds from {stuck}")
        for connection in ready:
            assert isinstance(connection, Connection)
            self._hear(connection)

    def _hear(self, connection: Connection) -> None:
        process, act = self._busy[connection]
        try:
            what, said = connection.recv()
        except (EOFError, ConnectionResetError):
            del self._busy[connection]
            self._gone(connection, process, act)
            return
        match what:
            case "prepared":
                act["prepared"] = {**said, "minted": said.get("minted", self._count())}
                if "mailed" in said:  # if this act is carried out, the link was replaced by it at the latest
                    said["mailed"] |= {"minted": act["prepared"]["minted"], "replacedBy": act["id"]}
            case "met":
                self.met[said["how"]] += 1
            case "held":
                del self._busy[connection]
                self._held.append((connection, process, act))
            case "done":
                del self._busy[connection]
                self._over(act, said)
                self._free.append((connection, process))

    def _over(self, act: dict[str, Any], said: dict[str, Any]) -> None:
        act |= {"ended": self._count(), "said": said, "result": said["result"]}

    def _gone(self, connection: Connection, process: Any, act: dict[str, Any]) -> None:
        process.join()
        connection.close()
        act |= {"ended": self._count(), "said": {}, "result": "unknown"}

    def let_go(self, tick: int, chance: random.Random) -> None:
        """Let those go on that were held long enough; some are killed where they stand."""
        for held in [each for each in self._held if each[2]["until"] <= tick]:
            connection, process, act = held
            self._held.remove(held)
            if chance.random() < KILLED_WHILE_HELD:
                self.met["killed while held"] += 1
                process.kill()
                self._gone(connection, process, act)
                continue
            connection.send("go on")
            self._busy[connection] = (process, act)
        while self._busy:
            self._listen()

    def leave(self) -> None:
        for connection, process in [*self._free, *[each[:2] for each in self._held]]:
            process.kill()
            process.join()
            connection.close()
        self._free, self._held = [], []


@dataclass
class Batch:
    """Some campaigns in a store of their own, from their first round to their rest."""

    seed: str
    place: str
    campaigns: list[Staged]
    read: Callable[[], list[recount.Item]]
    cast: Cast
    now: datetime = START
    numbers: int = 0
    findings: dict[str, list[str]] = field(default_factory=dict)

    def play(self) -> None:
        chance = random.Random(self.seed)
        for tick in range(TICKS):
            acts: list[dict[str, Any]] = []
            for staged in self.campaigns:
                acts += self._acts(staged, tick)
            acts.insert(chance.randrange(len(acts) + 1), self._act(self.campaigns[0], "sweep", tick, chance))
            self.cast.perform(acts)
            self.cast.let_go(tick, chance)
            self._look(looks=(tick + 1) % LOOK_EVERY == 0)
            self.now += chance.choice(
                [timedelta(seconds=chance.randrange(1, 40))] * 6
                + [timedelta(seconds=chance.randrange(40, 400))] * 3
                + [timedelta(hours=chance.randrange(1, 12)), timedelta(hours=chance.randrange(12, 60))]
            )
        self.cast.let_go(TICKS + 9, chance)
        for pause in [timedelta(minutes=10)] * 4 + [timedelta(hours=50)] * 9:
            if pause > timedelta(hours=1) and not self.findings.get("rest"):
                self._look(looks=True, at_the_end=True)
            self.now += pause
            self._leave_alone(chance)
        self._look(looks=True, at_the_end=True, over=True)

    def _leave_alone(self, chance: random.Random) -> None:
        self.cast.perform([self._act(self.campaigns[0], "sweep", 0, chance, calm=True)])
        at_work = [each for each in self.campaigns if each.status not in recount.AT_REST]
        self.cast.perform([self._act(each, "run", 0, chance, calm=True) for each in at_work])
        self._look(looks=False)

    def _acts(self, staged: Staged, tick: int) -> list[dict[str, Any]]:
        chance = random.Random(f"{staged.seed}/{tick}")
        if staged.state == "open" and chance.random() < 0.4:
            kinds = list(chance.choice(TOGETHER))
        elif staged.state == "over":
            kinds = chance.choices(list(ACTS["over"]), list(ACTS["over"].values()), k=chance.random() < 0.2)
        else:
            weights = ACTS[staged.state]
            kinds = chance.choices(list(weights), list(weights.values()), k=chance.choice((1, 1, 2, 3)))
        chance.shuffle(kinds)
        acts = [self._act(staged, kind, tick, chance) for kind in kinds]
        for late in [act for act in acts if act["kind"] == "undo" and chance.random() < LATE]:
            # Begun in time, and written when the run has taken the decision for good.
            late |= {"trouble": {"how": "held", "writes": True, "after": 0}, "until": tick + 2}
        return acts

    def _act(
        self, staged: Staged, kind: str, tick: int, chance: random.Random, *, calm: bool = False
    ) -> dict[str, Any]:
        self.numbers += 1
        id_ = f"{self.numbers:05d}"
        skew = timedelta(seconds=chance.uniform(-2, 2))
        # Its own instant: whatever an act leaves in the trail is known by it.
        now = (self.now + skew).replace(microsecond=0) + timedelta(microseconds=self.numbers)
        trouble = None
        if not calm and chance.random() < TROUBLED:
            how = chance.choices(list(TROUBLES), list(TROUBLES.values()))[0]
            writes = chance.random() < 0.7
            trouble = {
                "how": how,
                "writes": writes,
                "after": chance.choice((0, 0, 0, 1, 2)) if writes else chance.randrange(14),
            }
        act = {
            "id": id_, "kind": kind, "campaign": staged.id, "place": self.place, "reason": f"order {id_}",
            "now": now.isoformat(timespec="microseconds"), "trouble": trouble,
            "with": self._wanted(staged, kind, chance), "until": tick + chance.choice((0, 0, 0, 1, 2)),
            "began": 0, "ended": 0, "prepared": {}, "said": {}, "result": "unknown",
        }  # fmt: skip
        if act["kind"] in OWN and not staged.terms.get("allow_edits"):
            act["kind"] = "decide"
        if act["kind"] == "decide" and staged.terms["require_otp"] and chance.random() < 0.8:
            act["kind"] = "page"
        if act["with"] is None:  # nobody has answered yet whose answer could be repeated, or taken back
            instead = "decide" if staged.state == "open" else "run"
            act |= {"kind": instead, "with": self._wanted(staged, instead, chance)}
        staged.acts.append(act)
        return act

    def _wanted(self, staged: Staged, kind: str, chance: random.Random) -> dict[str, Any] | None:
        wanted: dict[str, Any] = {
            "who": chance.randrange(4),
            "decision": chance.choices(("approved", "needs_revision", "rejected"), (60, 32, 8))[0],
            "attempt": chance.random() < 0.8,
            "digest": chance.random() < 0.5,
            "single": chance.random() < 0.5,
            "right_code": chance.random() < 0.8,
            "silent": chance.random() < 0.7,
            "for_one": chance.random() < 0.6,
            "hours": chance.choice((1, 12, 30)),
            "post": chance.randrange(1, 4),
        }
        answered = staged.answered()
        if kind == "replay":
            sent = [act["prepared"] for act in answered if "body" in act["prepared"]]
            return {"again": chance.choice(sent[-6:])} if sent else None
        if kind in {"undo", "stale"}:
            settle = timedelta(seconds=staged.terms["settle_seconds"] or 3)
            in_time = [act for act in answered if datetime.fromisoformat(act["now"]) + settle > self.now]
            recent = [act for act in in_time if act["result"] == "ok"] if kind == "undo" else answered
            if not recent:
                return None
            link = chance.choice(recent[-3:])["prepared"]
            if kind == "stale" and (replaced := [act["prepared"]["mailed"] for act in staged.renewed()]):
                link = chance.choice([link, replaced[-1]])
            kept = ("token", "url", "callbackId", "approver", "email", "round", "digest", "minted", "replacedBy")
            wanted["link"] = {name: link[name] for name in kept if name in link}
        return wanted

    def _look(self, *, looks: bool, at_the_end: bool = False, over: bool = False) -> None:
        """Read everything as it is stored; what must always hold is recounted now and then."""
        items = recount.by_campaign(self.read())
        for staged in self.campaigns:
            mine = items[staged.id]
            staged.status, staged.state = _state_of(mine)
            if not looks or staged.seed in self.findings:
                continue
            acts = staged.acts
            found = recount.violations(mine, acts, at_the_end=at_the_end, now=self.now)
            if over and staged.status not in recount.AT_REST:
                found.append(f"after {self.now - START} the campaign is {staged.status}")
            if found:
                self.findings[staged.seed] = [*found, *_evidence(mine, acts)]


def _state_of(items: Sequence[recount.Item]) -> tuple[str, str]:
    bodies = [(item["kind"], json.loads(item["body"])) for item in items if item["kind"] in {"campaign", "round"}]
    status = next(str(body["status"]) for kind, body in bodies if kind == "campaign")
    if status in recount.AT_REST:
        return status, status if status in ACTS else "over"
    if status != "awaiting_review":
        return status, "not asked"
    is_open = any(body["status"] == "pending" for kind, body in bodies if kind == "round")
    return status, "open" if is_open else "decided"


def _evidence(items: Sequence[recount.Item], acts: Sequence[Mapping[str, Any]]) -> list[str]:
    """The acts in their order and the raw items of a campaign, for whoever looks for the cause."""
    told = []
    for act in sorted(acts, key=lambda act: act["began"]):
        known = ("approver", "round", "decision", "answer", "old")
        about = {name: act["prepared"][name] for name in known if name in act["prepared"]}
        trouble = act["trouble"] or {}
        met = (
            f" [{trouble['how']} at {'write' if trouble['writes'] else 'access'} {trouble['after']}]" if trouble else ""
        )
        known = ("code", "status", "decidedAt", "outcome", "why", "ended")
        said = {name: act["said"][name] for name in known if name in act["said"]}
        when = f"{act['began']:>6}-{act['ended']:<6} {act['now'][5:]}"
        told.append(f"  {when} {act['kind']} {act['id']} {about}{met} -> {act['result']} {said}")
    shown = {"campaign", "round", "decision", "audit"}
    raw = [f"  {item['sk']}: {item['body']}" for item in items if item["kind"] in shown]
    return ["acts, in order:", *told, "items:", *raw]


# --- a run -----------------------------------------------------------------------------------------------------------


def terms_of(seed: str) -> tuple[dict[str, Any], str]:
    """What was agreed for a campaign, and who asked for it."""
    chance = random.Random(seed)
    count = chance.choice((1, 2, 2, 3, 3, 3, 4))
    people = [{"name": f"Approver {n}", "email": f"a{n}@example.com"} for n in range(1, count + 1)]
    own = count > 1 and chance.random() < 0.3
    terms = {
        "approvers": people,
        "quorum": chance.choice(("any", "all", "all", "all", "2", "3")) if count > 1 else "any",
        "collect_all": chance.random() < 0.2,
        "expires_in_hours": chance.choice((2, 8, 24, 48)),
        "on_timeout": chance.choice(("reject", "approve", "extend")),
        "settle_seconds": chance.choice((0, 60, 180, 180, 600)),
        "prevent_self_approval": own,
        "require_otp": chance.random() < 0.15,
        "max_revision_rounds": chance.choice((0, 1, 2, 3)),
    }
    if int(terms["quorum"]) > count if str(terms["quorum"]).isdigit() else False:
        terms["quorum"] = "all"
    if chance.random() < 0.4:
        terms |= {"allow_edits": True, "allow_moves": True}
    if not own and chance.random() < 0.35:
        terms = in_stages(terms, chance)
    return terms, "a1@example.com" if own else "marta@fernwood.example"


def in_stages(terms: Mapping[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same terms in two or three stages, each with people, quorum and time of its own."""
    whole = ("settle_seconds", "require_otp", "max_revision_rounds", "allow_edits", "allow_moves")
    stages = []
    for number in range(1, chance.choice((2, 2, 3)) + 1):
        count = chance.choice((1, 2, 2))
        people = [{"name": f"Stage {number} {n}", "email": f"s{number}a{n}@example.com"} for n in range(1, count + 1)]
        own = {
            "approvers": people,
            "quorum": chance.choice(("any", "all")),
            "expiresInHours": chance.choice((8, 24, 48)),
            "onTimeout": chance.choice(("reject", "approve", "extend")),
        }
        stages.append({"name": f"Stage {number}", **own})
    return {**{name: terms[name] for name in whole if name in terms}, "stages": stages}


@contextmanager
def settings() -> Iterator[Path]:
    """Settings of a product of its own, in memory, for this process and those that it starts."""
    from tests.approvals.scene import a_scene
    from tests.approvals.stress_acts import BASE

    ram = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=ram) as folder, a_scene(Path(folder), base_url=BASE):
        (Path(folder) / "checkpoints").mkdir()
        yield Path(folder)


@dataclass(frozen=True)
class Places:
    """Where a batch lies: SQLite files of a folder, or tables of an emulator."""

    folder: Path
    client_of: Callable[[], Any] | None = None

    def open(self, number: int) -> tuple[str, Any, Callable[[], list[recount.Item]]]:
        from tests.approvals.stress_acts import open_table
        from tests.dynamodb_table import create_table

        if self.client_of is None:
            file = self.folder / f"batch-{number}.db"
            return f"sqlite:{file}", open_table(f"sqlite:{file}"), lambda: recount.items_of_sqlite(file)
        name, client = f"batch-{number}", self.client_of()
        create_table(client, name)
        return (
            f"dynamodb:{name}",
            open_table(f"dynamodb:{name}", client),
            lambda: recount.items_of_dynamodb(client, name),
        )


def stage(seed: str, size: int, places: Places, number: int, cast: Cast) -> Batch:
    from tests.approvals.stress_acts import put_on_stage

    place, table, read = places.open(number)
    campaigns = []
    for n in range(size):
        terms, requester = terms_of(f"{seed}/{n}")
        id_ = put_on_stage(table, f"{seed}/{n}", terms, requester)
        campaigns.append(Staged(f"{seed}/{n}", id_, terms))
    return Batch(seed, place, campaigns, read, cast)


def run(row: Row, places: Places, seeds: Sequence[str], sizes: Sequence[int], *, verbose: bool = False) -> Row:
    """Play the batches and fill in the row: a campaign is an attempt."""
    cast, done = Cast(places.client_of), Counter[str]()
    asked: Counter[str] = Counter()
    try:
        for number, (seed, size) in enumerate(zip(seeds, sizes, strict=True)):
            started = time.monotonic()
            batch = stage(seed, size, places, number, cast)
            batch.play()
            for staged in batch.campaigns:
                found = batch.findings.get(staged.seed, [])
                row.tried(not found, f"campaign {staged.seed} (again: --batch {seed}): " + "\n    ".join(found))
                asked.update(act["kind"] for act in staged.acts)
                done.update(act["kind"] for act in staged.acts if act["result"] == "ok")
            if verbose:
                took = time.monotonic() - started
                told = f"{size} campaigns, {batch.numbers} acts, {len(batch.findings)} with findings, {took:.1f} s"
                print(f"batch {seed}: {told}", flush=True)
    finally:
        cast.leave()
    row.planned, row.injected = FAULTS_A_CAMPAIGN * sum(sizes), cast.met.total()
    least = sum(sizes) // RARE
    needed = {kind: least for weights in ACTS.values() for kind in weights} | {"sweep": least}
    needed |= dict.fromkeys(OWN, least // 4)  # two campaigns of five let their approvers do it
    row.findings += [
        f"only {done[kind]} of {asked[kind]} acts {kind} succeeded, {needed[kind]} are needed"
        for kind in sorted(needed)
        if done[kind] < needed[kind]
    ]
    row.findings += [f"nobody was {how}" for how in TROUBLES if cast.met[how] < least]
    row.note = (
        f"seeds {seeds[0]}…{seeds[-1]}; {asked.total():,} acts, {done.total():,} done; {dict(sorted(cast.met.items()))}"
    )
    if verbose:
        print("done of asked:", {kind: f"{done[kind]}/{asked[kind]}" for kind in sorted(asked)})
    return row


def _sizes(campaigns: int) -> list[int]:
    return [min(BATCH, campaigns - start) for start in range(0, campaigns, BATCH)]


def on_sqlite(plan: Plan, seeds: Sequence[str] = (), *, verbose: bool = False) -> Row:
    """So many campaigns, each acted on by several processes at once, on SQLite."""
    sizes = _sizes(plan.campaigns) if not seeds else [BATCH] * len(seeds)
    with settings() as folder:
        names = seeds or [f"{plan.seed}/{n}" for n in range(len(sizes))]
        return run(Row("stress: processes, SQLite"), Places(folder), names, sizes, verbose=verbose)


class ClientOf:
    """Makes a client of the emulator, in whatever process."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self) -> Any:
        from botocore.config import Config

        from tests.approvals.stress_acts import aws_session

        return aws_session().client(
            "dynamodb", endpoint_url=self._url, config=Config(retries={"mode": "standard", "total_max_attempts": 5})
        )


def on_dynamodb(plan: Plan, seeds: Sequence[str] = (), *, verbose: bool = False, share: float = 0.4) -> Row:
    """So large a share of them on the DynamoDB emulator."""
    from deployments.local.aws_local import AwsLocal

    sizes = _sizes(ceil(plan.campaigns * share)) if not seeds else [BATCH] * len(seeds)
    with settings() as folder, AwsLocal() as aws:
        names = seeds or [f"{plan.seed}/{n}" for n in range(len(sizes))]
        places = Places(folder, ClientOf(aws.endpoint_url))
        return run(Row("stress: processes, DynamoDB emulator"), places, names, sizes, verbose=verbose)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.approvals.stress", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--campaigns", type=int, default=Plan().campaigns)
    parser.add_argument(
        "--batch", action="append", default=[], help="only this batch, by the seed that a finding names"
    )
    parser.add_argument("--dynamodb", action="store_true")
    parser.add_argument("--full", type=int, default=1, help="so many findings are printed with acts and items")
    options = parser.parse_args(arguments)
    check = partial(on_dynamodb, share=1) if options.dynamodb else on_sqlite
    row = check(Plan(campaigns=options.campaigns, seed=options.seed), options.batch, verbose=True)
    for number, complaint in enumerate(row.complaints):
        print(complaint if number < options.full else complaint.partition("\n    acts, in order:")[0], flush=True)
    print(f"{row.attempts} campaigns, {row.successes} without a finding")
    print(f"{row.injected} faults of at least {row.planned}; {row.note}")
    return int(bool(row.complaints))


if __name__ == "__main__":
    sys.exit(main())
