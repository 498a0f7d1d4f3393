"""What is kept and called, by trying: table, files, sealed checkpoints, address of the API, clocks, model and mail."""

import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from prefect.settings import PREFECT_API_URL

from campaigns.agents.prompts import Prompt
from campaigns.agents.providers import models
from campaigns.agents.providers.text_model import ModelAnswer
from campaigns.checkpoints.faults import CheckpointFault
from campaigns.checkpoints.key import CheckpointKey
from campaigns.errors import AgentError, CampaignError
from campaigns.mail_server import mail_server
from campaigns.model.base import content_hash, derived_id
from campaigns.model.post import OFFLINE
from campaigns.release import release
from campaigns.settings import get_settings
from campaigns.store.tables.table import ABSENT, Delete, Key, Put
from campaigns.wiring import configure_agents, get_asset_files, get_store
from deployments.checks.finding import Finding, bad, note, ok
from tasks.checkpoints.storage import configured_storage
from tasks.delivery.smtp_mail import conversation

SKEW_SECONDS: Final = 5.0
"""More than a second is in every answer's way; from here on leases and links go wrong in ways that nobody sees."""
SEEN_LATELY: Final = timedelta(minutes=3)
"""Each part says once a minute at least which release it runs."""
_SECONDS: Final = 10.0
_TENANT: Final = "doctor"


def address() -> Iterator[Finding]:
    """The base URL leads to this API, by TLS, as approvers reach it."""
    url = get_settings().api_base_url
    parts = urlsplit(url)
    near = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not near:
        yield bad(f"CAMPAIGNS_API_BASE_URL {url}: links go over the open net in clear: end TLS before it")
    try:
        answer = httpx.get(f"{url}/healthz", timeout=_SECONDS)
    except httpx.HTTPError as error:
        yield bad(
            f"{url} is not reached from here ({type(error).__name__}): DNS, certificate, load balancer, or the API"
        )
        return
    if answer.status_code == 200 and answer.text.replace(" ", "") == '{"status":"ok"}':
        yield ok(f"approvers reach the API at {url}")
    else:
        yield bad(f"{url}/healthz answers {answer.status_code} and is not this API: correct CAMPAIGNS_API_BASE_URL")


def clock() -> Iterator[Finding]:
    """The clocks of the API and of Prefect agree with the one of this machine."""
    for name, url in (
        ("the API", f"{get_settings().api_base_url}/healthz"),
        ("the Prefect server", f"{PREFECT_API_URL.value()}/health"),
    ):
        try:
            answer = httpx.get(url, timeout=_SECONDS)
            there = parsedate_to_datetime(answer.headers["date"])
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError):
            continue  # that it is away is said elsewhere
        # The header has whole seconds.
        skew = (datetime.now(UTC) - there).total_seconds()
        if -SKEW_SECONDS < skew < SKEW_SECONDS + 1:
            yield ok(f"the clock of {name} agrees with this one")
        else:
            yield bad(f"the clock of {name} differs by {abs(skew):.0f} s from this one: let both follow NTP (chrony)")


def table() -> Iterator[Finding]:
    """Read, list, write under a condition, and remove, as campaigns are."""
    place, found = get_settings().store_location(), get_store().table
    key = Key("doctor", uuid4().hex)
    try:
        found.write(Put({"pk": key.pk, "sk": key.sk, "body": "{}"}, ABSENT))
        found.get(key)
        found.query(key.pk, limit=1)
        found.query_index("status", key.pk, limit=1)
        found.write(Delete(key))
        found.delete([key])
    except CampaignError as error:
        yield bad(f"store {place}: {error.code}: {_cause(error)}. Its name, the rights of this role, or the network")
        return
    yield ok(f"store {place} is read, listed, written and purged")


