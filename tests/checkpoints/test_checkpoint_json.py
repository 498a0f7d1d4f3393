"""How results are written down: typed by the step, proven to survive, and blind to what data names."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.results import ResultStore

from campaigns.checkpoints.faults import CheckpointMisused, CheckpointUnreadable
from campaigns.checkpoints.key import CheckpointKey
from campaigns.model.base import Instant, Maybe, Wire, new_id
from tasks.checkpoints.codec import CheckpointJson, declare_step
from tasks.checkpoints.storage import SealedCheckpoints


class Note(Wire):
    text: str
    written_at: Instant
    link: Maybe[str] = None
    parts: tuple[int, str] = (1, "a")


NOTE = Note(text="Grüße 👋\n", written_at=datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC), parts=(2, "b"))


def step(name: str, returns: Any) -> CheckpointJson:
    declare_step(name, returns)
    return CheckpointJson(step=name)


@pytest.mark.parametrize(
    ("name", "returns", "value"),
    [
        ("json-model", Note, NOTE),
        ("json-list", list[Note], [NOTE, NOTE.model_copy(update={"link": "https://x.example"})]),
        ("json-dict", dict[str, Note], {"a": NOTE}),
        ("json-maybe", Note | None, None),
        ("json-pair", tuple[Note, int], (NOTE, 3)),
        ("json-plain", dict[str, Any], {"a": [1, 2.5, None, True, {"b": "c"}]}),
    ],
)
def test_a_result_reads_back_as_the_type_that_the_step_declares(name: str, returns: Any, value: object) -> None:
    serializer = step(name, returns)

    found = serializer.loads(serializer.dumps(value))

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "value",
    [{"a": (1, 2)}, {"a": {1, 2}}, {"a": datetime(2026, 1, 1, tzinfo=UTC)}, {"a": float("nan")}, {"a": NOTE}, {1: "a"},
     {"a": b"bytes"}],
    ids=["tuple", "set", "instant", "nan", "model", "number as name", "bytes"],
)  # fmt: skip
def test_a_value_that_would_come_back_as_another_is_refused_when_it_is_written(value: object) -> None:
    with pytest.raises(CheckpointMisused):
        step("json-strict", dict[str, Any]).dumps(value)


@pytest.mark.parametrize("value", [None, "text", {"text": "x"}, object(), [NOTE]])
def test_a_value_of_another_type_than_declared_is_refused(value: object) -> None:
    with pytest.raises(CheckpointMisused):
        step("json-typed", Note).dumps(value)


def test_data_that_names_classes_stays_data() -> None:
    serializer = step("json-names", dict[str, Any])
    value = {"__class__": "subprocess.getoutput", "data": ["id"], "inner": {"__exc_type__": "builtins.SystemExit"}}

    assert serializer.loads(serializer.dumps(value)) == value


def test_a_record_of_an_older_shape_is_named_and_its_text_is_not_shown() -> None:
    serializer = step("json-old", Note)

    with pytest.raises(CheckpointUnreadable) as fault:
        serializer.loads(json.dumps({"text": "purple otter", "colour": "purple"}).encode())

    assert "purple" not in str(fault.value)
    assert fault.value.__cause__ is None


def test_a_step_that_nobody_declared_is_not_read() -> None:
    with pytest.raises(CheckpointMisused, match="no step of this name"):
        CheckpointJson(step="json-unknown").loads(b"{}")


def test_exceptions_of_failed_tasks_are_not_written() -> None:
    with pytest.raises(TypeError):
        step("json-exceptions", dict[str, Any]).dumps(ValueError("text of a brief"))


def test_prefects_store_keeps_a_result_through_a_block_that_was_never_saved(
    block: SealedCheckpoints, folder: Path
) -> None:
    key = CheckpointKey("acme", new_id("campaign"), "json-unsaved", "a" * 64)
    store = ResultStore(result_storage=block, serializer=step("json-unsaved", Note), cache_result_in_memory=False)

    store.write(NOTE, key=str(key))

    assert (folder / key.path).is_file()
    assert store.read(str(key)).result == NOTE
