"""One stand-in for Bedrock a session, and the model that reaches it as production does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from campaigns.agents.providers.hosted import HostedModel, hosted_model
from campaigns.agents.providers.models import ModelOptions
from deployments.local.fake_bedrock import FakeBedrock

MODEL = "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.fixture(scope="session")
def server() -> Iterator[FakeBedrock]:
    with FakeBedrock() as started:
        yield started


@contextmanager
def reached(server: FakeBedrock, *, name: str = MODEL, **patience: float) -> Iterator[HostedModel]:
    """A model on Bedrock; boto3 finds the stand-in by its own variable."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIACANARYACCESSKEY0")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret-key")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        model = hosted_model(ModelOptions(name=name, **patience))
        yield model
        model.close()


@pytest.fixture(scope="session")
def claude(server: FakeBedrock) -> Iterator[HostedModel]:
    """A model that waits as long as it takes, however busy the machine is."""
    with reached(server) as model:
        yield model


@pytest.fixture(scope="session")
def hurried(server: FakeBedrock) -> Iterator[HostedModel]:
    """A model that waits for a second, for answers that come later than that or never."""
    with reached(server, connect_timeout=0.5, read_timeout=1.0) as model:
        yield model


@pytest.fixture
def bedrock(server: FakeBedrock) -> Iterator[FakeBedrock]:
    """The stand-in with nothing scripted and nothing asked yet."""
    server.script.clear()
    server.requests.clear()
    server.throttle = 0.0
    server.busiest = 0
    yield server
    server.script.clear()
    server.throttle = 0.0
