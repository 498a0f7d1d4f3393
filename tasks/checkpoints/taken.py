"""What a step took, from where it is executed to where its result is kept: the receipt lies in the same record.

A receipt is kept with the result or not at all, and counted when it is: once, whatever is replayed afterwards.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from campaigns.telemetry.instruments import Measure
from campaigns.telemetry.measures import StepReceipt, measures_of_map, measures_of_receipt
from campaigns.telemetry.recorder import recorder

_RECEIPT: Final = "receipt"
"""The field of a record's metadata; Prefect reads past it."""

_taken: ContextVar[StepReceipt | None] = ContextVar("taken", default=None)
_together: ContextVar[str] = ContextVar("together", default="")
_maps: Final[dict[str, list[StepReceipt]]] = {}
_changing: Final = threading.Lock()


@contextmanager
def together() -> Iterator[None]:
    """Count the steps that are begun in the block as one map, when the block ends, however it ends."""
    name = uuid4().hex
    token = _together.set(name)
    with _changing:
        _maps[name] = []
    try:
        yield
    finally:
        _together.reset(token)
        with _changing:
            receipts = _maps.pop(name)
        recorder.record(measures_of_map(receipts))


def note_taken(step: str, *, ended: datetime, milliseconds: float, attempts: int) -> None:
    """Remember what the step of this thread took, until its result is kept."""
    _taken.set(StepReceipt(step, ended, round(milliseconds, 3), attempts, _together.get()))


def taken_by(step: str) -> StepReceipt | None:
    """Return what the step of this thread took, None: that is not known."""
    receipt = _taken.get()
    return receipt if receipt is not None and receipt.step == step else None


def with_receipt(record: bytes, receipt: StepReceipt | None) -> bytes:
    """Return a record that holds the receipt beside its result."""
    if receipt is None:
        return record
    fields = json.loads(record)
    fields["metadata"][_RECEIPT] = {
        "ended": receipt.ended.isoformat(), "milliseconds": receipt.milliseconds,
        "attempts": receipt.attempts, "together": receipt.together,
    }  # fmt: skip
    return json.dumps(fields).encode()


def receipt_in(step: str, record: bytes) -> StepReceipt | None:
    """Return the receipt of a record, None: it was written before there were any."""
    found: dict[str, Any] | None = json.loads(record)["metadata"].get(_RECEIPT)
    if found is None:
        return None
    return StepReceipt(
        step, datetime.fromisoformat(found["ended"]), found["milliseconds"], found["attempts"], found["together"]
    )


def count_kept(receipt: StepReceipt | None, *, checkpoints: int | None) -> None:
    """Count a step whose result is kept now.

    Args:
        checkpoints: how many its campaign has; known where its last step is kept.
    """
    if receipt is None:
        return
    _taken.set(None)
    recorder.record(measures_of_receipt(receipt), receipt.ended)
    if checkpoints is not None:
        recorder.record([Measure("CheckpointsPerExecution", checkpoints)], receipt.ended)
    with _changing:
        if receipt.together in _maps:
            _maps[receipt.together].append(receipt)
