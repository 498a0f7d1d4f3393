"""The container recipe: it takes along what runs, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from campaigns.settings import Settings
from deployments.aws.templates import read, template
from deployments.pages.sbom import LOCK, bom
from deployments.place import RINGS, RINGS_OF, ROOT


def test_every_room_is_in_the_image_and_no_test() -> None:
    recipe = (ROOT / "deployments" / "Dockerfile").read_text()
    copied = {name for line in re.findall(r"^COPY (.+)$", recipe, re.MULTILINE) for name in line.split()[:-1]}

    rooms = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"])
    assert {name for name in copied if (ROOT / name).is_dir()} == rooms | {"samples"}
    assert {name for name in copied if not (ROOT / name).exists()} == set()
    assert {"requirements-image.lock", "prefect.toml", "prefect.yaml"} <= copied


RECIPE = (ROOT / "deployments" / "Dockerfile").read_text()


def test_the_image_is_run_by_nobody_by_number() -> None:
    users = re.findall(r"^USER (.+)$", RECIPE, re.MULTILINE)

    assert users == ["10001:10001"]
    assert "useradd --uid 10001" in RECIPE
    after = RECIPE.partition("USER 10001:10001")[2]
    assert not re.search(r"^(RUN|COPY|ADD)", after, re.MULTILINE)  # what runs cannot change what is run


def test_all_that_is_written_lies_in_one_place_that_may_be_mounted() -> None:
    written = dict(re.findall(r"(HOME|TMPDIR|PREFECT_HOME|CAMPAIGNS_HOME)=(\S+)", RECIPE))

    assert written.keys() == {"HOME", "TMPDIR", "PREFECT_HOME", "CAMPAIGNS_HOME"}
    assert re.findall(r"^VOLUME (.+)$", RECIPE, re.MULTILINE) == ["/home/campaigns"]
    assert all(each.startswith("/home/campaigns") for each in written.values())
    assert "PYTHONDONTWRITEBYTECODE=1" in RECIPE


def test_the_base_may_be_pinned_and_no_package_comes_unverified() -> None:
    assert RECIPE.index("ARG BASE=") < RECIPE.index("FROM ${BASE}")
    assert RECIPE.count("FROM ") == 1
    assert not re.search(r"\b(curl|wget|apt-get|ADD)\b", re.sub(r"^#.*$", "", RECIPE, flags=re.MULTILINE))


def test_the_linter_of_recipes_finds_nothing() -> None:
    linter = str(Path(sys.executable).with_name("hadolint"))

    said = subprocess.run([linter, "deployments/Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (said.stdout, said.returncode) == ("", 0)


def test_every_command_of_the_image_is_a_module_that_is_in_it() -> None:
    commands = [json.loads(each) for each in re.findall(r"^(?:HEALTHCHECK .*)?CMD (\[.+\])$", RECIPE, re.MULTILINE)]
    compose = yaml.safe_load((ROOT / "deployments" / "compose.yaml").read_text())
    commands += [service["command"] for service in compose["services"].values() if "command" in service]
    modules = {each[2] for each in commands if each[:2] == ["python", "-m"]}

    assert {"api", "deployments.healthy", "deployments.worker", "deployments.engine.register"} == modules
    assert all(importlib.util.find_spec(name) for name in modules)


def test_the_context_leaves_out_what_an_operator_keeps() -> None:
    kept_out = (ROOT / ".dockerignore").read_text().split()

    for operators in ("deployments/environments", "deployments/*.env"):
        assert kept_out.index("*") < kept_out.index("!deployments") < kept_out.index(operators)
    copied = {name for line in re.findall(r"^COPY (.+)$", RECIPE, re.MULTILINE) for name in line.split()[:-1]}
    assert copied == {name[1:] for name in kept_out if name.startswith("!")}


def test_a_container_is_healthy_while_its_server_answers() -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_address[1])
        assert healthy(port, "/healthz") == 0
        assert healthy(port, "/readyz") == 1
        server.shutdown()
    assert healthy(port, "/healthz") == 1


def healthy(port: str, path: str) -> int:
    command = [sys.executable, "-m", "deployments.healthy", port, path]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode


def test_the_bill_of_materials_lists_what_the_image_installs() -> None:
    lock = LOCK.read_text()
    listed = bom(lock)["components"]

    assert {each["name"] for each in listed} == set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))
    assert [each["name"] for each in listed if not each["hashes"]] == []
    fastapi = next(each for each in listed if each["name"] == "fastapi")
    assert fastapi["purl"] == f"pkg:pypi/fastapi@{metadata.version('fastapi')}"
    assert "MIT" in str(fastapi["licenses"])


# --- compose ----------------------------------------------------------------------------------------------


COMPOSE = yaml.safe_load((ROOT / "deployments" / "compose.yaml").read_text())["services"]
OURS = {"server": "server", "register": "worker", "worker": "worker", "api": "api"}


@pytest.mark.parametrize("service", OURS)
def test_each_of_our_containers_is_nobody_on_a_read_only_root_with_its_own_rings(service: str) -> None:
    described = COMPOSE[service]

    assert described["read_only"]
    assert described["cap_drop"] == ["ALL"]
    assert "user" not in described
    assert "/home/campaigns" in described["volumes"]
    assert {name for name in described["environment"] if name in RINGS} == RINGS_OF[OURS[service]]


@pytest.mark.parametrize("service", OURS)
def test_a_file_of_further_settings_reaches_whoever_reads_settings(service: str) -> None:
    given = COMPOSE[service].get("env_file", [])

    assert given == ([] if service == "server" else [{"path": "settings.env", "required": False}])


def test_compose_gives_settings_that_there_are_and_everybody_the_same_place() -> None:
    for service in ("register", "worker", "api"):
        names = {name for name in COMPOSE[service]["environment"] if name.startswith("CAMPAIGNS_")}
        assert {name.removeprefix("CAMPAIGNS_").lower() for name in names} <= Settings.model_fields.keys()
        assert "data:/data" in COMPOSE[service]["volumes"]


def test_nothing_of_compose_is_reached_from_outside() -> None:
    published = [port for service in COMPOSE.values() for port in service.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_keys_that_compose_asks_for_are_printed() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "deployments" / "compose.yaml").read_text()))
    command = [sys.executable, "-m", "deployments.commands.keys", "--compose"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert {line.partition("=")[0] for line in told.splitlines()} == asked


def test_several_servers_share_the_same_settings_everywhere() -> None:
    task = read(template("run"))["Resources"]["ServerTask"]["Properties"]["ContainerDefinitions"][0]
    on_aws = set(re.findall(r"PREFECT_[A-Z_]+", str(task)))

    assert set(COMPOSE["server"]["environment"]) - on_aws == set()
