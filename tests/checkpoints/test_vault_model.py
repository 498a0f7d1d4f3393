"""The vault and the seal with many more faults than runs can be executed in: thirty steps, eighty faults, rotations.

The real vault and seal on a storage in memory that fails, lies and is tampered with by script; steps that, like a
model, never say the same twice; and a process that dies anywhere. Whole runs are property 2's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from campaigns.checkpoints.faults import CheckpointFault, CheckpointForged
from campaigns.checkpoints.vault import BlobsUnavailable, CheckpointVault, Patience
from campaigns.errors import SealBroken
from campaigns.keys.keyring import Key, KeyRing
from campaigns.keys.seal import AssociatedData, Sealer
from tasks.checkpoints.cached import Scope, checkpoint_key

SCOPE = Scope("acme", "campaign_01J0000000000000000000000A", "v1")

# --- the machine --------------------------------------------------------------------------------------

Fault = Literal[
    "none",
    "busy",
    "down",
    "kill_before",
    "kill_after",
    "lost_answer",
    "dropped",
    "torn",
    "flipped",
    "swapped",
    "emptied",
]
FAULTS: tuple[Fault, ...] = Fault.__args__


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Storage:
    """Bytes that outlive processes. Each call takes the next fault of the script; after its end all is well."""

    script: list[Fault]
    kept: dict[str, bytes] = field(default_factory=dict)

    def _next(self) -> Fault:
        return self.script.pop(0) if self.script else "none"

    def get(self, path: str) -> bytes | None:
        fault = self._next()
        self._refuse(fault)
        if self.kept.get(path):
            if fault == "flipped":
                self.kept[path] = self.kept[path][:-1] + bytes([self.kept[path][-1] ^ 1])
            elif fault == "torn":
                self.kept[path] = self.kept[path][: len(self.kept[path]) // 2]
            elif fault == "emptied":
                self.kept[path] = b""
            elif fault == "swapped":
                self.kept[path] = next(reversed(self.kept.values()))
        found = self.kept.get(path)
        if fault == "kill_after":
            raise Killed
        return found

    def put(self, path: str, content: bytes) -> None:
        fault = self._next()
        self._refuse(fault)
        if fault != "dropped":
            self.kept[path] = content[:-3] if fault == "torn" else content
        if fault == "kill_after":
            raise Killed
        if fault == "lost_answer":
            raise BlobsUnavailable("no answer", retryable=False)

    def _refuse(self, fault: Fault) -> None:
        if fault == "kill_before":
            raise Killed
        if fault in {"busy", "down"}:
            raise BlobsUnavailable(fault, retryable=fault == "busy")

    def paths(self, prefix: str) -> list[str]:
        return [path for path in self.kept if path.startswith(prefix)]

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            self.kept.pop(path, None)


def ring(generation: int) -> KeyRing:
    """Return the ring after so many rotations: the newest key seals, all older ones still open."""
    keys = {
        f"k{n}": Key(f"k{n}", "sign" if n == generation else "verify", bytes([n]) * 32) for n in range(generation + 1)
    }
    return KeyRing(keys, keys[f"k{generation}"])


@dataclass
class World:
    """A campaign of some steps, and all that outlives a process: storage, rotations, and what a bystander saw."""

    steps: int
    storage: Storage
    kills_in_steps: set[int] = field(default_factory=set)
    rotations: list[bool] = field(default_factory=list)
    generation: int = 0
    calls: int = 0
    proven: dict[str, bytes] = field(default_factory=dict)
    """What a write proved or a read returned, by path: from then on the only right answer."""
    good: dict[str, bytes] = field(default_factory=dict)
    """The sealed bytes behind it, as an operator finds them in the storage's versions."""

    def vault(self) -> CheckpointVault:
        patience = Patience(max_wait_seconds=1e9, sleep=lambda _: None, jitter=lambda: 0.0)
        return CheckpointVault(self.storage, Sealer(ring(self.generation)), patience)

    def saw(self, path: str, plain: bytes) -> None:
        assert self.proven.setdefault(path, plain) == plain, "a kept result changed"
        if path not in self.good:
            self.good[path] = self.storage.kept[path]

    def run(self) -> list[str]:
        """Do what a flow run does: each step from its checkpoint, or by calling the model and keeping the answer."""
        vault, results = self.vault(), ["brief"]
        for number in range(self.steps):
            key = checkpoint_key(SCOPE, f"step-{number}", results[-1])
            plain = vault.read(key)
            assert plain is not None or key.path not in self.proven, "a kept result was taken for missing"
            if plain is None:
                plain = self.invent(number)
                vault.write(key, plain)
            self.saw(key.path, plain)
            results.append(json.loads(plain)["words"])
        return results

    def invent(self, number: int) -> bytes:
        """Answer as a model does: differently at each call."""
        self.calls += 1
        if self.calls in self.kills_in_steps:
            raise Killed
        return json.dumps({"words": f"step {number}, said at call {self.calls}"}).encode()

    def heal(self) -> None:
        """Do what operators do after an alarm: put back what was proven, remove what never was."""
        for path in list(self.storage.kept):
            if path in self.good:
                self.storage.kept[path] = self.good[path]
            else:
                self.storage.kept.pop(path)

    def run_to_the_end(self) -> tuple[list[str], int]:
        """Run, crash, heal what was forged, rotate keys, run again; return the results and the interruptions."""
        for interruptions in range(10_000):
            try:
                return self.run(), interruptions
            except CheckpointForged:
                event("forged")
                self.heal()
            except CheckpointFault:
                event("unavailable")
            except Killed:
                event("killed")
            if self.rotations and self.rotations.pop():
                self.generation += 1
                event("rotated")
        raise AssertionError("never ends")


