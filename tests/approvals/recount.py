"""Recounts campaigns from the raw items of their table. It imports nothing of the product, and must not.

The rules stand here a second time, in other words and other code: what a round is, what a voice may say,
when a quorum is complete, and what may go out. The audit trail is replayed from its first entry, and must
come to what the items say; every act that somebody asked for is looked up in both.

An act is a plain dict that the stress program kept: `id`, `kind`, `now` (its own instant, no two acts have
the same: so the `at` of an audit entry names the act), `began` and `ended` (the order in which acts began
and were answered), `result` ("ok", "refused", or "unknown" when its process was killed or the store did not
answer), `prepared` (link and body, as sent) and `said` (the answer).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

Item = Mapping[str, Any]
Act = Mapping[str, Any]

AT_REST = {"completed", "rejected", "approval_timeout", "failed", "cancelled"}
ENDS_A_ROUND = {"approved", "rejected", "needs_revision", "approval_timeout"}
STRICT = {"approved": 0, "needs_revision": 1, "rejected": 2}
SKEW = timedelta(seconds=6)
"""How far the clocks of two processes of the program are apart at most, and a little more."""
FACT_OF = {
    "revoke": "link_revoked", "replace": "link_renewed", "renew": "link_renewed", "extend": "round_extended",
    "edit": "content_changed", "reopen": "reopened", "decide_for": "decided_on_behalf",
    "regenerate": "regeneration_ordered", "retry": "moved",
}  # fmt: skip
"""What an operator's act leaves in the trail, under the reason that was given for it."""


# --- raw items ---------------------------------------------------------------------------------------------


def items_of_sqlite(path: Path) -> list[Item]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return [json.loads(row) for (row,) in database.execute("SELECT item FROM items")]


def items_of_dynamodb(client: Any, table: str) -> list[Item]:
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [
        {name: int(value["N"]) if "N" in value else value.get("S") for name, value in item.items()}
        for page in pages
        for item in page["Items"]
    ]


