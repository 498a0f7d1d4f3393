"""Looks at an installation where it is run: `make doctor`, or `python -m deployments.commands.doctor` in its image.

Says what is broken and what is open that should be closed, each with what to do next, and ends with 1 if anything is.
It tries what campaigns do (one item, one file, one checkpoint, one word of the model) and removes what it made. Of an
environment on AWS: `make doctor ENV=prod`, which runs it where a worker runs (`deployments.aws.inside`).
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from deployments.checks import engine, exposed, parts
from deployments.checks.finding import Check, Finding, tried

CHECKS: Final[tuple[Check, ...]] = (*exposed.CHECKS, *engine.CHECKS, *parts.CHECKS)
_MARKS: Final = {"ok": "ok  ", "note": "note", "bad": "-   "}


def findings(checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """Return what every check found, in order."""
    return [finding for check in checks for finding in tried(check)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.commands.doctor", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--free", action="store_true", help="do not ask the model, which costs some hundred tokens")
    options = parser.parse_args(arguments)
    checks = [check for check in CHECKS if not (options.free and check is parts.model)]
    found = findings(checks)
    for each in found:
        print(f"{_MARKS[each.level]} {each.says}")
    wrong = sum(each.level == "bad" for each in found)
    print(f"{wrong} finding{'' if wrong == 1 else 's'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
