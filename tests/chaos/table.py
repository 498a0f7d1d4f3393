"""The one table of a run: a line for each point and each outage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.chaos.checker import Verdict

_HEAD = ("", "seeds", "injected", "lost", "changed", "repeated", "in flight", "doubled", "stuck", "slowest", "agreed")


@dataclass
class Row:
    """What one kind of fault did to the campaigns that met it."""

    name: str
    planned: int
    injected: int
    lost: int = 0
    changed: int = 0
    repeated: int = 0
    in_flight: int = 0
    doubled: int = 0
    stuck: int = 0
    slowest: float | None = None
    agreed: float = 0.0
    failed: list[str] = field(default_factory=list)


def row_of(name: str, planned: int, injected: int, verdicts: Sequence[Verdict], *, within: float) -> Row:
    """Sum up the verdicts of the campaigns that met a fault.

    Args:
        within: seconds for recovery, and for both sides to say the same (issue 8: 60).
    """
    row = Row(name, planned, injected)
    for verdict in verdicts:
        row.lost += len(verdict.lost)
        row.changed += len(verdict.changed)
        row.repeated += verdict.repeated
        row.in_flight += verdict.in_flight
        row.doubled += len(verdict.doubled) + len(verdict.inconsistent)
        row.stuck += len(verdict.stuck)
        row.agreed = max(row.agreed, verdict.agreement)
        seconds = verdict.recovery.get(name)
        if seconds is not None:
            row.slowest = max(row.slowest or 0.0, seconds)
        late = [f"{seconds:.0f} s until past its gate"] if seconds is not None and seconds > within else []
        if verdict.agreement > within:
            late.append(f"{verdict.agreement:.0f} s until Prefect said what the store says")
        row.failed += [f"{verdict.story.tag}: {fault}" for fault in [*verdict.faults, *late]]
    if injected < planned:
        row.failed.append(f"{injected} of {planned} were injected")
    return row


def printed(rows: Sequence[Row]) -> str:
    """Return the table as text, the failures below it."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = [
        "  ".join(
            text.ljust(width) if not column else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    lines.insert(1, "-" * len(lines[0]))
    failures = dict.fromkeys(f"{row.name}: {failed}" for row in rows for failed in row.failed)
    return "\n".join([*lines, "", *failures]).rstrip()


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def _cells(row: Row) -> tuple[str, ...]:
    slowest = "" if row.slowest is None else f"{row.slowest:.1f} s"
    counts = (row.lost, row.changed, row.repeated, row.in_flight, row.doubled, row.stuck)
    return (row.name, str(row.planned), str(row.injected), *map(str, counts), slowest, f"{row.agreed:.1f} s")
