"""The drill of docs/runbook.md on processes, PostgreSQL and the emulator of AWS, while campaigns wait.

Prefect's database is saved and put back by the page's very commands, then table and bucket are copied to others, and
the installation goes on from the copies: what waits is approved or times out, what was decided since is asked again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from campaigns.store import Store
from campaigns.store.tables.dynamodb import DynamoDBTable
from deployments.aws.restore_table import restore
from deployments.local.approver import decide_by_link
from deployments.local.aws_local import AwsLocal
from deployments.local.aws_local_places import prepare
from deployments.local.mail import newest_link
from deployments.local.stack import LocalStack, seed
from deployments.place import ROOT
from tasks.upkeep.housekeeping import expire_and_remind, ring
from tests.flows.conftest import TENANT, one_week
from tests.system.databases import postgres, program
from tests.system.test_crash import eventually

ACCOUNT = "100000000083"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
Shell = Callable[[str], str]


@pytest.fixture(scope="module")
def emulator() -> Iterator[AwsLocal]:
    with AwsLocal() as running:
        yield running


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres() as address:
        yield address


@pytest.fixture(scope="module")
def shell(database: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    server, folder = urlsplit(database), tmp_path_factory.mktemp("dumps")
    path = f"{Path(program('psql')).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PGHOST": str(server.hostname), "PGPORT": str(server.port), "PGUSER": "prefect"}

    def run(line: str) -> str:
        done = subprocess.run(["bash", "-euc", line], cwd=folder, env=env, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def command(name: str) -> str:
    [found] = re.findall(rf"`({name} [^`]+)`", RUNBOOK)
    return str(found).replace("\n", " ")


@pytest.fixture(scope="module")
def stack(
    emulator: AwsLocal, database: str, shell: Shell, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalStack]:
    shell("createdb prefect")
    settings = {
        **prepare(emulator, ACCOUNT),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database.replace("/postgres", "/prefect"),
    }
    with LocalStack(tmp_path_factory.mktemp("stack"), extra_env=settings).start() as running:
        seed(running.env, TENANT)
        yield running


@pytest.fixture(scope="module")
def client(stack: LocalStack) -> Iterator[httpx.Client]:
    keys = KeyRing.parse(stack.env["CAMPAIGNS_API_KEYS"])
    token = mint(keys, tenant_id=TENANT, subject="tests", scopes=SCOPES, ttl=timedelta(hours=1), now=datetime.now(UTC))
    with httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as opened:
        yield opened


def submitted(client: httpx.Client) -> str:
    brief = {**one_week(), "metadata": {"source": "api", "externalRef": f"restore-{uuid4()}"}}
    answer = client.post("/campaigns", json=brief)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def becomes(client: httpx.Client, campaign_id: str, status: str) -> dict[str, Any]:
    """Wait until a campaign has a status; return it."""

    def read() -> dict[str, Any]:
        try:
            return dict(client.get(f"/campaigns/{campaign_id}").json())
        except httpx.HTTPError:
            return {}

    return eventually(read, lambda found: found.get("status") == status)


def waits(stack: LocalStack, client: httpx.Client) -> tuple[str, str]:
    """Submit a campaign and wait until it is asked about and its run rests; return both ids."""
    campaign_id = submitted(client)
    run_id = str(becomes(client, campaign_id, "awaiting_review")["executionId"])
    eventually(lambda: _run_state(stack, run_id), lambda state: state == "PAUSED")
    return campaign_id, run_id


def approve(stack: LocalStack, campaign_id: str) -> None:
    link = eventually(lambda: newest_link(stack.home / "mail", campaign_id), bool)
    assert link
    assert decide_by_link(link, "approved") == "Approved"


def ended(stack: LocalStack, *names: str) -> None:
    """End parts as their supervisor does, and wait for it."""
    for name in names:
        process = stack.processes.pop(name)
        process.terminate()
        process.wait(120)  # a worker lets what it runs come to its end; on AWS it is given as long


def test_prefects_database_is_put_back_while_campaigns_wait(
    stack: LocalStack, client: httpx.Client, shell: Shell
) -> None:
    saved, run = waits(stack, client)
    shell(command("pg_dump"))
    later, lost = waits(stack, client)

    ended(stack, "server")
    shell('psql --dbname prefect --command "drop table flow_run cascade"')
    shell(command("pg_restore"))
    stack.start_server()

    runs = shell('psql --dbname prefect --no-align --tuples-only --command "select id from flow_run"').splitlines()
    assert run in runs
    assert lost not in runs
    approve(stack, saved)
    becomes(client, saved, "completed")
    eventually(lambda: _run_state(stack, run), lambda state: state == "COMPLETED")
    # What an approval leaves to do needs no run; changes do, so this one gets another.
    link = newest_link(stack.home / "mail", later)
    assert link
    assert decide_by_link(link, "needs_revision", comment="Say more about the farm.") == "Changes requested"
    eventually(lambda: newest_link(stack.home / "mail", later), lambda newer: newer != link)
    assert becomes(client, later, "awaiting_review")["executionId"] != lost
    approve(stack, later)
    becomes(client, later, "completed")


def test_table_and_bucket_are_put_back_while_campaigns_wait(
    stack: LocalStack, client: httpx.Client, emulator: AwsLocal
) -> None:
    session = emulator.session(ACCOUNT)
    dynamodb, s3 = (session.client(name, endpoint_url=emulator.endpoint_url) for name in ("dynamodb", "s3"))
    table, bucket = (urlsplit(stack.env[name]).netloc for name in ("CAMPAIGNS_STORE_URL", "CAMPAIGNS_CHECKPOINTS_URL"))
    (decided, _), (times_out, run) = waits(stack, client), waits(stack, client)
    backup = dynamodb.create_backup(TableName=table, BackupName="drill")["BackupDetails"]["BackupArn"]
    s3.create_bucket(Bucket="restored", CreateBucketConfiguration={"LocationConstraint": session.region_name})
    for each in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.copy_object(Bucket="restored", Key=each["Key"], CopySource={"Bucket": bucket, "Key": each["Key"]})
    # What happens after the moment is lost, and is asked again.
    approve(stack, decided)
    becomes(client, decided, "completed")
    later, stray = waits(stack, client)

    ended(stack, "worker", "api")
    restore(dynamodb, table, "restored", backup=backup, delay=1)
    stack.env["CAMPAIGNS_STORE_URL"] = "dynamodb://restored"
    for name in ("CAMPAIGNS_CHECKPOINTS_URL", "CAMPAIGNS_ASSETS_URL"):
        stack.env[name] = stack.env[name].replace(bucket, "restored")
    s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": each["Key"]} for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]},
    )  # what goes on has the copies only
    stack.run("register", "-m", "deployments.engine.register")  # the block of the results leads to the bucket
    stack.start_api()
    stack.start_worker()
    stack.wait_for(stack.is_api_up, "api", "the API")
    env = stack.env_of("worker")
    done = subprocess.run(
        [sys.executable, "-m", "deployments.commands.restored"],
        cwd=ROOT,
        env=env,
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["4 campaigns checked, 0 findings"]), done.stdout
    assert client.get(f"/campaigns/{later}").status_code == 404
    assert _run_state(stack, stray) in {"CANCELLED", "CRASHED"}  # the latter where its process met its worker's end
    assert client.get(f"/campaigns/{decided}").json()["status"] == "awaiting_review"
    approve(stack, decided)
    becomes(client, decided, "completed")
    # The hours of a round go by in no time: what looks at it is told another hour.
    store, over = Store(DynamoDBTable(dynamodb, "restored")), datetime.now(UTC) + timedelta(days=31)
    access = {PREFECT_API_URL: stack.env["PREFECT_API_URL"], PREFECT_API_AUTH_STRING: env["PREFECT_API_AUTH_STRING"]}
    expire_and_remind(store, over)
    with temporary_settings(access):
        ring(store, over)
    becomes(client, times_out, "approval_timeout")
    assert client.get(f"/campaigns/{times_out}").json()["executionId"] == run
    eventually(lambda: _run_state(stack, run), lambda state: state == "COMPLETED")


def _run_state(stack: LocalStack, run_id: str) -> str:
    answer = httpx.get(
        f"{stack.prefect_url}/api/flow_runs/{run_id}", auth=("campaigns", stack.password), timeout=30
    ).raise_for_status()
    return str(answer.json()["state"]["type"])
