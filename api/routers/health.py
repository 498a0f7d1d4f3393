"""Whether this process lives, and whether it can do its work. Open to all, so it names parts and nothing else."""

import time
from collections.abc import Callable
from typing import Annotated, Final, Literal, cast
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api.http.problems import documented, problem
from api.motor import is_answering, pool_state
from api.schemas.wire import sent
from campaigns.errors import CampaignError
from campaigns.model.base import Wire
from campaigns.settings import get_settings
from campaigns.store.tables.table import Key

router = APIRouter(tags=["health"], responses=documented(400, 500))

PROBED_SECONDS: Final = 5.0
"""How long a finding stands: nobody can make us ask other parts more often."""

Part = Literal["ok", "unavailable", "insecure", "open"]


class Alive(Wire):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Checks(Wire):
    """`open`: whoever starts a run in Prefect may bring a command of their own (docs/trust.md)."""

    store: Part
    assets: Part
    prefect: Part
    work_pool: Part
    base_url: Part


class Ready(Wire):
    """`degraded`: requests are taken, but something will happen later than it should."""

    status: Literal["ok", "degraded"]
    checks: Checks


class Probe:
    """Asks the parts that this process stands on, at most every five seconds."""

    def __init__(self) -> None:
        self._found: Checks | None = None
        self._until = 0.0

    def checks(self, request: Request) -> Checks:
        if self._found is None or time.monotonic() > self._until:
            self._found = Checks(
                store=_of(lambda: request.app.state.store.table.get(Key("readiness", "probe"))),
                assets=_of(request.app.state.asset_files.check),
                prefect="ok" if is_answering() else "unavailable",
                work_pool=pool_state(),
                base_url=_base_url(get_settings().api_base_url),
            )
            self._until = time.monotonic() + PROBED_SECONDS
        return self._found


def _of(ask: Callable[[], object]) -> Part:
    try:
        ask()
    except CampaignError:
        return "unavailable"
    return "ok"


def _base_url(url: str) -> Part:
    """An approval link that goes over the open net in clear hands its token to everybody on the way."""
    parts = urlsplit(url)
    near = parts.hostname in {"localhost", "127.0.0.1", "::1", "testserver"}
    return "ok" if parts.scheme == "https" or near else "insecure"


async def probe(request: Request) -> Probe:
    return cast(Probe, request.app.state.probe)


@router.get("/healthz", response_model=Alive, summary="Liveness")
async def healthz() -> Response:
    """Answer that the process lives; nothing else is asked."""
    return sent(Alive().to_wire())


@router.get("/readyz", response_model=Ready, summary="Readiness", responses=documented(503))
def readyz(request: Request, found: Annotated[Probe, Depends(probe)]) -> Response:
    """Say whether requests can be taken: not without the store; without Prefect they are taken and built later."""
    checks = found.checks(request)
    if checks.store != "ok":
        raise problem("NOT_READY", "the store does not answer", {"checks": checks.to_wire()}, retry_after=5)
    fine = set(checks.to_wire().values()) == {"ok"}
    return sent(Ready(status="ok" if fine else "degraded", checks=checks).to_wire())
