"""The doctor says what is broken, and what to do: each part broken once, against the real thing."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import prefect
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from campaigns import wiring
from campaigns.agents.providers import models
from campaigns.keys.keyring import new_ring
from campaigns.release import release
from campaigns.settings import get_settings
from deployments.checks import engine, exposed, parts
from deployments.checks.finding import Check, tried
from deployments.commands.doctor import CHECKS
from deployments.local.aws_local import AwsLocal
from deployments.local.aws_local_places import prepare
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.fake_bedrock_script import Said
from deployments.local.stack import free_ports
from tasks.checkpoints.storage import _open_vault
from tasks.upkeep.sweep import sweeping
from tests.prefect_servers import empty_server
from tests.system.test_crash import eventually

BEDROCK = "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0"
Set = Callable[..., None]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Set]:
    """Set variables as a process has them from its start, and forget afterwards what was opened by them."""

    def forget() -> None:
        for each in (get_settings, wiring.get_store, wiring.get_asset_files, wiring.configure_agents, _open_vault):
            each.cache_clear()  # type: ignore[attr-defined]

    def set_(**variables: str) -> None:
        for name, value in {"CAMPAIGNS_HOME": str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)
        forget()

    set_()
    yield set_
    monkeypatch.undo()
    forget()
    models.configure(models.ModelOptions())


def said(check: Check) -> str:
    return "\n".join(f"{each.level} {each.says}" for each in tried(check))


@contextmanager
def answering(body: bytes, *, status: int = 200, date: str | None = None) -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            self.send_header("Date", date or self.date_time_string())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def nowhere() -> str:
    return f"http://127.0.0.1:{free_ports(1)[0]}"


# --- address and clock -------------------------------------------------------------------------------------


def test_the_address_that_approvers_are_sent_to_is_this_api(given: Set) -> None:
    with answering(b'{"status": "ok"}') as url:
        given(CAMPAIGNS_API_BASE_URL=url)
        assert said(parts.address).startswith("ok ")
    assert "bad" in said(parts.address)
    with answering(b"<h1>It works</h1>") as url:
        given(CAMPAIGNS_API_BASE_URL=url)
        assert "is not this API" in said(parts.address)


def test_an_address_without_tls_that_others_reach_is_told(given: Set) -> None:
    given(CAMPAIGNS_API_BASE_URL="http://review.invalid")

    assert "end TLS before it" in said(parts.address)


def test_clocks_that_differ_are_told(given: Set) -> None:
    with (
        answering(b"{}") as right,
        answering(b"{}", date="Mon, 01 Jan 2024 00:00:00 GMT") as wrong,
        temporary_settings({PREFECT_API_URL: f"{wrong}/api"}),
    ):
        given(CAMPAIGNS_API_BASE_URL=right)

        assert "ok the clock of the API" in said(parts.clock)
        assert "bad the clock of the Prefect server differs" in said(parts.clock)


# --- what is kept --------------------------------------------------------------------------------------------


def test_what_is_kept_on_this_machine_is_tried_and_tidied_up(given: Set, tmp_path: Path) -> None:
    given(CAMPAIGNS_CHECKPOINT_KEYS=new_ring())
    (tmp_path / "checkpoints").mkdir()

    for check in (parts.table, parts.assets, parts.checkpoints):
        assert said(check).startswith("ok "), said(check)

    assert wiring.get_store().table.query("doctor") == []
    assert [path for path in tmp_path.rglob("*doctor*") if path.is_file()] == []


def test_what_is_kept_on_aws_is_tried_and_what_is_not_there_is_told(given: Set) -> None:
    with AwsLocal() as emulator:
        made = prepare(emulator, "100000000081")
        given(**made, CAMPAIGNS_CHECKPOINT_KEYS=new_ring())
        for check in (parts.table, parts.assets, parts.checkpoints):
            assert said(check).startswith("ok "), said(check)

        gone = {"CAMPAIGNS_STORE_URL": "dynamodb://nowhere", "CAMPAIGNS_ASSETS_URL": "s3://nowhere-at-all/assets"}
        given(**{**made, **gone})
        assert "ResourceNotFoundException" in said(parts.table)
        assert "NoSuchBucket" in said(parts.assets)


def test_a_part_of_another_release_is_told(given: Set) -> None:
    given()
    assert said(parts.releases) == ""  # nobody has said anything yet
    turns, now = wiring.get_store().turns, datetime.now(UTC)
    turns.runs("api", "0123456789ab", now=now - timedelta(minutes=5))  # that of before, which was replaced
    with sweeping(wiring.get_store(), every_seconds=60):
        eventually(lambda: turns.running(since=now), lambda seen: seen == [("api", release())])
    turns.runs("worker", release(), now=now)
    assert said(parts.releases) == f"ok api and worker run this release, {release()}"

    turns.runs("worker", "0123456789ab", now=now)

    assert said(parts.releases).startswith(f"bad the worker runs release 0123456789ab, this is {release()}")


def test_checkpoints_that_cannot_be_kept_are_told(given: Set, tmp_path: Path) -> None:
    given(CAMPAIGNS_CHECKPOINTS_URL=f"file://{tmp_path}/absent/below", CAMPAIGNS_CHECKPOINT_KEYS=new_ring())
    (tmp_path / "absent").write_text("a file where a folder is meant")

    assert said(parts.checkpoints).startswith("bad checkpoints")


def test_a_store_that_others_may_read_is_told(given: Set, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    path.chmod(0o644)
    assert f"{path}: chmod 600 it" in said(exposed.files)
    path.chmod(0o600)
    assert said(exposed.files) == ""


# --- model and mail -------------------------------------------------------------------------------------------


def test_the_model_is_asked_for_a_word(given: Set) -> None:
    with FakeBedrock() as bedrock:
        bedrock.script = [Said('[{"text": "{}"}]')]
        keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": "us-east-1"}
        given(CAMPAIGNS_MODEL=BEDROCK, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url, **keys)
        assert said(parts.model).startswith(f"ok model {BEDROCK} answers"), said(parts.model)
        given(CAMPAIGNS_MODEL=BEDROCK, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=nowhere(), **keys)
        models.configure(models.ModelOptions())
        assert said(parts.model).startswith(f"bad model {BEDROCK}")


def test_the_offline_writer_is_a_note(given: Set) -> None:
    assert said(parts.model).startswith("note model: the offline writer")


def test_the_mail_server_is_signed_in_to(given: Set) -> None:
    controller = Controller(Sink(), hostname="127.0.0.1", port=free_ports(1)[0])
    controller.start()
    try:
        address = f"smtp://127.0.0.1:{controller.port}?from=review@example.com"
        given(CAMPAIGNS_MAIL_URL=address)
        assert "lets us in; mails are from review@example.com" in said(parts.mail)
        given(CAMPAIGNS_MAIL_URL=address.replace("://", "://user:secret-word@"))
        assert said(parts.mail).startswith("bad mail server")
        assert "secret-word" not in said(parts.mail)
    finally:
        controller.stop()
    given(CAMPAIGNS_MAIL_URL=address)
    assert "ConnectionRefusedError" in said(parts.mail)


def test_mails_that_nobody_gets_are_told(given: Set) -> None:
    given(CAMPAIGNS_API_BASE_URL="https://review.example.com")

    assert "set CAMPAIGNS_MAIL_URL" in said(parts.mail)


# --- Prefect ----------------------------------------------------------------------------------------------------


def test_a_server_that_is_away_is_told_once() -> None:
    with temporary_settings({PREFECT_API_URL: f"{nowhere()}/api"}):
        told = [said(check) for check in engine.CHECKS if check is not engine.prefect_ui]

    assert [each.partition(" ")[0] for each in told if each] == ["bad"]


def test_another_version_a_wrong_password_and_no_password_are_told() -> None:
    with answering(b'"3.0.0"') as url, temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        assert "run both from one image" in said(engine.server)
        assert "answers whoever brings no password" in said(exposed.sign_in)
    with answering(b"{}", status=401) as url, temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        assert "refuses our password" in said(engine.server)


def test_a_password_is_handed_in() -> None:
    with (
        answering(json.dumps(prefect.__version__).encode()) as url,
        temporary_settings({PREFECT_API_URL: f"{url}/api", PREFECT_API_AUTH_STRING: "campaigns:word"}),
    ):
        assert said(engine.server) == f"ok Prefect {prefect.__version__} lets us in"


def test_a_password_that_stays_in_a_private_network_is_a_note() -> None:
    with temporary_settings({PREFECT_API_URL: "http://prefect.campaigns-prod-run.internal:4200/api"}):
        assert "note Prefect is reached without TLS" in said(exposed.sign_in)
    with temporary_settings({PREFECT_API_URL: "http://prefect.example.com/api"}):
        assert "bad Prefect is reached without TLS" in said(exposed.sign_in)


def test_an_empty_server_lacks_everything_of_this_release(given: Set, prefect_database: Path) -> None:
    # One of its own: what other tests of this process did to theirs is no part of this.
    with empty_server(prefect_database) as url:
        given(PREFECT_API_URL=url)
        _lacks_everything()


def _lacks_everything() -> None:
    for check, lacks in (
        (engine.deployments, "build-campaign"),
        (engine.block, "sealed-checkpoints/campaigns"),
        (engine.housekeeping, "housekeeping was not done"),
    ):
        assert lacks in said(check)
        assert said(check).startswith("bad ")


def test_a_check_that_breaks_is_a_finding_and_quotes_nothing() -> None:
    def broken() -> Iterator[None]:
        raise RuntimeError("password=hunter2")
        yield

    assert said(broken) == "bad broken: RuntimeError where none was expected: tell whoever maintains this"  # type: ignore[arg-type]


def test_a_key_tells_its_age(given: Set) -> None:
    lately = f"k{datetime.now(UTC) - timedelta(days=3):%Y%m%d%H%M}"
    given(
        CAMPAIGNS_APPROVAL_KEYS=new_ring(lately),
        CAMPAIGNS_API_KEYS=new_ring("k202401010000"),
        CAMPAIGNS_CHECKPOINT_KEYS=new_ring("k1"),
    )

    told = said(exposed.key_ages)

    assert f"ok CAMPAIGNS_APPROVAL_KEYS is signed with {lately}, made 3 days ago" in told
    assert "note CAMPAIGNS_API_KEYS is signed with k202401010000" in told
    assert "`python -m deployments.aws.rotate add`" in told
    assert "note CAMPAIGNS_CHECKPOINT_KEYS is signed with k1, whose age nobody can tell" in told


def test_every_check_is_done() -> None:
    assert len(CHECKS) == len({check.__name__ for check in CHECKS}) == 20


def test_the_server_of_the_doctor_does_not_wait_for_one_that_hangs() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_address[1]}/api"}):
            assert said(engine.server).startswith("bad ")
        server.shutdown()
