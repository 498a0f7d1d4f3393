"""The whole product as processes, started once for all files that can share it: ON_ONE_STACK in tests/conftest.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.stack import LocalStack, seed
from tests.flows.conftest import TENANT
from tests.otlp import Receiver


@pytest.fixture(scope="package")
def bedrock() -> Iterator[FakeBedrock]:
    with FakeBedrock(seconds=0.1) as server:
        yield server


@pytest.fixture(scope="package")
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, prefect_database: Path, bedrock: FakeBedrock, receiver: Receiver
) -> Iterator[LocalStack]:
    settings = {
        "CAMPAIGNS_MODEL": "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "CAMPAIGNS_OTLP_ENDPOINT": receiver.url,
    }
    home = tmp_path_factory.mktemp("stack")
    with LocalStack(home, template=prefect_database, extra_env=settings).start() as running:
        seed(running.env, TENANT)
        yield running


@pytest.fixture(scope="package")
def token(stack: LocalStack) -> str:
    """A token of the tenant that may do everything."""
    ring = KeyRing.parse(stack.env["CAMPAIGNS_API_KEYS"])
    now = datetime.now(UTC)
    return mint(ring, tenant_id=TENANT, subject="tests", scopes=SCOPES, ttl=timedelta(hours=1), now=now)


@pytest.fixture(scope="package")
def client(stack: LocalStack, token: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=stack.api_url, headers=headers, timeout=30) as opened:
        yield opened
