"""Makes Prefect know this release: `python -m deployments.register`, from the image that is to run, after every deploy.

Blocks, the work pool, then every deployment of prefect.yaml; it may be repeated. A deployment remembers the folder that
it was registered from, so it is done where the worker's code lies.
"""

from __future__ import annotations

import subprocess
import sys

from deployments.stack import ROOT

STEPS: tuple[tuple[str, ...], ...] = (
    ("-m", "deployments.blocks"),
    ("-m", "deployments.pool"),
    ("-m", "prefect", "--no-prompt", "deploy", "--all"),
)


def main() -> int:
    for step in STEPS:
        done = subprocess.run([sys.executable, *step], cwd=ROOT, check=False)
        if done.returncode:
            print(f"python {' '.join(step)} failed; mend it and run this again", file=sys.stderr)
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
