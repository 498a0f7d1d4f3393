"""Says what of an installation is open that should be closed: `python -m deployments.doctor`.

The exit code is 1 if anything is. It looks at the Prefect server and the environment, and changes nothing.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL

from campaigns.settings import get_settings
from deployments.stack import RINGS
from tasks.engine.work_pool import WORK_POOL, pool_state


def findings(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what is open, each with what to do."""
    match pool_state():
        case "open":
            yield f"work pool {WORK_POOL} lets a run bring its own command: run `python -m deployments.pool`"
        case "unavailable":
            yield f"work pool {WORK_POOL} cannot be read: is PREFECT_API_URL right, and was the pool made?"
    url = PREFECT_API_URL.value() or ""
    if not (PREFECT_API_AUTH_STRING.value() or PREFECT_API_KEY.value()):
        yield "Prefect is asked without a password: set PREFECT_SERVER_API_AUTH_STRING and PREFECT_API_AUTH_STRING"
    if urlsplit(url).scheme == "http" and urlsplit(url).hostname not in {"127.0.0.1", "localhost"}:
        yield f"Prefect is reached without TLS: {url}; its password and every parameter go over the net in clear"
    if all(name in environment for name in RINGS):
        yield "one environment holds all three key rings: give each process its own (docs/trust.md)"
    store = urlsplit(get_settings().store_location())
    path = Path(store.path)
    if store.scheme == "sqlite" and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield f"others on this machine may read {path}: chmod 600 it"


def main() -> int:
    found = list(findings(os.environ))
    for each in found:
        print(f"- {each}")
    print(f"{len(found)} finding{'' if len(found) == 1 else 's'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
