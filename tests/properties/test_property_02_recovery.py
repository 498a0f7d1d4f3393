"""Property 2: what was kept once is what every later run goes on with.

A campaign is built on the machine by one process after the other. Each dies, is refused an answer or meets damaged
bytes at a place that is drawn; between two of them keys are changed, and checkpoints damaged, swapped or lost. After
each, the folder of checkpoints is looked at as bytes and the table as items. The seal of what is kept at the end is
opened here by hand, as its format is written down.

What a vault alone does with many more faults: `tests/checkpoints/test_vault_model.py`.
"""

from __future__ import annotations

import base64
import json
import os
import struct
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tests.properties.machine import (
    AT_REST,
    CHECKPOINT_KEYS,
    DAMAGE,
    NOBODY,
    TENANT,
    Fault,
    Kind,
    Machine,
    Place,
    Process,
)

Meanwhile = Literal["nothing", "rotated", "lost", "flipped", "emptied", "swapped"]


@dataclass(frozen=True)
class Interruption:
    """What happens to a process that builds, and to the checkpoints before the next one begins."""

    fault: Fault
    meanwhile: Meanwhile = "nothing"
    which: int = 0


def faults_of(place: Place, most: int, *kinds: Kind) -> st.SearchStrategy[Fault]:
    return st.builds(Fault, st.just(place), st.integers(1, most), st.sampled_from(kinds))


faults = st.one_of(
    faults_of("model", 3, "killed before", "killed after"),
    faults_of("store", 20, "killed before", "killed after", "away", "lost"),
    faults_of("keep", 5, "killed before", "killed after", "away", "lost", "torn", "flipped", "dropped"),
    faults_of("load", 6, "killed before", "killed after", "away", "broken"),
    faults_of("read", 60, "killed before", "away"),
)
meanwhiles: st.SearchStrategy[Meanwhile] = st.sampled_from(
    ["nothing", "nothing", "rotated", "lost", "flipped", "emptied", "swapped"]
)
interruptions = st.builds(Interruption, faults, meanwhiles, st.integers(0, 5))


