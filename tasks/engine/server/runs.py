"""Flow runs seen from outside: start one for a campaign, ring the bell of one that waits, end one.

The store is the truth and Prefect the motor (process.md section 1), so every act may be repeated: a
start is idempotent by campaign and attempt, a bell says nothing but "look again", an ended run stays ended.
"""

import atexit
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import cache
from typing import Any, Final
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentFlowRunCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL
from prefect.states import Cancelling, Scheduled
from pydantic import SecretStr

from tasks.engine.server.answers import PrefectUnavailableError
from tasks.forms.approval_input import LOOK_AGAIN

PROBE_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 5.0


class Bell(StrEnum):
    """What became of ringing."""

    RUNG = "rung"
    """The run was waiting and is now scheduled to go on."""
    NOT_WAITING = "not_waiting"
    """The run is on its way, or not yet at its gate: ring again later."""
    OVER = "over"
    """The run has ended, or is gone: nobody is there to hear it."""


@contextmanager
def prefect_client(purpose: str = "ask Prefect") -> Iterator[SyncPrefectClient]:
    """Give a client for somebody who waits: a Prefect that hangs must not make a person wait for a minute.

    Args:
        purpose: what the client is wanted for, as it goes on after "cannot".

    Raises:
        PrefectUnavailableError: Prefect did not answer, or none is configured; it would start a server of its own.
    """
    url = PREFECT_API_URL.value()
    if not url:
        raise PrefectUnavailableError("PREFECT_API_URL is not set")
    try:
        with asking_twice():
            yield _kept_client(url, _text(PREFECT_API_AUTH_STRING.value()), _text(PREFECT_API_KEY.value()))
    except (httpx.HTTPError, OSError) as error:  # an answer without success is an `HTTPError` too
        raise PrefectUnavailableError(f"cannot {purpose}: {type(error).__name__}") from error


@contextmanager
def asking_twice() -> Iterator[None]:
    """Let Prefect's clients ask once more when there is no answer, and not for a minute.

    Not `temporary_settings`: it reads every file of settings anew, 40 ms each time.
    """
    known = get_settings_context()
    client = known.settings.client.model_copy(update={"max_retries": 1})
    with SettingsContext(profile=known.profile, settings=known.settings.model_copy(update={"client": client})):
        yield


@cache  # never dropped: a client that is collected leaves its sockets open
def _kept_client(url: str, auth_string: str | None, api_key: str | None) -> SyncPrefectClient:
    """Return the client of this process: making one reads all certificates, a tenth of a second."""
    client = SyncPrefectClient(
        url, auth_string=auth_string, api_key=api_key, httpx_settings={"timeout": ANSWER_SECONDS}
    )
    atexit.register(client.__exit__)
    return client.__enter__()  # kept open; its connections are shared by threads


def sign_in() -> str | None:
    """Return the name and the password with which we ask Prefect, as `name:password`; None: there are none."""
    return _text(PREFECT_API_AUTH_STRING.value()) or None


def _text(secret: Any) -> str | None:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def start_run(deployment: str, *, tenant_id: str, campaign_id: str, tags: list[str], attempt: str = "1") -> UUID:
    """Create the flow run that builds a stored campaign; the same attempt again returns the same run while it lives.

    An attempt whose run has ended gets another one: after a restore of the table, attempts are counted anew.

    Raises:
        PrefectUnavailableError: the run may or may not exist; ask again with the same attempt.
    """
    parameters = {"tenant_id": tenant_id, "campaign_id": campaign_id}
    return _create(deployment, parameters, key=start_key(tenant_id, campaign_id, attempt), tags=tags)


def start_key(tenant_id: str, campaign_id: str, attempt: str) -> str:
    """Return Prefect's idempotency key of a start. A copy of the run has another one, or none."""
    return f"{tenant_id}/{campaign_id}/{attempt}"


def start_analysis(deployment: str, *, tenant_id: str, persona_id: str, attempt: str, tags: list[str]) -> UUID:
    """Create the flow run that reads a persona's style; the same attempt again returns the same run.

    Raises:
        PrefectUnavailableError: the run may or may not exist; ask again with the same attempt.
    """
    parameters = {"tenant_id": tenant_id, "persona_id": persona_id}
    return _create(deployment, parameters, key=f"{tenant_id}/{persona_id}/{attempt}", tags=tags)


