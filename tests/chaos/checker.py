"""Recounts what became of each campaign, from the store's own file and the effects log: believes no step's word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from campaigns.operations.watching.consistency import check
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from tests.chaos.arena import TENANT, Arena
from tests.chaos.calls import Calls, Heal, count_calls
from tests.chaos.story import Story

_OUTCOME: Final = {"approved": "completed", "rejected": "rejected", "revise": "completed", "stages": "completed"}
_WAITING_FOR_US: Final = ("accepted", "decided", "ordered")
WORKER_KILLED: Final = "worker killed"
OUTLIVES: Final = 5.0
"""Seconds that a process may outlive its worker."""


@dataclass
class Verdict:
    """What is wrong with one campaign; lists of what was found, empty: nothing.

    `recovery`: seconds from the end of each fault until past the gate; `agreement`: from the end of the campaign, or
    of what kept its run away, until Prefect said of the run what the store says.
    """

    story: Story
    lost: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    repeated: int = 0
    in_flight: int = 0
    needless: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    inconsistent: list[str] = field(default_factory=list)
    recovery: dict[str, float] = field(default_factory=dict)
    agreement: float = 0.0

    @property
    def faults(self) -> list[str]:
        return [
            *(f"lost: {each}" for each in self.lost),
            *(f"changed: {each}" for each in self.changed),
            *(f"called for nothing: {each}" for each in self.needless),
            *(f"doubled: {each}" for each in self.doubled),
            *(f"stuck: {each}" for each in self.stuck),
            *(f"inconsistent: {each}" for each in self.inconsistent),
        ]


def recount(arena: Arena, stories: Sequence[Story], heals: Sequence[Heal]) -> list[Verdict]:
    """Return a verdict for each story.

    Args:
        heals: every outage that struck all campaigns. The death of a worker is one: whatever it runs loses its output,
            and dies of that. A server that stalled by itself is another.
    """
    heals = [*heals, *arena.stalls, *((at - 1, at, WORKER_KILLED) for at, who in arena.deaths if who == "worker")]
    effects = arena.effects()
    by_campaign: dict[str, list[dict[str, Any]]] = {}
    everybodys = [each for each in effects if each["kind"] == "fault" and each["campaign"] is None]
    for each in effects:
        by_campaign.setdefault(each.get("campaign") or "", []).append(each)
    verdicts = []
    for story in stories:
        mine = by_campaign.get(story.campaign_id, []) if story.campaign_id else []
        mine += [each for each in by_campaign.get("", []) if each.get("scenario") == story.tag]
        builders = {each["pid"] for each in mine if each["kind"] == "asked"}
        mine += [each for each in everybodys if each["pid"] in builders]
        verdicts.append(_verdict(arena, story, sorted(mine, key=lambda each: each["at"]), heals))
    return verdicts


def _verdict(arena: Arena, story: Story, effects: list[dict[str, Any]], heals: Sequence[Heal]) -> Verdict:
    verdict = Verdict(story)
    if story.stuck:
        verdict.stuck.append(story.stuck)
    items = arena.items(story.campaign_id) if story.campaign_id else {}
    if not items:
        verdict.lost.append("the campaign itself")
        return verdict
    _posts(story, items, effects, verdict)
    _decisions(story, items, verdict)
    _notices(story, items, effects, verdict)
    store = Store(SQLiteTable(arena.home / "store.db"))
    campaign = store.campaigns.get(TENANT, story.campaign_id)
    # A process whose worker died lives on until its next line of output, and may call the model meanwhile.
    lingering = [(begin, end + (name == WORKER_KILLED) * OUTLIVES, name) for begin, end, name in heals]
    answered = arena.model.calls[story.name] - arena.model.faults[story.name]
    _calls(story, effects, count_calls(effects, lingering), verdict, answered=answered, booked=campaign.usage.calls)
    _recovery(story, effects, heals, verdict, pauses=_pauses(items))
    verdict.inconsistent += [f"{each.code}: {each.found}" for each in check(store, campaign, now=datetime.now(UTC))]
    if not story.stuck and items["campaign"]["status"] != _OUTCOME[story.path]:
        verdict.stuck.append(f"ended as {items['campaign']['status']}")
    return verdict


def _words(item: dict[str, Any]) -> str | None:
    return (item.get("content") or {}).get("text")


def _posts(story: Story, items: dict[str, Any], effects: Iterable[dict[str, Any]], verdict: Verdict) -> None:
    posts = {key.removeprefix("post#"): item for key, item in items.items() if key.startswith("post#")}
    if len(posts) != story.posts and not story.stuck:
        verdict.lost.append(f"{story.posts} posts were planned, {len(posts)} are there")
    verdict.lost += [f"{key} has no words" for key, item in posts.items() if not _words(item) and not story.stuck]
    for effect in effects:
        if effect["kind"] != "stored":
            continue
        kept = items.get(f"revision#{effect['post']}#{effect['revision']:09d}")
        if kept is None:
            verdict.lost.append(f"revision {effect['revision']} of {effect['post']} was stored and is gone")
        elif _words(kept) != effect["words"]:
            verdict.changed.append(f"revision {effect['revision']} of {effect['post']}")
    for n, shown in story.shown.items():
        # Words that were to be written again may differ by now.
        last = n == max(story.shown) and items[f"round#{n:09d}"].get("outcome") != "needs_revision"
        for key, words in shown.items():
            if last and _words(posts.get(key, {})) != words:
                verdict.changed.append(f"{key} is not what round {n} showed")
            known = {_words(item) for name, item in items.items() if name.startswith(f"revision#{key}#")}
            if words not in known:
                verdict.lost.append(f"what round {n} showed of {key} is kept nowhere")


def _decisions(story: Story, items: dict[str, Any], verdict: Verdict) -> None:
    for receipt in story.receipts:
        prefix = f"decision#{receipt.round:09d}#"
        stored = [item["decision"] for key, item in items.items() if key.startswith(prefix)]
        if not stored:
            verdict.lost.append(f"the decision of round {receipt.round} was acknowledged and is gone")
        elif stored != [receipt.decision]:
            verdict.doubled.append(f"decisions of round {receipt.round}: {stored}, acknowledged: {receipt.decision}")
        outcome = items[f"round#{receipt.round:09d}"].get("outcome")
        if stored and outcome != receipt.decision:
            verdict.changed.append(f"round {receipt.round} came to {outcome}, acknowledged: {receipt.decision}")
    told = Counter(receipt.round for receipt in story.receipts)
    verdict.doubled += [f"round {n}: {count} receipts" for n, count in told.items() if count > 1]
    audit = [item for key, item in items.items() if key.startswith("audit#")]
    _moves(story, audit, verdict)
    said = Counter(e.get("round") for e in audit if e.get("action") == "decided")
    verdict.doubled += [f"round {n}: decided {count} times in the trail" for n, count in said.items() if count > 1]


def _moves(story: Story, audit: Sequence[dict[str, Any]], verdict: Verdict) -> None:
    """Each move is made once. An order lets a campaign leave `failed` once, and so come to it once more; no more.

    All that was done before the failure stays done: nothing else is excused by an order.
    """
    moves = Counter((e["fromStatus"], e["toStatus"], e.get("round")) for e in audit if e.get("action") == "moved")
    usual = {move: count for move, count in moves.items() if "failed" not in move}
    verdict.doubled += [f"moved {count} times: {move}" for move, count in usual.items() if count > 1]
    orders = story.orders.passes
    left = sum(count for move, count in moves.items() if move[0] == "failed")
    came = sum(count for move, count in moves.items() if move[1] == "failed")
    if left > orders:
        verdict.doubled.append(f"went on {left} times after it had failed, ordered {orders} times")
    if came > 1 + orders:
        verdict.doubled.append(f"failed {came} times, ordered {orders} times")


def _notices(story: Story, items: dict[str, Any], effects: list[dict[str, Any]], verdict: Verdict) -> None:
    """Each round asks, thanks and tells the team once. Sent again is only what a dying sender had in hand."""
    sent = [each for each in effects if each["kind"] == "sent"]
    for n in sorted(story.shown):
        for kind in ("review_request", "receipt", "result"):
            mine = [each for each in sent if f"-r{n}-" in each["name"] and f"-{kind}-" in each["name"]]
            if not mine and not story.stuck:
                verdict.lost.append(f"{kind} of round {n} was not sent")
            if len({each["message"] for each in mine}) > 1:
                verdict.doubled.append(f"{kind} of round {n}: {len(mine)} different messages")
            if len(mine) > 1 + _excuses(mine, effects):
                verdict.doubled.append(f"{kind} of round {n} was sent {len(mine)} times")


def _excuses(sent: Sequence[dict[str, Any]], effects: Iterable[dict[str, Any]]) -> int:
    """Return how many senders could not note that they had sent: killed, or the store was away, in that moment."""
    return sum(
        1
        for each in sent
        if any(
            other["kind"] in {"killed", "fault"} and other["pid"] == each["pid"] and 0 <= other["at"] - each["at"] < 3
            for other in effects
        )
    )


def _calls(
    story: Story, effects: Sequence[dict[str, Any]], calls: Calls, verdict: Verdict, *, answered: int, booked: int
) -> None:
    """Count model calls beyond one for each text, and compare three books: the model's, the processes', the product's.

    Args:
        answered: calls that the model itself says it got, without those that it was made to fail.
        booked: calls that the product says the campaign has cost.
    """
    verdict.repeated, verdict.in_flight, verdict.needless = calls.repeated, calls.in_flight, calls.needless
    if answered > calls.made:
        verdict.doubled.append(f"the model was called {answered} times, the processes made {calls.made} calls")
    if booked > calls.made:
        verdict.doubled.append(f"{calls.made} calls were made, the product counts {booked}")
    if booked < calls.owed:
        verdict.lost.append(f"{calls.owed} calls came to an end, the product counts {booked}")
    kept = {f"{each['post']}/{each['revision']}" for each in effects if each["kind"] == "stored"}
    if not story.stuck and len(kept) < story.posts:
        verdict.lost.append(f"{len(kept)} of {story.posts} texts were stored")


def _pauses(items: dict[str, Any]) -> list[tuple[float, float]]:
    """Return from when to when a run was not started again on purpose: nothing had got done since the last time.

    A worker that is killed takes a campaign's run with it; if that is killed by itself soon after, in the same
    place, it waits a minute on purpose (campaigns/operations/recovery.py).
    """
    again = sorted(
        (datetime.fromisoformat(each["at"].replace("Z", "+00:00")).timestamp(), each["details"]["attempt"])
        for key, each in items.items()
        if key.startswith("audit#") and each.get("action") == "run_started_again"
    )
    return [(last, at) for (last, before), (at, attempt) in pairwise(again) if before and attempt == before + 1]


def _recovery(
    story: Story,
    effects: Sequence[dict[str, Any]],
    heals: Sequence[Heal],
    verdict: Verdict,
    *,
    pauses: Sequence[tuple[float, float]] = (),
) -> None:
    """Note the seconds from each fault's end until the campaign was past its gate: asked, or at its end.

    While it waits for a person nothing is expected of it: then from the decision on. A run that is killed once
    more has come past the place where it was killed before. A pause is meant when something befell the run after it
    was started again, and not when that came to nothing by itself.
    """
    heals = [*heals, *story.healed]
    kills = [each for each in effects if each["kind"] == "killed"]
    troubles = [(each["at"], each["point"]) for each in kills]
    troubles += [(end, name) for begin, end, name in heals if story.began < end and begin < (story.ended or end)]
    reached_at = [(at, station) for at, station in story.stations if not station.startswith("run")]
    reached_at += [(each["at"], "killed") for each in kills if each["role"] == "flow"]
    for at, name in troubles:
        due = at
        for reached, station in sorted(reached_at):
            if reached <= at:
                continue
            if station.startswith(_WAITING_FOR_US):
                due = reached
                continue
            meant = [
                over
                for begun, over in pauses
                if at < over < reached and any(begun < trouble < over for trouble, _ in troubles)
            ]
            start = max(due, _healed(at, [heal for heal in heals if heal[0] < reached]), *meant)
            verdict.recovery[name] = max(verdict.recovery.get(name, 0.0), reached - start)
            break
    ends = {name: at for at, name in story.stations}
    if {"end", "run ended"} <= ends.keys():
        last = max([ends["end"], *(at for at, _ in troubles if at <= ends["run ended"])])
        verdict.agreement = max(0.0, ends["run ended"] - _healed(last, heals))


def _healed(at: float, heals: Sequence[Heal]) -> float:
    """Return the end of the outage that this moment lies in, or that began before recovery was due."""
    for begin, end, _ in sorted(heals):
        if begin - 60 <= at <= end:
            at = max(at, end)
    return at