@dataclass
class Witness:
    """Remembers what was kept and what was written, and holds every later state against it."""

    machine: Machine
    campaign: str
    posts: int
    kept: dict[str, bytes] = field(default_factory=dict)
    words: dict[tuple[int, int], str] = field(default_factory=dict)
    """The text of each post at each revision, from the moment it was stored."""
    interrupted: int = 0
    forgotten: int = 0

    def builds(self, *faults: Fault) -> Process:
        """Let a process build; whatever becomes of it, nothing of before is changed, and nothing paid for twice."""
        planned = "planSummary" in self._campaign()
        stored = {number for number, revision in self._written() if revision == self._revision_wanted()}
        calls = len(self.machine.model.calls)

        process = self.machine.run(self.campaign, *faults)

        self.interrupted += bool(process.met)
        asked = Counter((call.task, call.number) for call in self.machine.model.calls[calls:])
        assert not planned or not asked["plan", 0], "a plan that is stored was paid for again"
        assert not stored & {number for task, number in asked if task == "write"}, "stored words were paid for again"
        self.look(process)
        return process

    def look(self, process: Process = NOBODY) -> None:
        lying = self.machine.checkpoints(self.campaign)
        damaged = {path.split(f"/{self.campaign}/")[1] for path in process.damaged}
        for path, sealed in self.kept.items():
            assert lying.get(path) == sealed, f"{path} was kept, and is not what every later run finds"
        if any(fault.kind in DAMAGE for fault in process.met):
            assert not self._has_arrived(), "a step counted as done whose result is not kept"
        for path in damaged:  # after the alarm, operators remove what never was a checkpoint
            self._file(path).unlink(missing_ok=True)
        self.kept |= {path: sealed for path, sealed in lying.items() if path not in damaged}
        for place, text in self._written().items():
            assert self.words.setdefault(place, text) == text, "words changed that were stored"

    def _has_arrived(self) -> bool:
        """Whether the run has come through: it waits for people, or has ended well."""
        state = self.machine.run_state(self.campaign)
        return state is not None and (state.is_paused() or state.is_completed())

    def _campaign(self) -> dict[str, Any]:
        [found] = self.machine.raw.of(self.campaign, "campaign")
        return found

    def _written(self) -> dict[tuple[int, int], str]:
        """Return the text of each post at each revision that the table holds."""
        kinds = ("post", "revision")
        found = [each for kind in kinds for each in self.machine.raw.of(self.campaign, kind)]
        return {(each["number"], each["revision"]): each["content"]["text"] for each in found if "content" in each}

    def _revision_wanted(self) -> int:
        """Return the revision that a run has to write: one more for each time that changes were asked for."""
        return sum(each["decision"] == "needs_revision" for each in self.machine.raw.of(self.campaign, "decision"))

    def _file(self, path: str) -> Path:
        return self.machine.home / "checkpoints" / "checkpoints" / TENANT / self.campaign / path

    def interrupt(self, interruptions: list[Interruption]) -> None:
        for each in interruptions:
            process = self.builds(each.fault)
            for fault in process.met:
                event(f"{fault.place} {fault.kind}")
            self._meanwhile(each.meanwhile, each.which)

    def _meanwhile(self, what: Meanwhile, which: int) -> None:
        """Let something happen to the keys, or to one of the checkpoints; what was tampered with is put back."""
        paths = sorted(self.kept)
        path = paths[which % len(paths)] if paths else ""
        match what:
            case "rotated":
                self.machine.rotate_checkpoint_key()
            case "lost" if path:
                self.forgotten += 1
                self._file(path).unlink()
                del self.kept[path]
            case "flipped" | "emptied" | "swapped" if path.split("/")[0] in self._read_next():
                good, other = self.kept[path], self.kept[paths[-1]]
                bad = {"flipped": good[:-1] + bytes([good[-1] ^ 1]), "emptied": b"", "swapped": other}[what]
                if bad != good:
                    self._is_refused(path, bad)
                self._file(path).write_bytes(good)
                self.kept[path] = good

    def _read_next(self) -> set[str]:
        """Return the steps of which the next process asks the checkpoint, wherever it goes on."""
        return {"save"} if self._campaign()["status"] in AT_REST else {"save", "plan"}

    def _is_refused(self, path: str, bad: bytes) -> None:
        """A process that finds changed bytes ends there: it takes them for no result, and not for none either."""
        self._file(path).write_bytes(bad)
        self.kept[path] = bad  # nobody may write over it: it is evidence
        before, calls = self._campaign()["status"], len(self.machine.model.calls)
        self.builds()
        assert not self._has_arrived(), "changed bytes were taken for a result, or for none"
        assert (self._campaign()["status"], len(self.machine.model.calls)) == (before, calls)
        event("changed bytes")


