"""What can go wrong with a checkpoint: each ends the run, none may pass for "not there".

    CheckpointFault             a BaseException on purpose
    ├── CheckpointUnavailable     the storage did not answer, or did not keep what was written
    ├── CheckpointForged          the bytes are not ours: a security event
    ├── CheckpointUnreadable      ours, but not of a shape that this code knows
    └── CheckpointMisused         a task or a setting is wrong: no key, no sealed storage, no such step

Prefect reads a result inside `except Exception: return False`, which turns every fault into "not
there": the step runs again, pays again and writes something else over what was approved. It reports a
failed write as a log line. A BaseException passes both: the run ends CRASHED and is rescheduled.
"""


class CheckpointFault(BaseException):
    """Base of the tree; never raised itself. `path` names the object, or the step when there is none yet."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class CheckpointUnavailable(CheckpointFault):
    """Nothing is known about the checkpoint, or a write is not proven. Try again later, regenerate nothing."""


class CheckpointForged(CheckpointFault):
    """The bytes at the key were not sealed by us for this key. No byte of them was decoded."""


class CheckpointUnreadable(CheckpointFault):
    """Authentic, but this version of the code or of Prefect cannot read it."""


class CheckpointMisused(CheckpointFault):
    """A mistake in our own code or settings; it shows on the first run instead of as a lost checkpoint."""
