"""Attacks the approval of campaigns and counts what happened: `python -m tests.approvals.check`.

Each line of `CHECKS` names a function that takes a `Plan` and returns a `Row`. Two of them run at a
time, each in a process of its own. The command fails when a row has a finding, when nothing was tried,
or when fewer faults were injected than planned: a check that tried nothing has shown nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from importlib import import_module
from multiprocessing import get_context
from typing import Final


@dataclass(frozen=True)
class Plan:
    """How much of everything; a row takes of it what concerns it."""

    tokens: int = 100_000
    races: int = 10_000
    decisions: int = 20_000
    payloads: int = 300
    campaigns: int = 500
    seed: int = 1


PLAN: Final = Plan()


@dataclass(slots=True)
class Row:
    """What one check saw: what was tried, how much of it went as it must, and what did not."""

    name: str
    attempts: int = 0
    successes: int = 0
    planned: int = 0
    """Faults that were to be injected."""
    injected: int = 0
    """Faults that really happened."""
    note: str = ""
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def tried(self, right: bool, finding: str = "") -> None:
        """Count one attempt; a wrong one is a finding."""
        self.attempts += 1
        self.successes += right
        if not right:
            self.findings.append(finding)

    @property
    def complaints(self) -> list[str]:
        """Return everything that makes this row fail."""
        found = list(self.findings)
        if self.attempts == 0:
            found.append("nothing was tried")
        if self.injected < self.planned:
            found.append(f"{self.injected} faults were injected of {self.planned} planned")
        return found


CHECKS: Final[Sequence[str]] = (
    # module:function; two at a time, so the longest come first.
    "tests.approvals.stress:on_sqlite",
    "tests.approvals.stress:on_dynamodb",
    "tests.approvals.tokens:forged_tokens_over_http",
    "tests.approvals.decisions:decisions",
    "tests.approvals.races:races",
    "tests.approvals.machines:callback_workflow",
    "tests.approvals.machines:callback_timeout",
    "tests.browser.check:hostile_texts",
    "tests.approvals.tokens:forged_tokens",
    "tests.browser.check:scanners_with_scripts",
    "tests.approvals.races:races_on_dynamodb",
    "tests.approvals.scanners:scanners",
)


def run(check: str, plan: Plan) -> Row:
    """Run one check; one that breaks is a finding too."""
    module, _, name = check.partition(":")
    logging.disable(logging.CRITICAL)  # thousands of refusals are what is wanted here
    started = time.monotonic()
    try:
        row: Row = getattr(import_module(module), name)(plan)
    except Exception:
        row = Row(name, attempts=1, findings=[traceback.format_exc()])
    row.seconds = time.monotonic() - started
    return row


def rows(checks: Sequence[str], plan: Plan) -> Iterator[Row]:
    """Run the checks, two at a time, and yield each row when it is there."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for done in as_completed([pool.submit(run, check, plan) for check in checks]):
            yield done.result()


def line(row: Row) -> str:
    faults = f"{row.injected:,}/{row.planned:,}" if row.planned else "-"
    told = "ok" if not row.complaints else "FAILED"
    figures = f"{row.attempts:>9,} {row.successes:>9,} {faults:>15} {row.seconds:>6.0f} s"
    return f"{row.name:<34} {figures}  {told:<6}  {row.note}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.approvals.check", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tokens", type=int, default=PLAN.tokens, help="forged and mutated tokens")
    parser.add_argument("--races", type=int, default=PLAN.races, help="two-sided races")
    parser.add_argument("--decisions", type=int, default=PLAN.decisions, help="under faults of the store and kills")
    parser.add_argument("--payloads", type=int, default=PLAN.payloads, help="texts that are programs, in a browser")
    parser.add_argument("--campaigns", type=int, default=PLAN.campaigns, help="acted on by several processes at once")
    parser.add_argument("--seed", type=int, default=PLAN.seed)
    parser.add_argument("--only", default="", help="checks with these words in their name")
    parser.add_argument("--json", action="store_true", help="one object for each row")
    options = parser.parse_args(arguments)
    chosen = [check for check in CHECKS if options.only in check]
    if not options.json:
        print(f"{'check':<34} {'attempts':>9} {'successes':>9} {'faults/planned':>15} {'time':>8}", flush=True)
    bad = not chosen
    plan = Plan(**{name: getattr(options, name) for name in asdict(PLAN)})
    for row in rows(chosen, plan):
        bad |= bool(row.complaints)
        print(json.dumps({**asdict(row), "complaints": row.complaints}) if options.json else line(row), flush=True)
        for complaint in [] if options.json else row.complaints[:10]:
            print(f"    {complaint}", flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
