"""Makes Prefect know this release: `python -m deployments.register`, from the image that is to run, after every deploy.

Blocks, the work pool, then every deployment of prefect.yaml; it may be repeated. A deployment remembers the folder that
it was registered from, so it is done where the worker's code lies. `--builds-on POOL` lets another pool build
campaigns, such as `campaigns-ecs` (`deployments.pools`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from deployments.stack import ROOT

STEPS: Final[tuple[tuple[str, ...], ...]] = (
    ("-m", "deployments.blocks"),
    ("-m", "deployments.pool"),
    ("-m", "prefect", "--no-prompt", "deploy", "--all"),
    ("-m", "deployments.choices"),
)


BUILDS: Final = ("build-campaign",)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments.register")
    parser.add_argument("--builds-on", metavar="POOL", help="the work pool that builds campaigns")
    pool = parser.parse_args(arguments).builds_on
    moved = [("-m", "prefect", "--no-prompt", "deploy", "--name", name, "--pool", pool) for name in BUILDS if pool]
    for step in [*STEPS, *moved]:
        done = subprocess.run([sys.executable, *step], cwd=ROOT, check=False)
        if done.returncode:
            print(f"python {' '.join(step)} failed; mend it and run this again", file=sys.stderr)
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