def _create(deployment: str, parameters: dict[str, Any], *, key: str, tags: list[str]) -> UUID:
    try:
        with prefect_client(f"start a run of {deployment}") as client:
            target = _id_of(client, deployment)
            wanted = key
            while True:
                run = _ordered(client, target, parameters=parameters, idempotency_key=wanted, tags=tags)
                if run.state is None or not run.state.is_final():
                    return run.id
                wanted = f"{key} after {run.id}"
    except ObjectNotFound as error:
        raise PrefectUnavailableError(f"there is no deployment {deployment}") from error
    except PrefectUnavailableError:
        _ids.clear()  # it may have been deleted and made anew: read again when it is asked again
        raise


def _ordered(client: SyncPrefectClient, deployment: UUID, **given: Any) -> FlowRun:
    """Create a run whose parameters are ours, and so need no check against the form that people fill in.

    Prefect checks that form itself each time, before what is in it: a tenth of a second in which its server answers
    nobody. Its client cannot say that no check is wanted; its API can.
    """
    order = DeploymentFlowRunCreate(**given, enforce_parameter_schema=False)
    answer = client.request(
        "POST",
        "/deployments/{id}/create_flow_run",
        path_params={"id": deployment},
        json=order.model_dump(mode="json", exclude_unset=True),
    )
    return FlowRun.model_validate(answer.json())


_ids: Final[dict[tuple[str, str], UUID]] = {}
"""Of deployments, by server and name. They stay for as long as it does; to look was half of starting a run."""


def _id_of(client: SyncPrefectClient, deployment: str) -> UUID:
    place = str(client.api_url), deployment
    if (known := _ids.get(place)) is None:
        known = _ids[place] = client.read_deployment_by_name(deployment).id
    return known


def ring(run_id: UUID) -> Bell:
    """Wake a run that waits for a decision. What it is told is constant; the decision is in the store.

    Raises:
        PrefectUnavailableError: the run may or may not have been woken; ring again.
    """
    try:
        with prefect_client(f"wake run {run_id}") as client:
            return _ring(client, run_id)
    except ObjectNotFound:
        return Bell.OVER


def _ring(client: SyncPrefectClient, run_id: UUID) -> Bell:
    run = client.read_flow_run(run_id)
    if run.state is None or not run.state.is_paused():
        return Bell.OVER if run.state is not None and run.state.is_final() else Bell.NOT_WAITING
    answer = client.resume_flow_run(run_id, run_input=LOOK_AGAIN)
    if answer.status is SetStateStatus.ACCEPT:
        return Bell.RUNG
    reason = getattr(answer.details, "reason", None) or ""
    if "schema not found" in reason:
        # Killed between "paused" and the saving of the form: no answer will ever be accepted for this
        # pause. The body asks the store first and pauses under a new key, so running it again is safe.
        client.set_flow_run_state(run_id, Scheduled(name="Resuming"), force=True)
        return Bell.RUNG
    return Bell.NOT_WAITING


def cancel_run(run_id: UUID) -> None:
    """End a run: one that waits ends at once, one with a process is ended by its worker. An ended one stays as it is.

    Raises:
        PrefectUnavailableError: the run may or may not end; ask again.
    """
    with suppress(ObjectNotFound), prefect_client(f"cancel run {run_id}") as client:
        run = client.read_flow_run(run_id)
        if run.state is not None and (run.state.is_final() or run.state.is_cancelling()):
            return
        # Not forced: Prefect itself turns this into Cancelled for a run that has no process.
        client.set_flow_run_state(run_id, Cancelling(message="The campaign was cancelled"))


def cancel_runs_of(tenant_id: str, campaign_id: str) -> None:
    """End every run that `start_run` made for a campaign, also one whose making nobody heard of.

    Raises:
        PrefectUnavailableError: some may go on; ask again.
    """
    tags = FlowRunFilterTags(all_=[f"tenant:{tenant_id}", f"campaign:{campaign_id}"])
    with prefect_client(f"find the runs of {campaign_id}") as client:
        runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=tags))
    for run in runs:
        if run.state is None or not run.state.is_final():
            cancel_run(run.id)


def wait_for_prefect() -> None:
    """Return when the Prefect server answers, for what comes up together with it; at once if none is configured."""
    while PREFECT_API_URL.value() and not is_answering():
        time.sleep(PROBE_SECONDS / 4)


def is_answering() -> bool:
    """Whether the Prefect server answers; asked without its client, which would try again for a long time."""
    url = PREFECT_API_URL.value()
    try:
        return bool(url) and _prober().get(f"{url}/health").is_success
    except httpx.HTTPError:
        return False


@cache
def _prober() -> httpx.Client:
    """Return what asks whether Prefect is there: every few seconds, and making one takes 25 ms of CPU.

    It keeps no connection, which a server that was started again would have forgotten.
    """
    return httpx.Client(timeout=PROBE_SECONDS, limits=httpx.Limits(max_keepalive_connections=0))
