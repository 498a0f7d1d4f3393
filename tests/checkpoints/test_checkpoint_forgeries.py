"""Hostile checkpoints: none of 10,000 mutations and no gadget is let through, and nothing in them is executed."""

from __future__ import annotations

import base64
import json
import lzma
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from prefect.results import ResultStore
from prefect.serializers import CompressedSerializer, JSONSerializer, PickleSerializer

from campaigns.checkpoints.faults import CheckpointFault, CheckpointForged, CheckpointUnreadable
from campaigns.checkpoints.key import CheckpointKey
from campaigns.model.base import new_id
from tasks.checkpoints.codec import CheckpointJson, declare_step
from tasks.checkpoints.storage import SealedCheckpoints

# A refusal is reported as an event; without a server Prefect would start one of its own for it.
pytestmark = pytest.mark.usefixtures("prefect_server")

STEP = "forged-step"
declare_step(STEP, dict[str, Any])
KEY = CheckpointKey("acme", new_id("campaign"), STEP, "a" * 64)
OTHER_KEY = CheckpointKey("acme", new_id("campaign"), STEP, "a" * 64)


def place(block: SealedCheckpoints, content: bytes, key: CheckpointKey = KEY) -> Path:
    """Write bytes where a checkpoint lies, as somebody with write access to the storage would."""
    path = Path(block.location.removeprefix("file://")) / key.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def genuine(result: str = '{"text": "words"}', **changes: Any) -> dict[str, Any]:
    """Return the fields of a record as our tasks write it, with changes to its metadata."""
    metadata = {
        "storage_key": str(KEY),
        "expiration": None,
        "serializer": {"type": "checkpoint-json", "step": STEP},
        "prefect_version": "3.8.8",
        "storage_block_id": None,
    }
    return {"metadata": {**metadata, **changes}, "result": result}


def sealed_genuine(block: SealedCheckpoints, key: CheckpointKey = KEY) -> bytes:
    return block.vault().sealer.seal(json.dumps(genuine()).encode(), context=key.context)


# --- 10,000 mutations ---------------------------------------------------------------------------------


def mutations(original: bytes, other: bytes, rng: random.Random) -> Iterator[bytes]:
    """Yield byte strings that differ from the original, for ever."""

    def flipped() -> bytes:
        at = rng.randrange(len(original))
        return original[:at] + bytes([original[at] ^ (1 << rng.randrange(8))]) + original[at + 1 :]

    def overwritten() -> bytes:
        at, length = rng.randrange(len(original)), rng.randint(1, 40)
        return original[:at] + rng.randbytes(length) + original[at + length :]

    def inserted() -> bytes:
        at = rng.randrange(len(original) + 1)
        return original[:at] + rng.randbytes(rng.randint(1, 40)) + original[at:]

    def removed() -> bytes:
        at = rng.randrange(len(original))
        return original[:at] + original[at + rng.randint(1, 40) :]

    def spliced() -> bytes:
        at = rng.randrange(1, len(original))
        return original[:at] + other[at:]

    makers = [flipped, overwritten, inserted, removed, spliced, lambda: original[: rng.randrange(len(original))],
              lambda: original + rng.randbytes(rng.randint(1, 40)), lambda: rng.randbytes(rng.randint(0, 200)),
              lambda: original[::-1], lambda: original + original]  # fmt: skip
    while True:
        mutated = rng.choice(makers)()
        if mutated != original:
            yield mutated


def test_none_of_ten_thousand_mutated_objects_is_let_through(block: SealedCheckpoints) -> None:
    original = sealed_genuine(block)
    stream = mutations(original, sealed_genuine(block, OTHER_KEY), random.Random(20260301))
    vault, refused = block.vault(), 0

    for _ in range(10_000):
        place(block, next(stream))
        try:
            vault.read(KEY)
        except CheckpointForged:
            refused += 1

    assert refused == 10_000
    place(block, original)
    assert json.loads(vault.read(KEY) or b"") == genuine()


# --- gadgets ------------------------------------------------------------------------------------------

CANARY = Path("canary")


