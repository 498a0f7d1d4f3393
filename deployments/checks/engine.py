"""What drives: the Prefect server, what it knows of this release, who works for it, and what waits."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import prefect
import yaml
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL
from pydantic import SecretStr

from campaigns.settings import get_settings
from deployments.checks.finding import Finding, bad, note, ok
from deployments.place import ROOT
from tasks.checkpoints.storage import SealedCheckpoints
from tasks.engine.server.work_pool import WORK_POOL

WORKER_ALIVE: Final = timedelta(seconds=120)
HOUSEKEEPING_EVERY: Final = timedelta(minutes=5)
LATE: Final = timedelta(minutes=5)
_SECONDS: Final = 10.0
_REGISTER: Final = "run `python -m deployments.engine.register` from the image that runs"


def _text(setting: Any) -> str:
    """Return a setting that Prefect hands out as a secret or as plain text."""
    return str(setting.get_secret_value() if isinstance(setting, SecretStr) else setting or "")


class _Server:
    """Prefect's API, asked without its client: that would try again for minutes."""

    def __init__(self) -> None:
        sign_in, key = _text(PREFECT_API_AUTH_STRING.value()), _text(PREFECT_API_KEY.value())
        user, _, password = sign_in.partition(":")
        self._auth = (user, password) if sign_in else None
        self._headers = {"Authorization": f"Bearer {key}"} if key and not sign_in else {}
        self._url = PREFECT_API_URL.value() or ""

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self._url}{path}", auth=self._auth, headers=self._headers, timeout=_SECONDS)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = httpx.post(f"{self._url}{path}", json=body, auth=self._auth, headers=self._headers, timeout=_SECONDS)
        return answer.raise_for_status().json()


def server() -> Iterator[Finding]:
    """The server answers, takes our password, and is of our version."""
    try:
        answer = _Server().get("/admin/version")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield bad(
            f"Prefect at {PREFECT_API_URL.value()} is not reached ({type(error).__name__}): the server, or the URL"
        )
        return
    if answer.status_code in {401, 403}:
        yield bad("Prefect refuses our password: PREFECT_API_AUTH_STRING is not the server's")
    elif not answer.is_success:
        yield bad(f"Prefect answers {answer.status_code}: its log, and its database")
    elif (version := answer.json()) != prefect.__version__:
        yield bad(f"the Prefect server is {version}, this is {prefect.__version__}: run both from one image")
    else:
        yield ok(f"Prefect {version} lets us in")


def deployments() -> Iterator[Finding]:
    """Every deployment of prefect.yaml is registered, at the flow that this code has, and not paused."""
    found = _known()
    if found is None:
        return
    there = {each["name"]: each for each in found}
    ours = {each["name"]: each for each in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    if missing := sorted(ours.keys() - there.keys()):
        yield bad(f"Prefect does not know {', '.join(missing)}: {_REGISTER}")
    other = [
        name for name in sorted(ours.keys() & there.keys()) if there[name]["entrypoint"] != ours[name]["entrypoint"]
    ]
    if other:
        yield bad(f"Prefect starts other code for {', '.join(other)}: {_REGISTER}")
    off = [line for name in sorted(ours.keys() & there.keys()) for line in _switched_off(there[name], ours[name])]
    yield from map(bad, off)
    if not (missing or other or off):
        yield ok(f"Prefect knows the {len(ours)} deployments of this release")


def _switched_off(there: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """Yield what of a deployment is off in Prefect and on in prefect.yaml; to register it anew would leave it off."""
    path = f"/deployments/{there['id']}"
    if there.get("paused"):
        yield f"{there['name']} is paused in Prefect: `prefect api POST {path}/resume_deployment`"
    on = {each["slug"] for each in ours.get("schedules", []) if each.get("active", True)}
    for each in there["schedules"]:
        if each["slug"] in on and not each["active"]:
            again = f"prefect api PATCH {path}/schedules/{each['id']} --data '{{\"active\": true}}'"
            yield f"the schedule {each['slug']} of {there['name']} is off in Prefect: `{again}`"


def block() -> Iterator[Finding]:
    """The block that results are kept with is saved, and names the place that the settings name."""
    if _known() is None:
        return
    name = f"/block_types/slug/{SealedCheckpoints._block_type_slug}/block_documents/name/campaigns"
    answer = _Server().get(name)
    if answer.status_code == 404:
        yield bad(f"Prefect has no block sealed-checkpoints/campaigns: {_REGISTER}")
        return
    saved = answer.raise_for_status().json()["data"].get("location")
    if saved != get_settings().checkpoints_location():
        yield bad(f"Prefect keeps results in {saved}, the settings say otherwise: {_REGISTER}")
    else:
        yield ok("Prefect keeps results where the settings say")


def workers() -> Iterator[Finding]:
    """Somebody takes runs from the pool, and may."""
    if _known() is None:
        return
    if _Server().get(f"/work_pools/{WORK_POOL}").json().get("is_paused"):
        yield bad(f"work pool {WORK_POOL} is paused: `prefect work-pool resume {WORK_POOL}`")
    now = datetime.now(UTC)
    found = _Server().post(f"/work_pools/{WORK_POOL}/workers/filter", {})
    alive = [each for each in found if now - datetime.fromisoformat(each["last_heartbeat_time"]) < WORKER_ALIVE]
    if alive:
        yield ok(f"workers of {WORK_POOL} that live: {len(alive)}")
    else:
        yield bad(f"no worker of {WORK_POOL} lives: start `python -m deployments.worker`")


def housekeeping() -> Iterator[Finding]:
    """Housekeeping ended lately: without it nothing that broke is mended."""
    if _known() is None:
        return
    since = (datetime.now(UTC) - HOUSEKEEPING_EVERY).isoformat()
    ended = _Server().post(
        "/flow_runs/filter",
        {
            "flows": {"name": {"any_": ["housekeeping"]}},
            "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}, "end_time": {"after_": since}},
            "limit": 1,
        },
    )
    if ended:
        yield ok("housekeeping was done within the last five minutes")
    else:
        yield bad(
            "housekeeping was not done for five minutes: a worker lives? its schedule is on? what does its run say?"
        )


def backlog() -> Iterator[Finding]:
    """Runs do not wait for a worker for long."""
    if _known() is None:
        return
    before = (datetime.now(UTC) - LATE).isoformat()
    waiting = {"state": {"type": {"any_": ["SCHEDULED", "PENDING"]}}, "expected_start_time": {"before_": before}}
    late = _Server().post("/flow_runs/count", {"flow_runs": waiting})
    if late:
        yield bad(f"{late} runs wait for more than five minutes: more workers, or the work pool is limited")
    else:
        yield ok("no run waits for more than five minutes")


def _known() -> list[Any] | None:
    """Return the deployments that the server has, or None when it does not tell: then `server` has said why."""
    try:
        return list(_Server().post("/deployments/filter", {"limit": 200}))
    except (httpx.HTTPError, httpx.InvalidURL):
        return None


def prefect_ui() -> Iterator[Finding]:
    if not get_settings().prefect_ui_url:
        yield note("CAMPAIGNS_PREFECT_UI_URL is not set: answers and mails do not name the page of a run")


CHECKS = (server, deployments, block, workers, housekeeping, backlog, prefect_ui)