@pytest.mark.property(2, "what was kept once is what every later run goes on with")
@settings(max_examples=100, deadline=None)
@given(
    posts=st.integers(1, 2),
    first=st.lists(interruptions, min_size=1, max_size=2),
    revised=st.sampled_from([False, False, True]),
    later=st.just([]) | st.lists(interruptions, max_size=1),
)
@example(
    posts=2,
    first=[Interruption(Fault("keep", 3, "torn")), Interruption(Fault("keep", 1, "dropped"))],
    revised=False,
    later=[],
)
@example(
    posts=2,
    first=[Interruption(Fault("keep", 4, "killed before")), Interruption(Fault("load", 1, "broken"))],
    revised=False,
    later=[],
)
@example(
    posts=1,
    first=[Interruption(Fault("keep", 2, "dropped")), Interruption(Fault("keep", 2, "flipped"))],
    revised=True,
    later=[Interruption(Fault("model", 1, "killed after"))],
)
@example(
    posts=1,
    first=[Interruption(Fault("keep", 4, "killed after"), "rotated"), Interruption(Fault("load", 2, "broken"))],
    revised=False,
    later=[Interruption(Fault("load", 1, "away"))],
)
@example(
    posts=1,
    first=[
        Interruption(Fault("keep", 3, "killed after"), "flipped", 1),
        Interruption(Fault("keep", 3, "killed after"), "swapped", 2),
    ],
    revised=False,
    later=[],
)
@example(
    posts=2,
    first=[
        Interruption(Fault("keep", 5, "killed after"), "lost", 0),
        Interruption(Fault("read", 1, "away"), "lost", 1),
    ],
    revised=True,
    later=[],
)
def test_an_interrupted_campaign_goes_on_with_what_it_kept_and_pays_for_nothing_twice(
    machine: Machine, posts: int, first: list[Interruption], revised: bool, later: list[Interruption]
) -> None:
    """**Feature: campaign-orchestration-durable, Property 2: Checkpoint and recovery consistency**

    *For any* durable function execution, the system should create detailed checkpoints for each workflow step and
    resume from the last successful checkpoint during interruptions without losing progress.
    **Validates: Requirements 1.2, 1.3, 7.1, 7.4**
    """
    machine.fresh()
    campaign = machine.submit(machine.brief(posts))
    witness = Witness(machine, campaign, posts)

    witness.interrupt(first)
    witness.builds()
    assert machine.settle(campaign) == "awaiting_review"
    if revised:
        assert machine.decide(campaign, "needs_revision", "say it in other words").status_code == 200
        witness.interrupt(later)
        witness.builds()
        assert machine.settle(campaign) == "awaiting_review"
    shown = witness._written()
    assert machine.decide(campaign, "approved").status_code == 200
    if not revised:
        witness.interrupt(later)
    witness.builds()
    assert machine.settle(campaign) == "completed"
    state = machine.run_state(campaign)
    assert state is not None
    assert state.name == "Approved"

    rounds = 1 + revised
    asked = Counter((call.task, call.number) for call in machine.model.calls)
    assert asked.pop(("plan", 0)) <= 1 + witness.interrupted
    assert set(asked) == {("write", number) for number in range(1, posts + 1)}
    assert max(asked.values()) <= rounds + witness.interrupted
    assert {(post["number"], post["revision"]): post["content"]["text"] for post in machine.posts(campaign)} == {
        (number, rounds - 1): shown[number, rounds - 1] for number in range(1, posts + 1)
    }
    everything_is_kept(witness, posts, rounds)

    calls, stored = len(machine.model.calls), machine.posts(campaign)
    run_id = machine.run_id(campaign)
    assert run_id is not None
    machine.execute(run_id)  # whoever runs it once more finds every step done
    assert (len(machine.model.calls), machine.posts(campaign)) == (calls, stored)
    witness.look()
    event(f"{min(witness.interrupted, 4)} interruptions")


def everything_is_kept(witness: Witness, posts: int, rounds: int) -> None:
    """Each step has its checkpoint: sealed, for this place alone, with its result, and when it was completed."""
    witness.kept = lying = witness.machine.checkpoints(witness.campaign)
    expected = +Counter(save=1, plan=1, generate=posts * rounds, ask=rounds, revise=rounds - 1, complete=1)
    found = Counter(path.split("/")[0] for path in lying)
    assert found <= expected
    # A checkpoint that the storage lost is made again where a later process asks for it.
    assert (expected - found).total() <= witness.forgotten
    texts = set()
    for path, sealed in lying.items():
        record = opened(sealed, f"checkpoints/{TENANT}/{witness.campaign}/{path}", witness.campaign)
        step = path.split("/")[0]
        assert record["metadata"]["storage_key"] == f"{TENANT}/{witness.campaign}/{path}"
        assert {"ended", "milliseconds", "attempts"} <= record["metadata"]["receipt"].keys()
        result = json.loads(record["result"])
        if step == "generate":
            texts.add((result["post"]["number"], result["post"]["revision"], result["post"]["content"]["text"]))
    # One that was lost after its words were replaced is made again with the words of now.
    assert found["generate"] - len(texts) <= witness.forgotten, "two posts share a checkpoint"
    assert texts <= {(*place, text) for place, text in witness.words.items()}


def opened(sealed: bytes, path: str, campaign: str) -> dict[str, Any]:
    """Open a checkpoint by its written format: CKPT, version, key id, nonce, ciphertext; bound to where it lies."""
    assert (sealed[:4], sealed[4]) == (b"CKPT", 1)
    end = 6 + sealed[5]
    header, nonce, rest = sealed[:end], sealed[end : end + 12], sealed[end + 12 :]
    keys = {
        kid: base64.urlsafe_b64decode(f"{secret}==")
        for kid, _, secret in (each.split(":") for each in os.environ[CHECKPOINT_KEYS].split(","))
    }
    place = [header, TENANT.encode(), campaign.encode(), path.encode()]
    bound = b"".join(struct.pack(">I", len(part)) + part for part in place)
    found = json.loads(AESGCM(keys[header[6:].decode()]).decrypt(nonce, rest, bound))
    assert isinstance(found, dict)
    return found