class Gadget:
    """Touches the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return (_touch, (str(self.canary),))


def _touch(path: str) -> str:
    Path(path).touch()
    return "pwned"


def gadgets(canary: Path) -> dict[str, bytes]:
    """Return hostile contents by name; each, read the way it asks for, touches the canary or smuggles a value in."""
    pickled = {
        "pickle": base64.encodebytes(pickle.dumps(Gadget(canary))).decode(),
        "cloudpickle": base64.encodebytes(cloudpickle.dumps(Gadget(canary))).decode(),
    }
    squeezed = {name: base64.encodebytes(lzma.compress(text.encode())).decode() for name, text in pickled.items()}
    shell = json.dumps({"__class__": "subprocess.getoutput", "data": [f"touch {canary}"]})
    call = json.dumps({"__class__": "pathlib.Path.touch", "data": str(canary)})
    leave = json.dumps({"__exc_type__": "builtins.SystemExit", "message": "1"})
    ours = {"type": "checkpoint-json", "step": STEP}
    records: dict[str, Any] = {
        "pickle": genuine(pickled["pickle"], serializer={"type": "pickle", "picklelib": "pickle"}),
        "cloudpickle": genuine(pickled["cloudpickle"], serializer={"type": "pickle"}),
        "pickle, version named": genuine(
            pickled["cloudpickle"], serializer={"type": "pickle", "picklelib": "cloudpickle", "picklelib_version": "3"}
        ),
        "compressed pickle": genuine(squeezed["cloudpickle"], serializer={"type": "compressed/pickle"}),
        "compressed, pickle inside": genuine(
            squeezed["pickle"], serializer={"type": "compressed", "serializer": {"type": "pickle"}}
        ),
        "compressed by another library": genuine(
            squeezed["pickle"], serializer={"type": "compressed/pickle", "compressionlib": "pickle"}
        ),
        "compressed json": genuine(
            base64.encodebytes(lzma.compress(shell.encode())).decode(), serializer={"type": "compressed/json"}
        ),
        "json that names a function": genuine(shell, serializer={"type": "json"}),
        "json that names a method": genuine(call, serializer={"type": "json"}),
        "json that names an exception": genuine(leave, serializer={"type": "json"}),
        "json without a decoder": genuine(
            '{"text": "other"}', serializer={"type": "json", "object_encoder": None, "object_decoder": None}
        ),
        "json with a decoder of its own": genuine(shell, serializer={"type": "json", "object_decoder": "os.system"}),
        "json read by pickle": genuine(
            pickled["pickle"], serializer={"type": "json", "jsonlib": "pickle", "object_decoder": None}
        ),
        "json read by marshal": genuine("", serializer={"type": "json", "jsonlib": "marshal"}),
        "json with a hook in its arguments": genuine(
            shell, serializer={"type": "json", "loads_kwargs": {"cls": "os.system"}}
        ),
        "a serializer nobody knows": genuine("{}", serializer={"type": "evil"}),
        "a serializer of no type": genuine("{}", serializer={}),
        "a serializer that is text": genuine("{}", serializer="pickle"),
        "a serializer that is null": genuine("{}", serializer=None),
        "the base serializer": genuine("{}", serializer={"type": "__base__"}),
        "our serializer with more": genuine("{}", serializer={**ours, "picklelib": "pickle"}),
        "our serializer of another step": genuine("{}", serializer={**ours, "step": "plan"}),
        "our serializer without a step": genuine("{}", serializer={"type": "checkpoint-json"}),
        "our serializer in capitals": genuine("{}", serializer={**ours, "type": "CHECKPOINT-JSON"}),
        "our serializer with a space": genuine("{}", serializer={**ours, "type": "checkpoint-json "}),
        "expired": genuine(expiration="2020-01-01T00:00:00Z"),
        "about to expire": genuine(expiration="2999-01-01T00:00:00Z"),
        "expired with pickle": genuine(
            pickled["pickle"], serializer={"type": "pickle"}, expiration="2020-01-01T00:00:00Z"
        ),
        "of another key": genuine(storage_key=str(OTHER_KEY)),
        "of no key": genuine(storage_key=None),
        "of a block that is none": genuine(storage_block_id="not a uuid"),
        "of a version that is none": genuine(prefect_version=["3.8.8"]),
        "metadata with less": {"metadata": {"serializer": ours}, "result": "{}"},
        "a default serializer, which is pickle": {"metadata": {"storage_key": str(KEY)}, "result": pickled["pickle"]},
        "empty metadata": {"metadata": {}, "result": pickled["cloudpickle"]},
        "no metadata": {"result": pickled["cloudpickle"]},
        "metadata null": {"metadata": None, "result": pickled["cloudpickle"]},
        "metadata a list": {"metadata": [], "result": "{}"},
        "the old format": {"serializer": {"type": "pickle"}, "data": pickled["cloudpickle"]},
        "the old format, expired": {"serializer": {"type": "pickle"}, "data": "", "expiration": "2020-01-01T00:00:00Z"},
        "the old format beside the new": {**genuine(), "data": pickled["cloudpickle"]},
        "a result that is not text": {**genuine(), "result": {"__class__": "subprocess.getoutput", "data": ["id"]}},
        "a result that is null": {**genuine(), "result": None},
        "a result that is a list": {**genuine(), "result": [1]},
        "a result that is no JSON": genuine("\x80\x04not json"),
        "a result of another type": genuine("[1, 2, 3]"),
        "a number": 1,
        "null": None,
        "a list": [genuine()],
        "text": "genuine",
    }
    encoded = {name: json.dumps(record).encode() for name, record in records.items()}
    twice = json.dumps(genuine())
    names_twice = twice.replace('"serializer":', '"serializer": {"type": "pickle"}, "serializer":', 1)
    return {
        **encoded,
        "two serializers": names_twice.encode(),
        "two results": twice.replace('"result":', '"result": "{}", "result":', 1).encode(),
        "a bare pickle": pickle.dumps(Gadget(canary)),
        "a bare cloudpickle": cloudpickle.dumps(Gadget(canary)),
        "a bare pickle, squeezed": lzma.compress(pickle.dumps(Gadget(canary))),
        "a bare function call": shell.encode(),
        "nothing": b"",
        "not UTF-8": b"\xff\xfe{}",
        "deep": b"[" * 100_000,
        "NaN": b"NaN",
        "a zip bomb of brackets": b'{"metadata":' * 5_000,
    }


NAMES = list(gadgets(CANARY))


def test_the_corpus_is_large_and_its_pickles_are_live(tmp_path: Path) -> None:
    """Without this, a corpus of duds would pass every test below."""
    pickle.loads(pickle.dumps(Gadget(tmp_path / "one")))
    JSONSerializer().loads(json.dumps({"__class__": "subprocess.getoutput", "data": [f"touch {tmp_path}/x"]}).encode())
    corpus = gadgets(tmp_path / "two")
    live = json.loads(corpus["cloudpickle"])["result"]
    cloudpickle.loads(base64.decodebytes(live.encode()))

    assert len(NAMES) >= 50
    assert (tmp_path / "one").exists()
    assert (tmp_path / "two").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_gadget_in_the_storage_is_refused_unread(block: SealedCheckpoints, tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"
    place(block, gadgets(canary)[name])

    with pytest.raises(CheckpointForged) as refused:
        block.read_path(str(KEY), _sync=True)

    assert refused.value.reason in {"not_sealed", "truncated"}
    assert not canary.exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_gadget_that_carries_our_seal_is_refused_all_the_same(
    block: SealedCheckpoints, tmp_path: Path, name: str
) -> None:
    """The second wall: whoever stole the key still executes nothing."""
    canary = tmp_path / "canary"
    place(block, block.vault().sealer.seal(gadgets(canary)[name], context=KEY.context))
    store = ResultStore(result_storage=block, serializer=CheckpointJson(step=STEP), cache_result_in_memory=False)

    with pytest.raises((CheckpointForged, CheckpointUnreadable)):
        store.exists(str(KEY))
    with pytest.raises((CheckpointForged, CheckpointUnreadable)):
        store.read(str(KEY))

    assert not canary.exists()


@pytest.mark.parametrize("name", NAMES)
def test_our_own_tasks_cannot_write_a_gadget_either(block: SealedCheckpoints, tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"

    with pytest.raises(CheckpointFault):
        block.write_path(str(KEY), gadgets(canary)[name], _sync=True)

    assert not (Path(block.location.removeprefix("file://")) / KEY.path).exists()
    assert not canary.exists()


def test_a_genuine_record_passes_both_walls(block: SealedCheckpoints) -> None:
    block.write_path(str(KEY), json.dumps(genuine()).encode(), _sync=True)
    store = ResultStore(result_storage=block, serializer=CheckpointJson(step=STEP), cache_result_in_memory=False)

    assert store.exists(str(KEY))
    assert store.read(str(KEY)).result == {"text": "words"}


@pytest.mark.parametrize("whose", [OTHER_KEY, CheckpointKey("other", KEY.campaign_id, STEP, "a" * 64),
                                   CheckpointKey("acme", KEY.campaign_id, "plan", "a" * 64),
                                   CheckpointKey("acme", KEY.campaign_id, STEP, "b" * 64)],
                         ids=["campaign", "tenant", "step", "inputs"])  # fmt: skip
def test_a_genuine_object_copied_from_another_key_is_refused(block: SealedCheckpoints, whose: CheckpointKey) -> None:
    place(block, sealed_genuine(block, whose))

    with pytest.raises(CheckpointForged, match="not_authentic"):
        block.read_path(str(KEY), _sync=True)


def test_prefects_pickle_serializers_read_nothing_in_a_process_that_has_our_tasks(tmp_path: Path) -> None:
    """The third wall: a result in a forgotten storage is read by the serializer it names, too."""
    canary = tmp_path / "canary"
    blob = base64.encodebytes(cloudpickle.dumps(Gadget(canary)))

    for serializer in (PickleSerializer(), CompressedSerializer(serializer=PickleSerializer())):
        with pytest.raises(CheckpointForged):
            serializer.loads(blob)

    assert not canary.exists()