def by_campaign(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Return the items of each campaign, by its id: a partition is `tenant#campaign`."""
    found: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        _, _, campaign = str(item["pk"]).partition("#")
        if campaign.startswith("campaign_"):
            found[campaign].append(item)
    return found


def digest_of(value: Any) -> str:
    """SHA-256 over JSON with sorted names, no spaces, letters as they are."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_post(post: Mapping[str, Any]) -> str:
    """The digest of what an approver sees of a post: words, pictures, time, place and voice."""
    words = {name: value for name, value in (post.get("content") or {}).items() if name != "generatedAt"}
    seen = {
        "postId": post["id"],
        "content": words,
        "assets": post["assetRequirements"],
        "scheduledAt": instant(post["scheduledAt"]).isoformat(),
        "platform": post["platform"],
        "personaId": post["personaId"],
    }
    return digest_of(seen)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


# --- one campaign, as its items tell it ----------------------------------------------------------------------


@dataclass
class Told:
    """The documents of one campaign."""

    campaign: Mapping[str, Any]
    rounds: dict[int, Mapping[str, Any]]
    decisions: dict[int, list[Mapping[str, Any]]]
    posts: dict[str, Mapping[str, Any]]
    audit: list[Mapping[str, Any]]
    head: Item | None
    outbox: list[Mapping[str, Any]]

    @classmethod
    def of(cls, items: Iterable[Item]) -> Told:
        campaign: Mapping[str, Any] = {}
        told = cls(campaign, {}, defaultdict(list), {}, [], None, [])
        for item in items:
            body = json.loads(item["body"]) if item.get("body") else {}
            match item.get("kind"):
                case "campaign":
                    told.campaign = body
                case "round":
                    told.rounds[body["n"]] = body
                case "decision":
                    told.decisions[body["round"]].append(body)
                case "post":
                    told.posts[body["id"]] = body
                case "audit":
                    told.audit.append(body)
                case "audit-head":
                    told.head = item
                case "outbox":
                    told.outbox.append(body)
                case _:
                    pass
        told.audit.sort(key=lambda entry: entry["seq"])
        for said in told.decisions.values():
            said.sort(key=lambda each: (each["at"], each["approverId"]))
        return told

    @property
    def terms(self) -> Mapping[str, Any]:
        terms: Mapping[str, Any] = self.campaign["approval"]
        return terms


# --- what voices come to ---------------------------------------------------------------------------------------


def verdict(round_: Mapping[str, Any], said: Mapping[str, Any], post: str) -> str | None:
    """What one voice says of one post. Silence is None, and so is what it said of words that were changed since."""
    if post in said_anew(round_, said):
        return None
    locked, own = post in round_.get("locked", []), said.get("posts", {}).get(post, {}).get("decision")
    if own and not locked:
        return None if own == "approved" and post in round_.get("unapprovable", []) else str(own)
    whole = str(said["decision"])
    if whole == "rejected":
        return "rejected"
    if locked:
        return "approved"
    if whole == "approved":
        return None if post in round_.get("blocked", []) else "approved"
    named = any(each["decision"] == "needs_revision" for each in said.get("posts", {}).values())
    return None if named else "needs_revision"


def said_anew(round_: Mapping[str, Any], said: Mapping[str, Any]) -> set[str]:
    """The posts of which a voice has to say something again: others changed them. It counts when it has."""
    words = said.get("words") or {}
    return {post for post, shown in round_["posts"].items() if words and words.get(post) != shown}


def comes_to(verdicts: Iterable[str | None]) -> str | None:
    """Of a campaign: a change asked for by anybody, else anything approved, else rejected."""
    said = set(verdicts)
    return next((each for each in ("needs_revision", "approved", "rejected") if each in said), None)


def strictest(round_: Mapping[str, Any], voices: Sequence[Mapping[str, Any]], post: str) -> str | None:
    said = [each for voice in voices if (each := verdict(round_, voice, post))]
    return max(said, key=STRICT.__getitem__, default=None)


def in_place_of_all(round_: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    asked = {each["id"] for each in round_["approvers"]}
    return said["channel"] == "policy" or (
        said["channel"] in {"operator", "prefect_ui"} and said["approverId"] not in asked
    )


def standing_voices(round_: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Voices about exactly these words, of people whose link was not taken from them; one for all leaves no other."""
    revoked = {each["id"] for each in round_["approvers"] if each.get("revoked")}
    voices = [
        said
        for said in decisions
        if (said["digest"] == round_["digest"] or said.get("words"))
        and said["approverId"] not in revoked
        and comes_to(verdict(round_, said, post) for post in round_["posts"])
    ]
    return [said for said in voices if in_place_of_all(round_, said)] or voices


def outcome(round_: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]]) -> str | None:
    """What the voices of a round come to; None while its quorum is not complete."""
    voices = standing_voices(round_, decisions)
    asked = {each["id"]: not each.get("revoked") for each in round_["approvers"]}
    whole = [said for said in voices if not said_anew(round_, said)]
    own = [comes_to(verdict(round_, said, post) for post in round_["posts"]) for said in whole]
    if round_["quorum"] == "all" and not round_.get("collectAll") and "rejected" in own:
        return "rejected"
    able = max(1, sum(asked.values()))
    needed = {"any": 1, "all": able}.get(round_["quorum"]) or min(int(round_["quorum"]), able)
    overruled = any(in_place_of_all(round_, said) for said in voices)
    if sum(said["approverId"] in asked for said in whole) < needed and not overruled:
        return None
    return comes_to(strictest(round_, voices, post) for post in round_["posts"])


def agreed(round_: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]], post: str) -> bool:
    """Whether this closed round approved this post: by its strictest voice, or by what was agreed for silence."""
    # A round that asks for changes elsewhere keeps what it approved; a rejected or undecided one keeps nothing.
    if round_.get("outcome") not in {"approved", "needs_revision"}:
        return False
    said = strictest(round_, standing_voices(round_, decisions), post)
    if said is not None:
        return said == "approved"
    by_policy = round_["status"] == "timed_out" and round_["onTimeout"] == "approve"
    return by_policy and round_.get("outcome") == "approved" and post not in round_.get("blocked", [])


# --- the trail, replayed ---------------------------------------------------------------------------------------


@dataclass
class Replayed:
    """A round as the trail tells it."""

    digest: str
    opened: int
    open: bool = True
    outcome: str | None = None
    over: str = ""
    revoked: set[str] = field(default_factory=set)
    voices: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    closed_by: Mapping[str, Any] | None = None
    effects: list[str] = field(default_factory=list)
    changed: tuple[str, str, str] = ("", "", "")
    """When an approver changed words last, who, and the digest before."""
    taken_back: tuple[str, str] = ("", "")
    """When something was taken back last, and by whom: words of before come back with it."""


class Trail:
    """Replays the audit entries of one campaign, and notes whatever could not have been."""

    def __init__(self, told: Told, acts: Sequence[Act]) -> None:
        self.told = told
        self.acts = {act["now"]: act for act in acts}
        self.rounds: dict[int, Replayed] = {}
        self.status: str | None = None
        self.found: list[str] = []
        self.taken_back: dict[tuple[int, str, str], int] = {}
        """Answers that were taken back, by round, voice and their own id: the entry that did it."""
        self.renewed: dict[tuple[int, str], list[Mapping[str, Any]]] = defaultdict(list)
        self.replaced: list[tuple[int, str]] = []
        for entry in told.audit:
            self._take(entry)

    def act_of(self, entry: Mapping[str, Any]) -> Act | None:
        return self.acts.get(moment(entry["at"]))

    def _take(self, entry: Mapping[str, Any]) -> None:
        n, details, seq = entry.get("round"), entry.get("details", {}), entry["seq"]
        take = {
            "content_changed": self._content_changed,
            "decided": self._decided,
            "undone": self._undone,
            "link_revoked": self._link_revoked,
            "link_renewed": self._link_renewed,
            "round_extended": self._round_extended,
            "round_timed_out": self._round_timed_out,
            "round_closed": self._round_closed,
            "moved": self._moved,
            "stage_approved": self._passed_on,
        }.get(entry["action"])
        if entry["action"] == "round_opened":
            self._round_opened(n, details["digest"], seq)
        elif take is not None:
            if entry["action"] != "moved" and n not in self.rounds:
                self.found.append(f"audit {seq}: {entry['action']} in a round {n} that was never opened")
                return
            take(entry, self.rounds.get(n), details)

    def _round_opened(self, n: int, digest: str, seq: int) -> None:
        if n in self.rounds:
            self.found.append(f"audit {seq}: round {n} was opened twice")
        if self.status in {"failed", "completed", "rejected", "cancelled", "needs_revision", "planning"}:
            self.found.append(f"audit {seq}: round {n} was opened while the campaign was {self.status}")
        for number, round_ in self.rounds.items():
            if round_.open:
                round_.open, round_.over = False, "superseded"
            elif number == n - 1 and self.status == "awaiting_review" and not round_.effects:
                self.found.append(f"audit {seq}: round {n} was opened before round {number} took effect")
        self.rounds[n] = Replayed(digest, seq)

    def _content_changed(self, entry: Mapping[str, Any], round_: Replayed, details: Mapping[str, Any]) -> None:
        if self.status in AT_REST:
            self.found.append(f"audit {entry['seq']}: words changed on a campaign that was {self.status}")
        mine, own = (entry["at"], entry["actor"]), details.get("by")
        if own and not (self.told.terms.get("allowEdits") or self.told.terms.get("allowMoves")):
            self.found.append(f"audit {entry['seq']}: {own} changed words, and may not")
        if (round_.voices and not own) or not (round_.open or (own and round_.taken_back == mine)):
            self.found.append(f"audit {entry['seq']}: words changed after somebody had decided on them")
        round_.changed = (*mine, round_.digest) if own else ("", "", "")
        round_.digest = details["digest"]

    def _decided(self, entry: Mapping[str, Any], round_: Replayed, details: Mapping[str, Any]) -> None:
        who, seq, n = entry["actor"], entry["seq"], entry["round"]
        if not round_.open:
            self.found.append(f"audit {seq}: {who} decided in round {n}, which was closed ({round_.over or 'decided'})")
        if self.status in AT_REST:
            self.found.append(f"audit {seq}: {who} decided on a campaign that was {self.status}")
        if who in round_.revoked:
            self.found.append(f"audit {seq}: {who} decided after the link was revoked")
        first = round_.voices.get(who)
        if first is not None and instant(details.get("completes", "1970-01-01T00:00:00Z")) != instant(first["at"]):
            self.found.append(f"audit {seq}: {who} decided twice in round {n}")
        if details["digest"] != round_.digest:
            self.found.append(
                f"audit {seq}: {who} decided on {details['digest'][:8]}, the round showed {round_.digest[:8]}"
            )
        before = round_.changed[2] if round_.changed[:2] == (entry["at"], who) else details["digest"]
        self._proof(entry, self.act_of(entry), before)
        round_.voices[who] = entry
        if details.get("outcome"):
            round_.closed_by = entry
            round_.open, round_.outcome, round_.over = False, details["outcome"], "decided"

    def _proof(self, entry: Mapping[str, Any], act: Act | None, seen: str) -> None:
        """Whose voice it was, how that was known, and what it had seen: its own changes come after that."""
        who, seq, n, channel = entry["actor"], entry["seq"], entry["round"], entry["details"]["channel"]
        terms, asked = self.told.terms, self.told.rounds.get(n, {}).get("approvers", [])
        person = next((each for each in asked if each["id"] == who), None)
        requester = str(self.told.campaign.get("requestedBy", "")).casefold()
        names = {person["email"].casefold(), person["name"].casefold()} if person else set()
        if terms.get("preventSelfApproval") and requester in names:
            self.found.append(f"audit {seq}: {who} decided on a campaign of their own")
        if channel not in {"link", "api"}:
            return
        if act is None:
            self.found.append(f"audit {seq}: {who} decided, and nobody had asked for it")
            return
        prepared = act["prepared"]
        if terms.get("requireOtp") and not prepared.get("proven"):
            self.found.append(f"audit {seq}: {who} decided without the code (act {act['id']})")
        if seen != prepared["shown"]:
            self.found.append(
                f"audit {seq}: {who} was shown {prepared['shown'][:8]}, recorded for {seen[:8]} (act {act['id']})"
            )
        for renewal in self.renewed[n, who]:
            before = self.act_of(renewal)
            if before is None:
                continue
            if prepared["minted"] < before["began"] or prepared.get("replacedBy") == before["id"]:
                self.found.append(f"audit {seq}: {who} decided with a link that was replaced (act {act['id']})")
        if (n, who, prepared["answer"]) in self.taken_back:
            self.found.append(f"audit {seq}: {who}'s answer {prepared['answer']} was taken back, and recorded anew")

    def _undone(self, entry: Mapping[str, Any], round_: Replayed, details: Mapping[str, Any]) -> None:
        who, seq, n = details.get("approver", entry["actor"]), entry["seq"], entry["round"]
        said = round_.voices.pop(who, None)
        if said is None:
            self.found.append(f"audit {seq}: {who} took back what was not said")
            return
        if round_.effects:
            self.found.append(f"audit {seq}: round {n} was taken back after it took effect ({round_.effects})")
        if self.status in AT_REST and "approver" not in details:  # else it goes with the link that is revoked
            self.found.append(f"audit {seq}: {who} took back what was said on a campaign that was {self.status}")
        if any(later > n for later in self.rounds):
            self.found.append(f"audit {seq}: round {n} was taken back when a newer one was open")
        if round_.over not in {"", "decided"}:
            self.found.append(f"audit {seq}: round {n} was taken back though it was {round_.over}")
        act = self.act_of(said)
        if act is not None and "answer" in act["prepared"]:
            self.taken_back[n, who, act["prepared"]["answer"]] = seq
        round_.taken_back = (entry["at"], entry["actor"])
        # Where the others alone complete the round, it stays closed with what they come to.
        still = details.get("outcome")
        round_.open, round_.outcome, round_.over = still is None, still, "decided" if still else ""
        round_.closed_by = round_.closed_by if still else None

    def _link_revoked(self, entry: Mapping[str, Any], round_: Replayed, details: Mapping[str, Any]) -> None:
        who = details["approver"]
        if who in round_.voices:
            self.found.append(f"audit {entry['seq']}: {who} was revoked, and has a voice that stands")
        self._still_open(entry, round_)
        round_.revoked.add(who)
        if details.get("outcome"):
            # The last voice can still be taken back, as long as it could be before.
            round_.closed_by = max(round_.voices.values(), key=lambda said: instant(said["at"]), default=None)
            round_.open, round_.outcome, round_.over = False, details["outcome"], "decided"

    def _link_renewed(self, entry: Mapping[str, Any], round_: Replayed, details: Mapping[str, Any]) -> None:
        who = details["approver"]
        if who in round_.voices:
            self.found.append(f"audit {entry['seq']}: the link of {who} went to another, and the voice stands")
        self._still_open(entry, round_)
        round_.revoked.discard(who)
        self.renewed[entry["round"], who].append(entry)
        act = self.act_of(entry)
        if act is not None and act["kind"] == "replace" and act["prepared"]:
            self.replaced.append((entry["seq"], act["prepared"]["old"]))

    def _round_extended(self, entry: Mapping[str, Any], round_: Replayed, details: Mapping[str, Any]) -> None:
        self._still_open(entry, round_)

    def _round_timed_out(self, entry: Mapping[str, Any], round_: Replayed, details: Mapping[str, Any]) -> None:
        self._still_open(entry, round_)
        round_.open, round_.outcome, round_.over = False, details.get("outcome"), "timed_out"

    def _round_closed(self, entry: Mapping[str, Any], round_: Replayed, details: Mapping[str, Any]) -> None:
        self._still_open(entry, round_)
        round_.open, round_.over = False, "superseded"

    def _still_open(self, entry: Mapping[str, Any], round_: Replayed) -> None:
        if not round_.open:
            self.found.append(f"audit {entry['seq']}: {entry['action']} in round {entry['round']}, which was closed")

    def _moved(self, entry: Mapping[str, Any], round_: Replayed | None, details: Mapping[str, Any]) -> None:
        seq, before, after = entry["seq"], entry["fromStatus"], entry["toStatus"]
        if self.status is not None and before != self.status:
            self.found.append(f"audit {seq}: moved from {before}, but it was {self.status}")
        self.status = after
        if before == "awaiting_review" and after in ENDS_A_ROUND:
            self._took_effect(entry, round_, after)
        if (before, after) == ("approved", "failed"):
            for each in self.rounds.values():  # nothing was handed over: a retry lets the same round take effect again
                each.effects = [effect for effect in each.effects if effect != "approved"]
        if after == "cancelled":
            for each in self.rounds.values():
                if each.open:
                    each.open, each.over = False, "cancelled"
        if entry.get("reason") == "INTEGRITY":
            self.found.append(f"audit {seq}: the stored posts were not the approved ones")

    def _passed_on(self, entry: Mapping[str, Any], round_: Replayed, details: Mapping[str, Any]) -> None:
        """A stage has approved, and the next one is asked."""
        seq, n = entry["seq"], entry["round"]
        if round_.open or round_.outcome != "approved":
            self.found.append(f"audit {seq}: round {n} is passed on, and came to {round_.outcome}")
        if round_.effects:
            self.found.append(f"audit {seq}: round {n} is passed on after it took effect: {round_.effects}")
        round_.effects.append("passed on")

    def _took_effect(self, entry: Mapping[str, Any], round_: Replayed | None, after: str) -> None:
        seq, n = entry["seq"], entry.get("round")
        if round_ is None:
            self.found.append(f"audit {seq}: {after}, and no round says so")
            return
        if round_.effects:
            self.found.append(f"audit {seq}: round {n} took effect twice: {round_.effects}, {after}")
        if round_.open:
            self.found.append(f"audit {seq}: round {n} took effect while it was open")
        elif (round_.outcome or "approval_timeout") != after:
            self.found.append(f"audit {seq}: round {n} came to {round_.outcome}, the campaign became {after}")
        if n != max(self.rounds):
            self.found.append(f"audit {seq}: round {n} took effect, the latest is {max(self.rounds)}")
        stored, closed = self.told.rounds[n], round_.closed_by
        if round_.over == "decided" and closed and closed["actor"] in {each["id"] for each in stored["approvers"]}:
            settle = timedelta(seconds=self.told.terms.get("settleSeconds", 0))
            if (
                settle
                and instant(entry["at"]) < min(instant(closed["at"]) + settle, instant(stored["expiresAt"])) - SKEW
            ):
                self.found.append(f"audit {seq}: round {n} took effect while it could be taken back")
        round_.effects.append(after)


def moment(at: str) -> str:
    """An instant as the stress program writes it: UTC, with microseconds."""
    return instant(at).isoformat(timespec="microseconds")


# --- what must hold ----------------------------------------------------------------------------------------------


def violations(items: Sequence[Item], acts: Sequence[Act], *, at_the_end: bool, now: datetime) -> list[str]:
    """Return everything that is wrong with one campaign; `at_the_end`, it has settled and all acts are over."""
    told = Told.of(items)
    trail = Trail(told, acts)
    found = [*chain(told), *trail.found, *agreement(told, trail), *rounds(told, trail), *people(told, trail)]
    if at_the_end:
        found += [*rest(told, now), *answers(told, trail, acts), *refusals(told, acts), *what_goes_out(told)]
    return found


def chain(told: Told) -> list[str]:
    """The trail is whole, and its head is its last entry."""
    found, previous = [], "0" * 64
    for number, entry in enumerate(told.audit, start=1):
        own = digest_of({name: value for name, value in entry.items() if name != "hash"})
        if entry["seq"] != number or entry["previous"] != previous or entry["hash"] != own:
            found.append(f"audit {number}: the chain is broken")
        previous = entry["hash"]
    if told.head is None or (told.head["seq"], told.head["hash"]) != (len(told.audit), previous):
        found.append("the head of the audit is not its last entry")
    return found


def agreement(told: Told, trail: Trail) -> list[str]:
    """What the items say is what the trail came to."""
    found = []
    if trail.status is not None and trail.status != told.campaign["status"]:
        found.append(f"the campaign is {told.campaign['status']}, its trail says {trail.status}")
    if set(told.rounds) != set(trail.rounds):
        found.append(f"rounds {sorted(told.rounds)} are stored, the trail has {sorted(trail.rounds)}")
    for n, round_ in told.rounds.items():
        seen = trail.rounds.get(n)
        if seen is None:
            continue
        for name, stored, told_by in (
            ("open", round_["status"] == "pending", seen.open),
            ("outcome", round_.get("outcome"), seen.outcome),
            ("digest", round_["digest"], seen.digest),
            ("revoked", sorted(a["id"] for a in round_["approvers"] if a.get("revoked")), sorted(seen.revoked)),
            (
                "voices",
                sorted((d["approverId"], d["decision"], d["digest"]) for d in told.decisions[n]),
                sorted((who, e["details"]["decision"], e["details"]["digest"]) for who, e in seen.voices.items()),
            ),
        ):
            if stored != told_by:
                found.append(f"round {n}: {name} is {stored}, its trail says {told_by}")
    return found


def rounds(told: Told, trail: Trail) -> list[str]:
    """One open round, the latest; a complete one is closed, and a closed one was complete."""
    found = []
    pending = [n for n, round_ in told.rounds.items() if round_["status"] == "pending"]
    if len(pending) > 1 or (pending and pending[0] != max(told.rounds)):
        found.append(f"rounds {pending} are open, the latest is {max(told.rounds)}")
    for n, round_ in told.rounds.items():
        came_to = outcome(round_, told.decisions[n])
        match round_["status"]:
            case "pending" if came_to is not None:
                found.append(f"round {n} is complete ({came_to}) and open")
            case "decided" if came_to != round_.get("outcome"):
                found.append(f"round {n} was closed as {round_.get('outcome')}, its voices come to {came_to}")
            case "timed_out" if instant(round_["decidedAt"]) < instant(round_["expiresAt"]):
                found.append(f"round {n} was timed out before its time")
            case _:
                pass
        if round_["status"] in {"decided", "timed_out"} and not any(
            entry["kind"] == "ring" and entry["payload"].get("round") == n and not entry.get("doneAt")
            for entry in told.outbox
        ):
            found.append(f"round {n} is {round_['status']}, and no bell waits for its run")
        for said in told.decisions[n]:
            other = said["digest"] != round_["digest"] and not said.get("words")
            if other or said["callbackId"] != round_["callbackId"]:
                found.append(f"round {n}: {said['approverId']} decided about something else")
            if instant(said["at"]) >= instant(round_["expiresAt"]):
                found.append(f"round {n}: {said['approverId']} decided after the end")
    return found


def people(told: Told, trail: Trail) -> list[str]:
    """Whoever was replaced is not asked again; the terms and the open round name the same people."""
    found = []
    for n, round_ in told.rounds.items():
        asked = [each["email"].casefold() for each in round_["approvers"]]
        opened = trail.rounds[n].opened if n in trail.rounds else 0
        found += [
            f"round {n} asks {old}, who was replaced before"
            for seq, old in trail.replaced
            if seq < opened and old.casefold() in asked
        ]
        if len(set(asked)) < len(asked):
            found.append(f"round {n} asks somebody twice: {asked}")
    latest = told.rounds.get(max(told.rounds, default=0))
    if latest is not None and latest["status"] == "pending":
        named = {each["email"].casefold() for each in _terms_of(told, latest)["approvers"]}
        asked_now = {each["email"].casefold() for each in latest["approvers"]}
        if asked_now - named:
            found.append(
                f"round {latest['n']} asks {sorted(asked_now - named)}, later rounds would ask {sorted(named)}"
            )
    return found


def _terms_of(told: Told, round_: Mapping[str, Any]) -> Mapping[str, Any]:
    """The terms that a round was opened by: those of its stage, where there are any."""
    stage = round_.get("stage")
    terms: Mapping[str, Any] = told.terms["stages"][stage["n"] - 1] if stage else told.terms
    return terms


def rest(told: Told, now: datetime) -> list[str]:
    """Nothing stays for ever: it is over, or somebody is really asked who can still answer."""
    status, latest = told.campaign["status"], told.rounds.get(max(told.rounds, default=0))
    is_open = latest is not None and latest["status"] == "pending"
    if status == "failed" and latest is not None and is_open and now < instant(latest["expiresAt"]):
        return []  # it goes on with the same round, when it is retried in time
    if status in AT_REST:
        return [f"the campaign is {status}, and round {latest['n']} is open"] if is_open and latest else []
    if status != "awaiting_review" or latest is None or not is_open:
        return [f"the campaign stays {status}, its last round is {latest['status'] if latest else 'never opened'}"]
    if instant(latest["expiresAt"]) + timedelta(hours=1) < now:
        return [f"round {latest['n']} ended at {latest['expiresAt']} and is open"]
    said = {each["approverId"] for each in told.decisions[latest["n"]] if not said_anew(latest, each)}
    if not [each for each in latest["approvers"] if not each.get("revoked") and each["id"] not in said]:
        return [f"round {latest['n']} waits for nobody"]
    return []


def answers(told: Told, trail: Trail, acts: Sequence[Act]) -> list[str]:
    """What somebody was told is so, and what was refused left nothing."""
    found = []
    facts = Counter((entry["action"], entry.get("reason")) for entry in told.audit)
    for act in acts:
        kind, result = act["kind"], act["result"]
        if result == "broken":
            found.append(f"act {act['id']}: {kind} broke: {act['said']['why']}")
        if kind in {"decide", "page", "replay", "stale"} and result == "ok":
            found += _acknowledged(told, trail, act)
        undone = {moment(entry["at"]) for entry in told.audit if entry["action"] == "undone"}
        if kind == "undo" and result == "ok" and act["now"] not in undone:
            found.append(f"act {act['id']}: was told that the decision is taken back, and it is not")
        if kind == "cancel" and result == "ok" and told.campaign["status"] != "cancelled":
            found.append(f"act {act['id']}: was told cancelled, and the campaign is {told.campaign['status']}")
        fact = FACT_OF.get(kind)
        if fact and result == "ok":
            times = facts[fact, act["reason"]]
            if times != 1 and not (times == 0 and _was_so_already(told, acts, act)):
                found.append(f"act {act['id']}: {kind} was done, and stands {times} times in the audit")
        if fact and result == "refused":
            left = [entry["action"] for entry in told.audit if entry.get("reason") == act["reason"]]
            if left:
                found.append(f"act {act['id']}: {kind} was refused ({act['said'].get('code')}), and left {left}")
    return found


def _was_so_already(told: Told, acts: Sequence[Act], act: Act) -> bool:
    """Whether there was nothing left to do: another reopened meanwhile, or the same had been decided."""
    if act["kind"] == "reopen":
        meanwhile = {each["reason"] for each in acts if each["began"] < act["ended"] and act["began"] < each["ended"]}
        return any(entry["action"] == "reopened" and entry.get("reason") in meanwhile for entry in told.audit)
    return act["kind"] == "decide_for" and _said_already(told, acts, act)


def _said_already(told: Told, acts: Sequence[Act], act: Act) -> bool:
    """Whether this very voice had decided the same in this round, and it stood at some moment of the act."""
    when = {each["now"]: each for each in acts}
    who, n = act["prepared"]["who"], act["prepared"]["round"]
    mine = [entry for entry in told.audit if entry["actor"] == who and entry.get("round") == n]
    stands = False
    for entry in mine:
        by = when.get(moment(entry["at"]))
        if by is None or by["began"] > act["ended"]:
            break
        if entry["action"] == "decided":
            stands = entry["details"]["decision"] == act["prepared"]["given"]["decision"]
        elif entry["action"] == "undone" and by["ended"] < act["began"]:
            stands = False
    return stands


def refusals(told: Told, acts: Sequence[Act]) -> list[str]:
    """Nobody's link stays good against an order that could be carried out.

    Asked only of orders during which nothing else was done: then the trail says what was so at that moment.
    """
    found, when = [], {act["now"]: act for act in acts}
    for act in acts:
        if act["kind"] != "revoke" or act["result"] != "refused" or act["said"].get("code") != "CONFLICT":
            continue
        if any(other["result"] != "refused" and other is not act and _overlap(other, act) for other in acts):
            continue
        earlier = list(takewhile(partial(_is_before, act, when), told.audit))
        if why := _might_be_revoked(replace(told, audit=earlier), acts, act):
            found.append(f"act {act['id']}: revoke was refused ({act['said'].get('why')}), though {why}")
    return found


def _is_before(act: Act, when: Mapping[str, Act], entry: Mapping[str, Any]) -> bool:
    """Whether an entry was written before the act began; what nobody ordered is taken along, and opens no round."""
    by = when.get(moment(entry["at"]))
    return by is None or bool(by["ended"] < act["began"])


def _overlap(one: Act, other: Act) -> bool:
    return bool(one["began"] < other["ended"] and other["began"] < one["ended"])


def _might_be_revoked(told: Told, acts: Sequence[Act], act: Act) -> str | None:
    who, n = act["prepared"].get("who"), act["prepared"].get("round")
    rounds = Trail(told, acts).rounds
    seen, stored = rounds.get(n), told.rounds.get(n)
    if seen is None or stored is None or not seen.open or who in seen.revoked or who in seen.voices:
        return None
    if told.terms.get("allowEdits"):
        return None  # which words each had seen at that moment is not told by the trail alone
    ends = instant(stored["openedAt"]) + timedelta(hours=_terms_of(told, stored)["expiresInHours"])
    if n != max(rounds) or instant(act["now"]) + SKEW >= ends:
        return None
    voices = [said for said in told.decisions[n] if said["at"] in {entry["at"] for entry in seen.voices.values()}]
    if len(voices) < len(seen.voices):
        return None  # what was said then was taken back since
    gone = {*seen.revoked, who}
    left = {**stored, "approvers": [{**each, "revoked": each["id"] in gone} for each in stored["approvers"]]}
    if outcome(left, voices) is not None:
        return "everybody left had decided"
    silent = [each["id"] for each in left["approvers"] if not each["revoked"] and each["id"] not in seen.voices]
    return f"{', '.join(silent)} could decide" if silent else None


def _acknowledged(told: Told, trail: Trail, act: Act) -> list[str]:
    said, prepared = act["said"], act["prepared"]
    n, who = prepared["round"], prepared["approver"]
    mine = [
        e
        for e in told.audit
        if e["action"] in {"decided", "undone"}
        and e["details"].get("approver", e["actor"]) == who
        and e.get("round") == n
    ]
    # The page does not say when: then it is this act's own entry, or one that says the same.
    at = moment(said["decidedAt"]) if said.get("decidedAt") else None
    decided = [e for e in mine if e["action"] == "decided" and at in {None, moment(e["at"])}]
    if not decided:
        return [f"act {act['id']}: {who} was told that it is recorded, and it never was"]
    own = [e for e in decided if moment(e["at"]) == act["now"]]
    same = [e for e in decided if e["details"]["decision"] == prepared["decision"]]
    entry = (own or same or decided)[-1]
    # What somebody says who is asked again goes with what they said first.
    if entry["details"]["decision"] != prepared["decision"] and "completes" not in entry["details"]:
        return [f"act {act['id']}: {who} was told recorded, and {entry['details']['decision']} is"]
    after = next((e for e in mine if e["seq"] > entry["seq"] and e["action"] == "undone"), None)
    if after is None:
        if any(e["seq"] > entry["seq"] and e["details"].get("completes") for e in mine):
            return []  # it was completed by another answer of the same person, who was asked again
        stored = [d for d in told.decisions[n] if d["approverId"] == who and moment(d["at"]) == moment(entry["at"])]
        return [] if stored else [f"act {act['id']}: {who}'s decision was acknowledged, and is lost"]
    undo = trail.act_of(after)
    # Of somebody who is asked again, what was said first goes with the link.
    if undo is None or undo["kind"] not in ({"revoke", "replace"} if "approver" in after["details"] else {"undo"}):
        return [f"act {act['id']}: {who}'s decision is gone, and nobody took it back"]
    if undo["ended"] and undo["ended"] < act["began"]:
        return [f"act {act['id']}: {who} was told recorded, after it had been taken back"]
    return []


def what_goes_out(told: Told) -> list[str]:
    """A completed campaign publishes what was approved, in exactly these words, by voices that stand."""
    if told.campaign["status"] != "completed":
        return []
    found, last = [], told.rounds[max(told.rounds)]
    if last.get("outcome") != "approved":
        found.append(f"completed, and its last round came to {last.get('outcome')}")
    shown = sorted(
        (p for p in told.posts.values() if p["id"] in last["posts"]), key=lambda p: (instant(p["scheduledAt"]), p["id"])
    )
    if digest_of([digest_of_post(post) for post in shown]) != last["digest"]:
        found.append("what is stored is not what the last round showed")
    out = [p for p in told.posts.values() if p["review"]["state"] == "approved" and p["status"] != "skipped"]
    for post in out:
        number, words = post["id"], digest_of_post(post)
        if last["posts"].get(number) != words:
            found.append(f"post {post['number']} goes out in words that the last round did not show")
        if strictest(last, standing_voices(last, told.decisions[last["n"]]), number) not in {None, "approved"}:
            found.append(f"post {post['number']} goes out, though the last round did not approve it")
        if instant(post["scheduledAt"]) <= instant(last["decidedAt"]):
            found.append(f"post {post['number']} goes out, and was due before its campaign was approved")
        found += [
            f"post {post['number']} goes out, and no standing voice approved these words{of_stage}"
            for stage, of_stage in _stages_of(told)
            if not _approved_in(told, stage, number, words)
        ]
    return found


def _stages_of(told: Told) -> list[tuple[int, str]]:
    """Every stage that has to approve what goes out, with what is said of it; without stages there is one."""
    stages = told.terms.get("stages")
    return [(n, f" in {stage['name']}") for n, stage in enumerate(stages, start=1)] if stages else [(1, "")]


def _approved_in(told: Told, stage: int, number: str, words: str) -> list[int]:
    """The rounds in which the people of a stage approved a post in these words."""
    return [
        n
        for n, round_ in told.rounds.items()
        if (round_.get("stage") or {"n": 1})["n"] == stage
        and round_["posts"].get(number) == words
        and round_["status"] in {"decided", "timed_out"}
        and number not in round_.get("locked", [])
        and agreed(round_, told.decisions[n], number)
    ]
