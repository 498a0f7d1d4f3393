"""What of an installation is open that should be closed (docs/trust.md)."""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL

from campaigns.keys.keyring import KeyRing
from campaigns.settings import get_settings
from deployments.checks.finding import Finding, bad, note, ok
from deployments.place import RINGS
from tasks.engine.server.work_pool import WORK_POOL, pool_state

_SECONDS = 5.0
OLD_DAYS = 365


def work_pool() -> Iterator[Finding]:
    match pool_state():
        case "open":
            yield bad(
                f"work pool {WORK_POOL} lets a run bring its own command: run `python -m deployments.engine.pool`"
            )
        case "unavailable":
            yield bad(f"work pool {WORK_POOL} cannot be read: is PREFECT_API_URL right, and was the pool made?")
        case _:
            yield ok(f"pool {WORK_POOL} takes no command from outside")


def sign_in() -> Iterator[Finding]:
    """Prefect has a password, asks for it, and it does not go over the open net in clear."""
    url = urlsplit(PREFECT_API_URL.value() or "")
    if not (PREFECT_API_AUTH_STRING.value() or PREFECT_API_KEY.value()):
        yield bad("Prefect is asked without a password: set PREFECT_SERVER_API_AUTH_STRING and PREFECT_API_AUTH_STRING")
    host = url.hostname or ""
    if url.scheme == "http" and host not in {"127.0.0.1", "localhost"}:
        inside = "." not in host or host.endswith(".internal")
        says = f"Prefect is reached without TLS: {url.scheme}://{host}; its password goes over the net in clear"
        yield note(f"{says}, inside this network") if inside else bad(f"{says}: put TLS or a private network between")
    try:
        answer = httpx.post(f"{url.geturl()}/flows/filter", json={"limit": 1}, timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL):
        return
    if answer.status_code in {401, 403}:
        yield ok("Prefect refuses whoever brings no password")
    elif answer.is_success:
        yield bad("Prefect answers whoever brings no password: set PREFECT_SERVER_API_AUTH_STRING on the server")


def key_rings() -> Iterator[Finding]:
    if all(os.environ.get(name) is not None for name in RINGS):
        yield bad("one environment holds all three key rings: give each process its own (docs/trust.md)")


def key_ages() -> Iterator[Finding]:
    """Each ring's signing key tells its age by its name, when `commands.keys` or `aws.rotate` named it."""
    now = datetime.now(UTC)
    for name in RINGS:
        if not (text := os.environ.get(name)):
            continue
        kid = KeyRing.parse(text).signing.kid
        try:
            age = now - datetime.strptime(kid, "k%Y%m%d%H%M").replace(tzinfo=UTC)
        except ValueError:
            yield note(f"{name} is signed with {kid}, whose age nobody can tell")
            continue
        says = f"{name} is signed with {kid}, made {age.days} days ago"
        old = age > timedelta(days=OLD_DAYS)
        yield (
            note(f"{says}: change it, `python -m deployments.aws.rotate add` (docs/operating.md)") if old else ok(says)
        )


def files() -> Iterator[Finding]:
    store = urlsplit(get_settings().store_location())
    path = Path(store.path)
    if store.scheme == "sqlite" and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield bad(f"others on this machine may read {path}: chmod 600 it")


CHECKS = (work_pool, sign_in, key_rings, key_ages, files)
