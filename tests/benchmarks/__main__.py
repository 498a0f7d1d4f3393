"""`python -m tests.benchmarks [NAME [OPTIONS]]`: one bench by its name, or those that take a minute."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

QUICK: Final = ("plan", "store")
SHARED: Final = frozenset({"counting", "others", "picture", "where"})
"""What benches stand on."""


def main(arguments: list[str]) -> int:
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if path.stem not in SHARED)
    if not arguments:
        return max(_run(name, []) for name in QUICK)
    name, *options = arguments
    if name not in names:
        print(f"there is no bench {name!r}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    return _run(name, options)


def _run(name: str, options: list[str]) -> int:
    return subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name}", *options], check=False
    ).returncode  # a bench of this folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