worlds = st.builds(
    World,
    steps=st.integers(1, 30),
    storage=st.builds(Storage, st.lists(st.sampled_from(FAULTS), max_size=80)),
    kills_in_steps=st.sets(st.integers(1, 40), max_size=8),
    rotations=st.lists(st.booleans(), max_size=10),
)


@given(worlds)
@example(World(1, Storage(["none", "lost_answer", "busy", "flipped"])))
@example(World(2, Storage(["none", "dropped", "none", "none", "torn", "none", "none", "none", "swapped"])))
@settings(max_examples=300)
def test_an_interrupted_campaign_ends_with_what_it_first_kept_and_repeats_only_what_it_had_not(world: World) -> None:
    """What was kept once is what every later run goes on with, and no changed byte is decoded.

    A step is repeated only if it was interrupted before its result was proven.
    """
    faults = len(world.storage.script)

    results, interruptions = world.run_to_the_end()

    assert len(results) == world.steps + 1
    assert [json.loads(plain)["words"] for plain in world.proven.values()] == results[1:]
    assert world.calls <= world.steps + interruptions
    assert interruptions <= faults + len(world.kills_in_steps)
    world.storage.script.clear()
    again = replace(world, calls=0)
    assert again.run() == results
    assert again.calls == 0


@given(worlds)
@settings(max_examples=100)
def test_steps_that_always_say_the_same_end_as_if_nothing_had_happened(world: World) -> None:
    @dataclass
    class Deterministic(World):
        def invent(self, number: int) -> bytes:
            super().invent(number)
            return json.dumps({"words": f"step {number}"}).encode()

    interrupted = Deterministic(world.steps, world.storage, world.kills_in_steps, world.rotations)
    undisturbed = Deterministic(world.steps, Storage([]))

    results, _ = interrupted.run_to_the_end()

    assert results == undisturbed.run()
    assert list(interrupted.proven.values()) == list(undisturbed.proven.values())


# --- the seal -----------------------------------------------------------------------------------------

secrets = st.binary(min_size=32, max_size=32)
places = st.builds(AssociatedData, st.text(max_size=20), st.text(max_size=20), st.text(max_size=40))


def sealer_of(secret: bytes) -> Sealer:
    key = Key("k1", "sign", secret)
    return Sealer(KeyRing({"k1": key}, key))


@given(secrets, st.binary(max_size=2000), places)
@settings(max_examples=100)
def test_what_is_sealed_opens_to_the_same_bytes(secret: bytes, plain: bytes, place: AssociatedData) -> None:
    assert sealer_of(secret).open(sealer_of(secret).seal(plain, context=place), context=place) == plain


def refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except SealBroken:
        return True
    return False


@given(secrets, st.binary(max_size=200), places, places)
@settings(max_examples=100)
def test_sealed_bytes_open_at_no_other_place(
    secret: bytes, plain: bytes, place: AssociatedData, other: AssociatedData
) -> None:
    sealer = sealer_of(secret)
    sealed = sealer.seal(plain, context=place)

    assert refused(lambda: sealer.open(sealed, context=other)) == (place != other)


@given(
    place=places,
    move=st.sampled_from([("tenant_id", "campaign_id"), ("campaign_id", "storage_key"), ("tenant_id", "storage_key")]),
    cut=st.integers(0, 20),
)
@settings(max_examples=100)
def test_moving_text_from_one_part_of_the_place_to_the_next_makes_another_place(
    place: AssociatedData, move: tuple[str, str], cut: int
) -> None:
    giver, taker = move
    given_text = getattr(place, giver)
    other = replace(place, **{giver: given_text[:cut], taker: given_text[cut:] + getattr(place, taker)})
    sealer = sealer_of(b"s" * 32)
    sealed = sealer.seal(b"words", context=place)

    assert refused(lambda: sealer.open(sealed, context=other)) == (place != other)


@given(secrets, st.binary(max_size=200), places, st.data())
@settings(max_examples=100)
def test_sealed_bytes_with_any_change_do_not_open(
    secret: bytes, plain: bytes, place: AssociatedData, data: st.DataObject
) -> None:
    sealer = sealer_of(secret)
    sealed = sealer.seal(plain, context=place)
    at = data.draw(st.integers(0, len(sealed)))
    removed, inserted = data.draw(st.integers(0, 20)), data.draw(st.binary(max_size=20))
    changed = sealed[:at] + inserted + sealed[at + removed :]

    assert refused(lambda: sealer.open(changed, context=place)) == (changed != sealed)
