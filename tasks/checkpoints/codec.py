"""How the result of a step is written down: the JSON of the type that the step declares, and nothing else.

Prefect's serializers import what the stored data names (pickle, `__class__`, `__exc_type__`). This one
takes the type from our code, by the name of the step, so data can name nothing.
"""

from functools import cache
from typing import Any, Final

from prefect.serializers import Serializer
from pydantic import Field, TypeAdapter

from campaigns.checkpoints.faults import CheckpointMisused, CheckpointUnreadable
from campaigns.model.base import STORED

_RETURNS: Final[dict[str, Any]] = {}


def declare_step(step: str, returns: Any) -> None:
    """Say what a step returns: a `Wire` model or anything else that pydantic writes to JSON and reads back.

    Raises:
        ValueError: another step has this name. Two steps of one name could read each other's results.
    """
    if repr(_RETURNS.setdefault(step, returns)) != repr(returns):
        raise ValueError(f"the step {step!r} is declared twice, with different results")


@cache
def _adapter(step: str) -> TypeAdapter[Any]:
    if step not in _RETURNS:
        raise CheckpointMisused(step, "no step of this name is declared in this process")
    return TypeAdapter(_RETURNS[step])


class CheckpointJson(Serializer):
    """The serializer of one step; a record that names any other is refused before it is read."""

    type: str = Field(default="checkpoint-json", frozen=True)
    # Prefect keeps only the type of a serializer in its states, and reads it back from there.
    step: str = ""

    def dumps(self, obj: Any) -> bytes:
        """Return the JSON of a result, proven to read back as the same value.

        Without that proof a run that takes the result from memory and one that takes it from the
        checkpoint would go on with different values (a tuple here, a list there).

        Raises:
            CheckpointMisused: the value is not of the declared type, or does not survive the way.
            TypeError: it is an exception; Prefect tries to keep those of failed tasks, and need not.
        """
        if isinstance(obj, BaseException):
            raise TypeError("the exception of a failed task is not kept")
        adapter = _adapter(self.step)
        try:
            blob = adapter.dump_json(obj, by_alias=True, warnings=False)  # the comparison finds more
            same = adapter.validate_json(blob, context=STORED) == obj
        except Exception as error:
            raise CheckpointMisused(self.step, f"returned no {adapter}: {type(error).__name__}") from error
        if not same:
            raise CheckpointMisused(self.step, f"returned a value that does not survive JSON as {adapter}")
        return blob

    def loads(self, blob: bytes) -> Any:
        """Return the value of a kept result.

        Raises:
            CheckpointUnreadable: it is not of the type that this version of the code declares.
        """
        try:
            return _adapter(self.step).validate_json(blob, context=STORED)
        except ValueError as error:
            # From None: a validation error quotes its input, which is a customer's text.
            raise CheckpointUnreadable(self.step, f"not of the declared type: {type(error).__name__}") from None
