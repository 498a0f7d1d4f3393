"""Bodies of flows are replayed: nothing in `flows/` asks a clock, chance, the environment, a client or the network."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FLOWS = Path(__file__).parents[2] / "flows"
MODULES = {
    "time", "random", "secrets", "os", "socket", "subprocess", "threading", "boto3", "botocore", "httpx", "requests",
    "urllib", "sqlite3", "prefect.client.orchestration",
    "campaigns.settings", "campaigns.agents", "campaigns.checkpoints",
}  # fmt: skip
# In `from os import environ` the module is found.
CALLS = {"now", "today", "utcnow", "uuid1", "uuid4", "getenv", "environ", "open", "get_client", "input"}
ALLOWED = {
    (
        "approval_gate.py",
        "uuid4",
    ): "a pause has a key of its own, also in a replay: a kill would strand it",
    ("housekeeping.py", "now"): "in the body of a task, which is not replayed",
}


def found(name: str, source: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                wanted = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names):
                wanted = [module, *(f"{module}.{alias.name}" for alias in names)]
            case ast.Call(func=ast.Attribute(attr=asked) | ast.Name(id=asked)) | ast.Attribute(attr="environ" as asked):
                if asked in CALLS:
                    yield name, asked
                continue
            case _:
                continue
        yield from ((name, each) for each in wanted if any(f"{each}.".startswith(f"{bad}.") for bad in MODULES))


def test_no_flow_asks_what_another_run_would_be_answered_otherwise() -> None:
    faults = {each for path in FLOWS.glob("*.py") for each in found(path.name, path.read_text("utf-8"))}

    assert faults == set(ALLOWED)


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now()", "import time", "import random", "from random import choice",
        "from uuid import uuid4\nuuid4()", "import os.path", "from prefect.client.orchestration import get_client",
        "from prefect.client import orchestration", "import httpx", "from campaigns.settings import get_settings",
        "from campaigns import settings", "open('x')",
    ],
)  # fmt: skip
def test_each_way_to_ask_is_found(source: str) -> None:
    assert list(found("flow.py", source))
