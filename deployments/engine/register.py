"""Makes Prefect know this release: `python -m deployments.engine.register`, from its image, after every deploy.

Blocks, the work pool, every deployment of prefect.yaml and the automations; it may be repeated, and waits for a server
that comes up. A deployment remembers the folder that it was registered from, so it is done where the worker's code is.
`--builds-on POOL` lets another pool build campaigns, such as `campaigns-ecs` (`deployments.pools`).
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from prefect.cli import app

from deployments.engine import automations, blocks, choices, pool
from deployments.place import ROOT
from tasks.engine.server.runs import wait_for_prefect

BUILDS: Final = ("build-campaign",)


def _prefect(*arguments: str) -> None:
    """Do what a command of Prefect does, in this process: it is loaded once for all steps."""
    sys.argv = ["prefect", "--no-prompt", *arguments]
    app()


STEPS: Final[tuple[tuple[str, Callable[[], None]], ...]] = (
    ("python -m deployments.engine.blocks", blocks.main),
    ("python -m deployments.engine.pool", pool.main),
    ("prefect --no-prompt deploy --all", partial(_prefect, "deploy", "--all")),
    ("python -m deployments.engine.choices", choices.main),
    ("python -m deployments.engine.automations", automations.main),
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments.engine.register")
    parser.add_argument("--builds-on", metavar="POOL", help="the work pool that builds campaigns")
    where = parser.parse_args(arguments).builds_on
    moved: list[tuple[str, Callable[[], None]]] = [
        (f"prefect deploy --name {name} --pool {where}", partial(_prefect, "deploy", "--name", name, "--pool", where))
        for name in BUILDS
        if where
    ]
    os.chdir(ROOT)
    wait_for_prefect()
    for command, step in [*STEPS, *moved]:
        if failed := _failed(step):
            print(f"{command} failed; mend it and run this again", file=sys.stderr)
            return failed
    return 0


def _failed(step: Callable[[], None]) -> int:
    """Do a step as if it were a command; return its exit code."""
    try:
        step()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
