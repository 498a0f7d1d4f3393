"""`make deploy` on the emulator: what is missing at once, what would change, all made, and nothing the second time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from botocore.exceptions import NoCredentialsError

from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.keys.webhooks import webhooks_of
from campaigns.settings import Settings
from deployments.aws import deploy, inside
from deployments.aws import rotate as rotating
from deployments.aws.deploy import DeployError, Installation
from deployments.aws.environment import FOLDER, Environment, EnvironmentFaultsError, load
from deployments.aws.preflight import MAIL_URL, missing
from deployments.aws.release import Release
from deployments.aws.rotate import TooEarlyError, rotate
from deployments.aws.secrets import fresh_kid
from deployments.aws.templates import STACKS, emulated, given_settings
from deployments.local import rehearsal
from deployments.local.rehearsal import FIRST, SECOND, Clients, OnTheEmulator, account
from deployments.local.rehearsal import MAIL_URL as MAIL
from deployments.place import ROOT

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with account() as made:
        yield made


@pytest.fixture(scope="module")
def environment(clients: Clients) -> Environment:
    return rehearsal.environment(clients)


def test_everything_is_made_once_and_the_second_run_changes_nothing(clients: Clients, environment: Environment) -> None:
    made = OnTheEmulator("t", environment, clients)
    said: list[str] = []
    first = list(made.difference(FIRST))
    assert {f"stack campaigns-t-{part}: made" for part in STACKS[1:]} <= set(first)
    assert "secret campaigns/t/approval: made" in first

    made.deploy(FIRST, mail_url=MAIL, say=said.append)

    assert made.ran == [deploy.REGISTER]
    assert made.releases.read() == Release(image=FIRST, registered=FIRST)
    assert list(made.difference(FIRST)) == []

    said.clear()
    made.deploy(FIRST, say=said.append)
    assert said == [
        "stack campaigns-t-data: as it should be",
        "stack campaigns-t-run: as it should be",
        "Prefect: knows this image",
        "stack campaigns-t-watch: as it should be",
    ]
    assert made.ran == [deploy.REGISTER]

    # Each ring is of its own, and readable.
    rings = [KeyRing.parse(made.secrets.read(name)) for name in ("checkpoint", "approval", "api")]
    assert len({ring.signing.secret for ring in rings}) == 3
    assert made.secrets.read("mail") == MAIL
    assert webhooks_of(made.secrets.read("webhooks")) == {}


def test_a_release_moves_the_image_and_a_rollback_takes_it_back(clients: Clients, environment: Environment) -> None:
    made = OnTheEmulator("roll", environment, clients)
    made.deploy(FIRST, mail_url=MAIL, say=_quiet)

    [line] = [each for each in made.difference(SECOND) if each.startswith("image")]
    assert line == f"image: {FIRST} -> {SECOND}"
    assert any("WorkerTask" in each for each in made.difference(SECOND))
    made.deploy(SECOND, say=_quiet)
    assert made.releases.read() == Release(image=SECOND, before=FIRST, registered=SECOND)

    made.deploy(made.releases.read().before, say=_quiet)
    assert made.releases.read() == Release(image=FIRST, before=SECOND, registered=FIRST)
    told = made.stacks.outputs("campaigns-roll-run")
    task = clients("ecs").describe_task_definition(taskDefinition=told["WorkerTask"])["taskDefinition"]
    assert task["containerDefinitions"][0]["image"] == FIRST


def test_a_dry_run_lists_what_prefect_would_be_told(clients: Clients, environment: Environment) -> None:
    made = OnTheEmulator("told", environment, clients)

    def prefects() -> list[str]:
        return [line for line in made.difference(SECOND) if line.startswith("Prefect: ")][1:]

    names = {each["name"] for each in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    assert {f"Prefect: deployment {name}: made" for name in names} < set(prefects())
    assert "Prefect: automation campaigns: nobody watches: made" in prefects()
    made.deploy(FIRST, mail_url=MAIL, say=_quiet)
    assert prefects() == []

    before = {**made.registered.read(), "deployment of-before": "00000000", "deployment housekeeping": "00000000"}
    made.registered.write({name: digest for name, digest in before.items() if name != "deployment build-campaign"})

    assert prefects() == [
        "Prefect: deployment build-campaign: made",
        "Prefect: deployment housekeeping: changed",
        "Prefect: deployment of-before: no longer part of it, and stays: delete it by hand",
    ]
    assert [line for line in made.difference(SECOND, ours=False) if line.startswith("Prefect: ")] == [
        "Prefect: blocks, work pool and deployments registered from the image"
    ]


def _quiet(_: str) -> None: ...


def test_a_task_of_the_image_that_does_not_begin_stops_the_deploy(clients: Clients, environment: Environment) -> None:
    made = Installation("t", environment, clients, templates=emulated, delay=0.2)

    class Refuses:
        def run_task(self, **_: object) -> dict[str, list[dict[str, str]]]:
            return {"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]}

    made.clients = lambda service: Refuses() if service == "ecs" else clients(service)
    with pytest.raises(DeployError, match="RESOURCE:MEMORY"):
        made.run_in_image(deploy.REGISTER)


def test_a_registration_that_fails_shows_its_log_and_is_done_again(clients: Clients, environment: Environment) -> None:
    made = OnTheEmulator("again", environment, clients)
    made.run_in_image = lambda _: (1, "no answer of the server")  # type: ignore[method-assign]
    with pytest.raises(DeployError, match="no answer of the server"):
        made.deploy(FIRST, mail_url=MAIL, say=_quiet)
    assert made.releases.read() == Release(image=FIRST)

    again = OnTheEmulator("again", environment, clients)
    again.deploy(FIRST, say=_quiet)
    assert again.ran == [deploy.REGISTER]


# --- what is missing ------------------------------------------------------------------------------------


def test_what_is_missing_is_told_at_once(
    clients: Clients, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MAIL_URL, raising=False)
    monkeypatch.setenv("PATH", "")
    wrong = environment.model_copy(
        update={
            "vpc_id": "vpc-0",
            "private_subnets": [environment.private_subnets[0], environment.private_subnets[0]],
            "hostname": "other.example.org",
        }
    )

    told = missing(clients, wrong, "none", image=None)

    assert [line.partition(":")[0] for line in told] == [
        "vpcId", "privateSubnets", "privateSubnets", "publicSubnets", "certificateArn", MAIL_URL, "image", "image"
    ]  # fmt: skip


def test_nothing_is_missing_where_all_is_there(
    clients: Clients, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MAIL_URL, MAIL)

    assert missing(clients, environment, "new", image=FIRST) == []


def test_whoever_is_not_signed_in_is_told_so_once(environment: Environment) -> None:
    class SignedOut:
        def get_caller_identity(self) -> None:
            raise NoCredentialsError

    [line] = missing(lambda _: SignedOut(), environment, "t", image=FIRST)

    assert "Sign in" in line


def test_every_fault_of_an_environments_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        'region = "Frankfurt"\nhostname = "https://x"\nworker = 3\nprivateSubnets = ["a"]\n'
    )

    with pytest.raises(EnvironmentFaultsError) as found:
        load("bad", tmp_path)

    named = {fault.split(": ")[1] for fault in found.value.faults}
    assert {"region", "hostname", "worker", "vpcId", "certificateArn", "publicSubnets", "operatorEmail"} <= named


def test_any_other_setting_reaches_workers_and_api(clients: Clients, environment: Environment) -> None:
    made = OnTheEmulator("more", environment, clients)
    made.deploy(FIRST, mail_url=MAIL, say=_quiet)
    more = {"CAMPAIGNS_WRITER_LIMIT": 40, "CAMPAIGNS_DOCS_ENABLED": True, "CAMPAIGNS_OPERATOR_NAME": 'Ana "A" #1: ${x}'}
    made = OnTheEmulator("more", environment.model_copy(update={"settings": more}), clients)
    assert any("WorkerTask" in line for line in made.difference(FIRST))

    made.deploy(FIRST, say=_quiet)

    told = made.stacks.outputs("campaigns-more-run")
    names = [told["WorkerService"], told["ApiService"]]
    services = clients("ecs").describe_services(cluster=told["Cluster"], services=names)["services"]
    assert len(services) == len(names)
    for service in services:
        task = clients("ecs").describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        given = {each["name"]: each["value"] for each in task["containerDefinitions"][0]["environment"]}
        assert given["CAMPAIGNS_WRITER_LIMIT"] == "40"
        assert given["CAMPAIGNS_DOCS_ENABLED"] == "true"
        assert given["CAMPAIGNS_OPERATOR_NAME"] == 'Ana "A" #1: ${x}'
    assert list(made.difference(FIRST)) == []


@pytest.mark.parametrize(
    ("name", "given", "fault"),
    [
        ("CAMPAIGNS_WRITER_LIMITS", 40, "no such setting"),
        ("writer_limit", 40, "no such setting"),
        ("CAMPAIGNS_WRITER_LIMIT", 0, "greater than or equal to 1"),
        ("CAMPAIGNS_METRICS", "none", "gives it already"),
        ("CAMPAIGNS_WEBHOOKS", "{}", "is a secret"),
        ("CAMPAIGNS_OTLP_ENDPOINT", "collector", "Value error"),
    ],
)
def test_a_setting_that_cannot_be_given_is_refused(
    environment: Environment, name: str, given: str | int, fault: str
) -> None:
    said = environment.model_dump(by_alias=True)
    Environment.model_validate({**said, "settings": {"CAMPAIGNS_BACKLOG": 2000}}, by_alias=True)

    with pytest.raises(ValueError, match=f"{name}: .*{fault}"):
        Environment.model_validate({**said, "settings": {name: given}}, by_alias=True)


def test_every_secret_that_a_setting_takes_comes_from_the_stack() -> None:
    fields = Settings.model_fields.items()
    secret = {f"CAMPAIGNS_{name.upper()}" for name, each in fields if "SecretStr" in str(each.annotation)}

    assert "CAMPAIGNS_WEBHOOKS" in secret
    assert secret <= given_settings()


def test_a_file_that_is_missing_says_which_to_copy(capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy.main(["nowhere", "--image", FIRST]) == 1

    assert "example.toml" in capsys.readouterr().err


def test_the_example_has_every_name_that_an_environment_takes() -> None:
    text = (FOLDER / "example.toml").read_text()
    names = {field.alias for field in Environment.model_fields.values()}

    assert {line.lstrip("# ").partition(" = ")[0] for line in text.splitlines() if " = " in line} >= names


# --- keys ------------------------------------------------------------------------------------------------


def test_a_ring_is_rotated_in_steps_and_whoever_holds_it_is_restarted(
    clients: Clients, environment: Environment
) -> None:
    made = OnTheEmulator("keys", environment, clients)
    made.deploy(FIRST, mail_url=MAIL, say=_quiet)
    restarted: list[tuple[str, ...]] = []
    made.restart = lambda services: restarted.append(tuple(services))  # type: ignore[method-assign, assignment]
    start = KeyRing.parse(made.secrets.read("approval")).signing
    minute = NOW + timedelta(hours=1)  # a key is named after its minute, and the first was made just now

    assert rotate(made, "approval", "add", now=minute) == f"{fresh_kid(minute)} verify, {start.kid} sign"
    assert rotate(made, "approval", "promote", now=minute) == f"{fresh_kid(minute)} sign, {start.kid} verify"
    with pytest.raises(TooEarlyError, match="61"):
        rotate(made, "approval", "retire", now=minute)
    assert KeyRing.parse(made.secrets.read("approval")).readable(start.kid) is not None
    assert rotate(made, "approval", "retire", now=NOW + timedelta(days=62)) == f"{fresh_kid(minute)} sign"
    assert restarted == [("WorkerService", "ApiService")] * 3


def test_services_are_started_again_on_the_emulator(clients: Clients, environment: Environment) -> None:
    made = OnTheEmulator("keys", environment, clients)

    made.restart(("ApiService",))

    told = made.stacks.outputs("campaigns-keys-run")
    [service] = clients("ecs").describe_services(cluster=told["Cluster"], services=[told["ApiService"]])["services"]
    assert service["status"] == "ACTIVE"


def test_a_ring_of_another_secret_store_goes_through_the_same_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = new_ring("k1")
    for step in ("add", "promote", "retire"):
        monkeypatch.setattr("sys.stdin", io.StringIO(ring))
        assert rotating.main([step]) == 0
        ring = capsys.readouterr().out.strip()
    assert "k1" not in KeyRing.parse(ring).keys

    monkeypatch.setattr("sys.stdin", io.StringIO(ring))
    assert rotating.main(["promote"]) == 1
    assert "add one first" in capsys.readouterr().err


def test_a_deploy_is_rehearsed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAIL_URL, MAIL)
    assert rehearsal.main() == 0

    said = capsys.readouterr().out
    assert "missing before the first: nothing" in said
    assert "# again: make deploy ENV=rehearsal ARGS=--dry-run\nnothing would change" in said


def test_a_command_runs_where_a_worker_runs(
    clients: Clients, environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    made = OnTheEmulator("in", environment, clients)
    made.run_in_image = lambda command: (3, " | ".join(command))  # type: ignore[method-assign]

    assert inside.main(["in", 'prefect deployment run a/b --param reason="gone away"'], environment=lambda _: made) == 3
    assert capsys.readouterr().out.strip() == "prefect | deployment | run | a/b | --param | reason=gone away"
    assert inside.main(["in", "python", "-m", "deployments.commands.doctor"], environment=lambda _: made) == 3
    assert inside.main(["in", ""], environment=lambda _: made) == 1