def releases() -> Iterator[Finding]:
    """All parts have the code that this process has; a part that says nothing is another check's business."""
    mine = release()
    try:
        there = get_store().turns.running(since=datetime.now(UTC) - SEEN_LATELY)
    except CampaignError:
        return  # `table` says so
    others = sorted((part, theirs) for part, theirs in there if theirs != mine)
    for part, theirs in others:
        yield bad(
            f"the {part} runs release {theirs}, this is {mine}: run all from one image; just deployed? look again"
        )
    if there and not others:
        yield ok(f"{' and '.join(sorted({part for part, _ in there}))} run this release, {mine}")


def assets() -> Iterator[Finding]:
    place, found = get_settings().assets_location(), get_asset_files()
    asset = derived_id("asset", uuid4().hex)
    try:
        found.put(_TENANT, derived_id("brand", _TENANT), asset, b"doctor")
        found.delete(_TENANT, derived_id("brand", _TENANT), asset)
    except CampaignError as error:
        yield bad(f"assets {place}: {error.code}: {_cause(error)}. The bucket, the key, or the rights of this role")
        return
    yield ok(f"assets {place} are written and removed")


def checkpoints() -> Iterator[Finding]:
    """Seal, keep, read back and remove, as a step does."""
    settings = get_settings()
    if settings.checkpoint_keys is None:
        yield note("no ring for checkpoints here: right for an API, wrong for a worker")
        return
    storage = configured_storage(settings).model_copy(update={"max_wait_seconds": 1})
    key = CheckpointKey(_TENANT, derived_id("campaign", uuid4().hex), "doctor", content_hash({}))
    try:
        storage.vault().write(key, b"sealed and opened")
        whole = storage.vault().read(key) == b"sealed and opened"
        storage.delete_campaign_checkpoints(key.tenant_id, key.campaign_id)
    except (CheckpointFault, CampaignError) as error:
        why = _cause(error)
        yield bad(f"checkpoints {storage.location}: {why}. The bucket or folder, the key, or the rights of this role")
        return
    if whole:
        yield ok(f"checkpoints are sealed, kept and opened in {storage.location}")
    else:
        yield bad(f"a checkpoint does not come back as it was kept in {storage.location}: treat it as tampering")


class _Word(ModelAnswer):
    word: str = ""


def model() -> Iterator[Finding]:
    """Ask the model for one word; that costs some hundred tokens."""
    settings = get_settings()
    if settings.model == OFFLINE:
        yield note("model: the offline writer, whose posts are drafts; CAMPAIGNS_MODEL=bedrock:… for real ones")
        return
    configure_agents()
    question = Prompt("style", "Answer with one word.", "The word is ok.", "Give it.", max_tokens=50, seconds=30)
    try:
        answer = models.model().answer(question, _Word)
    except AgentError as error:
        yield bad(f"model {settings.model}: {error.reason}: {error.message} Its access, its region, or the rights")
        return
    yield ok(f"model {settings.model} answers ({answer.usage.input_tokens} tokens in)")


def mail() -> Iterator[Finding]:
    """Sign in at the mail server; no mail is sent."""
    settings = get_settings()
    if settings.tells_nobody():
        yield bad("mails are only files on this machine, and approvers are elsewhere: set CAMPAIGNS_MAIL_URL")
        return
    given = settings.mail_url.get_secret_value()
    if not given:
        yield note(f"no mail server; people are told by {', '.join(settings.channels())}")
        return
    server = mail_server(given)
    try:
        with conversation(server) as smtp:
            smtp.noop()
    except (smtplib.SMTPException, OSError) as error:
        why = f"{type(error).__name__} {getattr(error, 'smtp_code', '')}".strip()
        yield bad(f"mail server {server.host}:{server.port}: {why}: its name, port, certificate, or the password")
        return
    yield ok(f"mail server {server.host}:{server.port} lets us in; mails are from {server.sender.address}")


def _cause(error: BaseException) -> str:
    """Return the name of what lies under an error: `AccessDeniedException` says more than "unavailable"."""
    under = error
    while under.__cause__ is not None:
        under = under.__cause__
    response = getattr(under, "response", None)
    return str(response["Error"]["Code"]) if isinstance(response, dict) else type(under).__name__


CHECKS = (address, clock, table, releases, assets, checkpoints, model, mail)
