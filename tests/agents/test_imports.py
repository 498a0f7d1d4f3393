"""Importing the agents is cheap: no model library before a hosted model is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIBRARIES = ("pydantic_ai", "boto3", "botocore", "anthropic", "openai", "genai_prices", "httpx")


def loaded_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(*(name for name in {LIBRARIES} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "agents",
        "agents.contracts",
        "agents.planner",
        "agents.writer",
        "agents.style",
        "agents.providers.models",
        "agents.prompts",
    ],
)
def test_no_agent_module_imports_a_model_library(module: str) -> None:
    assert loaded_after(f"import campaigns.{module}") == set()


def test_the_offline_writer_needs_no_model_library_either() -> None:
    code = (
        "from campaigns.agents import writer\n"
        "from tests.agents.inputs import TENANT, situation\n"
        "assert writer.run(TENANT, situation().writer_input()).success"
    )

    assert loaded_after(code) == set()


def test_a_flow_that_is_resumed_brings_no_model_library_and_no_client_of_aws() -> None:
    flows = "import flows.build_campaign, flows.housekeeping, flows.operations, flows.analyze_persona"

    assert loaded_after(flows) == {"httpx"}  # Prefect's own


def test_a_hosted_model_brings_its_library() -> None:
    assert "pydantic_ai" in loaded_after("import campaigns.agents.providers.hosted")


@pytest.mark.parametrize(
    ("model", "clients"),
    [
        ("bedrock:us.anthropic.claude-sonnet-4-5", set()),
        ("openai-chat:local", {"openai"}),
        ("of-nobody:model", set()),
        ("offline", None),
    ],
)
def test_what_is_loaded_ahead_is_what_the_model_is_called_with_and_begins_no_thread(
    model: str, clients: set[str] | None
) -> None:
    begins_none = "from pathlib import Path; assert len(list(Path('/proc/self/task').iterdir())) == 1"
    loaded = loaded_after(f"from campaigns.agents.providers import models; models.load({model!r}); {begins_none}")

    assert loaded & {"pydantic_ai", "boto3"} == (set() if clients is None else {"pydantic_ai", "boto3"})
    assert loaded & {"anthropic", "openai"} == (clients or set())
