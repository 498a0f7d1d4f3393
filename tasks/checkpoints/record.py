"""Which of Prefect's result records we let through: ours, of this very step and key.

The record names the serializer it is read with, so whoever writes a record chooses what Prefect
executes. Sealing keeps others out; this check is the second wall, for what carries a good seal.
"""

from typing import Any, Final

from prefect.results import ResultRecord  # type: ignore[attr-defined]  # its public name, which Prefect forgot to export
from prefect.serializers import CompressedSerializer, PickleSerializer

from campaigns.checkpoints.faults import CheckpointForged, CheckpointUnreadable
from campaigns.checkpoints.key import CheckpointKey
from campaigns.model.strict_json import strict_json
from tasks.checkpoints.codec import CheckpointJson

_CHECKED: Final = {"storage_key", "expiration", "serializer"}


class ForeignRecordError(ValueError):
    """A result record that is not ours; the message names the part, never its content."""


def require_our_record(record: bytes, key: CheckpointKey) -> None:
    """Check the record of a checkpoint completely, its result included, without importing anything it names.

    Raises:
        ForeignRecordError: not a record that our tasks write.
        CheckpointUnreadable: ours, but this version of the code or of Prefect cannot read it.
    """
    try:
        fields = strict_json(record)
    except (ValueError, RecursionError) as error:
        raise ForeignRecordError(f"not a JSON record: {type(error).__name__}") from None
    if not isinstance(fields, dict) or fields.keys() != {"metadata", "result"}:
        raise ForeignRecordError("not exactly a metadata and a result")
    metadata, result = fields["metadata"], fields["result"]
    if not isinstance(metadata, dict) or not metadata.keys() >= _CHECKED:
        raise ForeignRecordError("the metadata lacks what we check")
    if metadata["serializer"] != CheckpointJson(step=key.step).model_dump():
        raise ForeignRecordError("the record names a foreign serializer")
    if metadata["expiration"] is not None:
        # Prefect takes an expired record for a missing one, and would regenerate it.
        raise ForeignRecordError("a checkpoint does not expire")
    if metadata["storage_key"] != str(key):
        raise ForeignRecordError("the record is of another key")
    if not isinstance(result, str):
        # Prefect hands anything but text on as it is, undecoded.
        raise ForeignRecordError("the result is not text")
    try:
        # What Prefect fails to read a moment later, it takes for missing. So it shows here that it can.
        ResultRecord.deserialize(record)
    except Exception as error:
        raise CheckpointUnreadable(key.path, f"Prefect cannot read it: {type(error).__name__}") from None


def _disarm_pickle() -> None:
    """Make Prefect's pickle and compressed serializers refuse to read, in this process, for good.

    The third wall: results that lie elsewhere (a forgotten default storage, another block) are read
    with the serializer they name, too.
    """
    for serializer in (PickleSerializer, CompressedSerializer):
        serializer.loads = _refuse  # type: ignore[method-assign,assignment]  # this is the point


def _refuse(self: object, _blob: bytes) -> Any:
    raise CheckpointForged(type(self).__name__, "nothing is unpickled in this process")


# Here, so that the wall stands in every process that can reach the storage, whatever else it imports.
_disarm_pickle()
