"""What the pages for operators tell to do can be done: every command, file and option in them is there."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest

from deployments.place import ROOT

PAGES = ("production.md", "operating.md")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
OURS = ("api", "deployments", "flows", "tasks", "campaigns")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def commands(name: str) -> list[str]:
    """Return the lines of every block that is to be run, those that are continued as one."""
    blocks = re.findall(r"```bash\n(.*?)```", page(name), re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.mark.parametrize("name", PAGES)
def test_every_make_is_a_target_and_every_module_is_there(name: str) -> None:
    text = page(name)
    modules = {each for each in re.findall(r"python -m ([\w.]+)", text) if each.partition(".")[0] in OURS}

    assert set(re.findall(r"\bmake ([a-z][a-z-]*)(?= ENV| ARGS|`|$)", text, re.MULTILINE)) <= TARGETS
    assert modules
    assert [each for each in modules if not importlib.util.find_spec(each)] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_is_named_is_there(name: str) -> None:
    text = page(name)
    named = set(re.findall(r"`((?:deployments|tests|samples|docs)/[\w./-]+)`", text))
    linked = {f"docs/{each}" for each in re.findall(r"\]\(([\w.]+\.md)\)", text)}

    assert [each for each in named | linked if not (ROOT / each).exists()] == []


def options_of(module: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout


@pytest.mark.parametrize(
    "module",
    [
        "deployments.aws.rotate",
        "deployments.aws.restore_table",
        "deployments.engine.register",
        "deployments.aws.deploy",
    ],
)
def test_every_option_of_ours_is_taken(module: str) -> None:
    told = [line for name in PAGES for line in commands(name) if module in line or _made_of(module, line)]
    asked = {option for line in told for option in re.findall(r"(?<= |=)--[a-z-]+", line.partition("#")[0])}

    assert told
    assert asked <= set(re.findall(r"--[a-z-]+", options_of(module)))


def _made_of(module: str, line: str) -> bool:
    return module == "deployments.aws.deploy" and "make deploy" in line


def test_from_nothing_to_a_first_campaign_takes_at_most_ten_commands() -> None:
    part = page("production.md").partition("## From nothing")[2].partition("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)```", part, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]

    assert len(lines) <= 10
    # Each but the first, which only copies, is shown with what it prints.
    assert len(re.findall(r"```\n```\n", part)) >= 4


def test_what_was_never_tried_is_said() -> None:
    assert "never: there was none" in page("production.md")


def test_every_setting_and_name_of_a_stack_in_the_pages_is_real() -> None:
    template = "".join((ROOT / "deployments" / "aws" / f"{name}.yaml").read_text() for name in ("run", "watch"))
    example = (ROOT / "deployments" / "environments" / "example.toml").read_text()

    for name in ("servers", "databaseClass", "restoredTable", "protect", "logDays", "oidcIssuer"):
        assert f"`{name}" in page("production.md") + page("operating.md")
        assert f"{name} = " in example
    assert all(
        metric in template for metric in ("ConsumedReadCapacityUnits", "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED")
    )
