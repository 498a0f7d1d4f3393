"""The three stacks: lint-clean, made on the emulator as far as it goes, wired to what the product reads and prints."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import boto3
import cfnlint
import pytest
from prefect.settings import Settings as PrefectSettings
from prefect.settings.legacy import _get_valid_setting_names
from uvicorn.middleware.proxy_headers import _TrustedHosts

from campaigns.logs import JsonLines
from campaigns.operations.watching.metrics import DENIED
from campaigns.settings import Settings
from campaigns.telemetry.instruments import BY_NAME, NAMESPACE
from campaigns.telemetry.measures import measures_of
from deployments.aws.secrets import NAMES
from deployments.aws.stacks import Stack, StackFailedError, Stacks
from deployments.aws.templates import HERE, INSTEAD, LEFT_OUT, STACKS, emulated, read, template
from deployments.local.aws_local import INSTALLATION, AwsLocal
from deployments.place import RINGS_OF

ACCOUNT = "100000000078"
RUN = {
    "VpcCidr": "10.0.0.0/16",
    "CertificateArn": f"arn:aws:acm:eu-central-1:{ACCOUNT}:certificate/7a1c",
    "Hostname": "review.example.com",
    "Image": f"registry.example.com/campaigns@sha256:{'a' * 64}",
    "OperatorEmail": "ops@example.com",
    "ProtectDatabase": "false",
}
SECRETS = [name.title() for name in NAMES]


@pytest.fixture(scope="module")
def aws() -> Iterator[boto3.Session]:
    with AwsLocal(INSTALLATION) as emulator:
        session = emulator.session(ACCOUNT)
        made = session.client
        session.client = lambda name: made(name, endpoint_url=emulator.endpoint_url)  # type: ignore[method-assign, assignment, misc]
        yield session


@pytest.fixture(scope="module")
def stacks(aws: boto3.Session) -> Stacks:
    return Stacks(aws.client("cloudformation"), delay=0.2)


@pytest.fixture(scope="module")
def data(stacks: Stacks) -> dict[str, str]:
    stacks.apply(Stack("t-data", emulated("data"), {}))
    return stacks.outputs("t-data")


@pytest.fixture(scope="module")
def run(aws: boto3.Session, stacks: Stacks, data: dict[str, str]) -> dict[str, str]:
    return made_run(aws, stacks, data, "t-run")


def made_run(aws: boto3.Session, stacks: Stacks, data: dict[str, str], name: str, **more: str) -> dict[str, str]:
    ec2, secrets = aws.client("ec2"), aws.client("secretsmanager")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    nets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-central-1{zone}")
        for n, zone in enumerate("abab")
    ]
    ids = [each["Subnet"]["SubnetId"] for each in nets]
    kept = {f"{each}Secret": secrets.create_secret(Name=f"{name}/{each}", SecretString="x")["ARN"] for each in SECRETS}
    wanted = set(read(template("run"))["Parameters"])
    taken = {key: value for key, value in data.items() if key in wanted}
    given = {"VpcId": vpc, "PrivateSubnets": ",".join(ids[:2]), "PublicSubnets": ",".join(ids[2:])}
    stacks.apply(Stack(name, emulated("run"), {**RUN, **given, **kept, **taken, **more}))
    return stacks.outputs(name)


def resources(name: str) -> dict[str, Any]:
    found: dict[str, Any] = read(template(name))["Resources"]
    return found


def container(task: str) -> Any:
    [found] = resources("run")[task]["Properties"]["ContainerDefinitions"]
    return found


@pytest.mark.parametrize("name", STACKS)
def test_the_linter_of_cloudformation_finds_nothing(name: str) -> None:
    config = cfnlint.api.ManualArgs(regions=["eu-central-1"])

    assert [str(each) for each in cfnlint.api.lint(template(name), config=config)] == []


def test_what_the_emulator_does_not_get_is_still_in_the_templates() -> None:
    whole = {resource for name in STACKS for resource in resources(name)}

    assert LEFT_OUT.keys() <= whole
    assert all(any(words in template(name) for name in STACKS) for words in INSTEAD)
    made = {resource for name in STACKS for resource in read(emulated(name))["Resources"]}
    assert made == whole - LEFT_OUT.keys()


def test_what_runs_is_made_from_what_is_kept(run: dict[str, str]) -> None:
    assert {"Cluster", "WorkerTask", "BalancerName", "ApiLogs"} <= run.keys()


def test_several_servers_take_redis_with_them_and_endpoints_need_no_way_out(
    aws: boto3.Session, stacks: Stacks, data: dict[str, str]
) -> None:
    made_run(aws, stacks, data, "t-wide", Servers="2", Endpoints="yes", RequestsPerAddress="0")

    kinds = {
        each["ResourceType"]
        for each in aws.client("cloudformation").describe_stack_resources(StackName="t-wide")["StackResources"]
    }
    assert {"AWS::ElastiCache::ReplicationGroup", "AWS::EC2::VPCEndpoint"} <= kinds
    assert "AWS::WAFv2::WebACL" not in kinds


def test_what_watches_is_made_from_what_runs(stacks: Stacks, data: dict[str, str], run: dict[str, str]) -> None:
    wanted = set(read(template("watch"))["Parameters"])
    given = {key: value for key, value in {**data, **run}.items() if key in wanted}

    stack = Stack(
        "t-watch", emulated("watch"), {**given, "Table": data["OwnTable"], "OperatorEmail": "ops@example.com"}
    )
    assert any(line.startswith("add NoWorker") for line in stacks.difference(stack))
    assert stacks.outputs("t-watch") == {}
    assert stacks.apply(stack)
    assert "Topic" in stacks.outputs("t-watch")
    assert stacks.difference(stack) == []
    assert not stacks.apply(stack)


def test_a_stack_that_fails_says_which_resource_and_why(stacks: Stacks) -> None:
    nowhere = Stack("t-broken", emulated("watch"), dict.fromkeys(_parameters("watch"), "nowhere"))

    with pytest.raises(StackFailedError, match=r"t-broken: .*log group"):
        stacks.apply(nowhere)


def _parameters(name: str) -> set[str]:
    return set(read(template(name))["Parameters"])


def test_each_stack_is_given_what_it_asks_for_by_the_ones_before() -> None:
    told = {name: set(read(template(name))["Outputs"]) for name in STACKS}

    taken = told["data"] & _parameters("run")
    assert taken == {"StoreUrl", "CheckpointsUrl", "AssetsUrl", "KmsKeyId", "WorkerRoleArn", "ApiRoleArn", "LogsBucket"}
    assert _parameters("watch") - told["run"] == {"KmsKeyId", "OperatorEmail", "Table"}


def test_a_restored_table_is_what_roles_and_settings_lead_to(stacks: Stacks, aws: boto3.Session) -> None:
    first = Stack("t-restored", emulated("data"), {})
    stacks.apply(first)
    before = stacks.outputs("t-restored")

    stacks.apply(Stack("t-restored", emulated("data"), {"RestoredTable": "campaigns-restored"}))

    after = stacks.outputs("t-restored")
    assert after["StoreUrl"] == "dynamodb://campaigns-restored"
    assert after["OwnTable"] == before["OwnTable"]
    iam = aws.client("iam")
    for role in (after["WorkerRoleArn"], after["ApiRoleArn"]):
        policy = iam.get_role_policy(RoleName=role.rpartition("/")[2], PolicyName="campaigns")["PolicyDocument"]
        [tables] = [each["Resource"] for each in policy["Statement"] if each["Sid"] == "Table"]
        assert tables == [
            f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/campaigns-restored",
            f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/campaigns-restored/index/*",
        ]


# --- what runs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["WorkerTask", "ApiTask"])
def test_a_container_is_told_settings_that_there_are_and_that_are_taken(task: str) -> None:
    named = container(task)
    told = {each["Name"]: each["Value"] for each in named["Environment"]}
    ours = {name for name in [*told, *(each["Name"] for each in named["Secrets"])] if name.startswith("CAMPAIGNS_")}

    assert {name.removeprefix("CAMPAIGNS_").lower() for name in ours} <= Settings.model_fields.keys()
    defaults = {
        f"CAMPAIGNS_OIDC_{part}": parameter["Default"]
        for part, parameter in [
            (name, read(template("run"))["Parameters"][f"Oidc{ours}"])
            for name, ours in (("ISSUER", "Issuer"), ("AUDIENCE", "Audience"), ("JWKS_URL", "JwksUrl"))
        ]
    }
    Settings(**{name.removeprefix("CAMPAIGNS_").lower(): value for name, value in defaults.items()})


def test_every_setting_of_prefect_is_one_that_this_version_has() -> None:
    files = [HERE / "run.yaml", HERE.parent / "compose.yaml", HERE.parent / "Dockerfile"]
    named = {name for path in files for name in re.findall(r"PREFECT_[A-Z_]+", path.read_text())}
    # Of another package, of Prefect's logging file, and a variable of compose itself.
    others = {"PREFECT_REDIS_MESSAGING_URL", "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER", "PREFECT_AUTH"}

    assert named - others <= set(_get_valid_setting_names(PrefectSettings))


@pytest.mark.parametrize(("task", "part"), [("ServerTask", "server"), ("WorkerTask", "worker"), ("ApiTask", "api")])
def test_a_container_holds_the_key_rings_that_it_uses_and_no_others(task: str, part: str) -> None:
    held = {each["Name"] for each in container(task)["Secrets"] if isinstance(each, dict)}

    assert {name for name in held if name.endswith("_KEYS")} == RINGS_OF[part]


@pytest.mark.parametrize(
    ("role", "task"),
    [("ServerExecution", "ServerTask"), ("WorkerExecution", "WorkerTask"), ("ApiExecution", "ApiTask")],
)
def test_who_starts_a_container_may_read_its_secrets_and_no_others(role: str, task: str) -> None:
    [policy] = resources("run")[role]["Properties"]["Policies"]
    [may_read] = [
        each["Resource"]
        for each in policy["PolicyDocument"]["Statement"]
        if each["Action"] == "secretsmanager:GetSecretValue"
    ]
    needed = set(re.findall(r"\b(\w+Secret)\b", json.dumps(container(task)["Secrets"])))

    assert set(re.findall(r"\b(\w+Secret)\b", json.dumps(may_read))) == needed


def test_worker_and_api_cannot_write_to_their_root_and_nobody_is_root() -> None:
    for task in ("WorkerTask", "ApiTask"):
        assert container(task)["ReadonlyRootFilesystem"] is True
        assert [each["ContainerPath"] for each in container(task)["MountPoints"]] == ["/home/campaigns"]


def test_a_clients_address_is_believed_only_from_the_load_balancer() -> None:
    [allowed] = [each["Value"] for each in container("ApiTask")["Environment"] if each["Name"] == "FORWARDED_ALLOW_IPS"]

    assert allowed == "VpcCidr"
    believed = _TrustedHosts(RUN["VpcCidr"])
    assert "10.0.3.4" in believed
    # The load balancer puts the address that it saw last; what stands before it came with the request.
    assert believed.get_trusted_client_address("6.6.6.6, 203.0.113.9") == ("203.0.113.9", 0)


def test_an_image_without_a_digest_is_refused() -> None:
    pattern = read(template("run"))["Parameters"]["Image"]["AllowedPattern"]

    assert re.fullmatch(pattern, RUN["Image"])
    assert not re.fullmatch(pattern, "registry.example.com/campaigns:latest")


# --- what watches -------------------------------------------------------------------------------------


def test_every_alarm_tells_somebody_and_says_where_to_read_on() -> None:
    alarms = {n: r["Properties"] for n, r in resources("watch").items() if r["Type"] == "AWS::CloudWatch::Alarm"}

    assert len(alarms) >= 9
    assert [name for name, alarm in alarms.items() if alarm["AlarmActions"] != ["Topic"]] == []
    assert [name for name, alarm in alarms.items() if len(alarm["AlarmDescription"]) < 30] == []


def test_the_metrics_of_alarms_are_printed_by_the_product() -> None:
    filtered = {
        transformation["MetricName"]
        for resource in resources("watch").values()
        if resource["Type"] == "AWS::Logs::MetricFilter"
        for transformation in resource["Properties"]["MetricTransformations"]
    }
    used = set(re.findall(rf"Namespace: {NAMESPACE}\W+MetricName: (\w+)", template("watch")))

    assert filtered <= used <= filtered | BY_NAME.keys()
    states = set(re.findall(r"Name: Status, Value: (\w+)", template("watch")))
    assert all(measures_of("moved", to_status=state) for state in states)


@pytest.mark.parametrize(
    ("name", "formatter", "logger", "level"),
    [
        ("Denied", JsonLines(), DENIED, logging.INFO),
        ("AlertsOfApi", JsonLines(), "campaigns.alerts", logging.ERROR),
        ("WatchedByApi", JsonLines(), "campaigns.watched", logging.INFO),
        ("WatchedByWorker", JsonLines(), "campaigns.watched", logging.INFO),
        ("AlertsOfWorker", JsonLines(), "campaigns.alerts", logging.ERROR),
    ],
)
def test_a_filter_finds_the_line_that_the_product_writes(
    name: str, formatter: logging.Formatter, logger: str, level: int
) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    handler.emit(logging.makeLogRecord({"name": logger, "levelno": level, "levelname": logging.getLevelName(level)}))
    line = json.loads(written.getvalue())

    pattern = resources("watch")[name]["Properties"]["FilterPattern"]
    terms = re.findall(r'\$\.(\w+) = "([^"]+)"', pattern)
    assert terms
    assert all(line.get(key) == value for key, value in terms)


def test_the_templates_have_no_aliases_which_cloudformation_does_not_read() -> None:
    for name in STACKS:
        assert not re.search(r"[:-] [&*]\w+\s*$", (HERE / f"{name}.yaml").read_text(), re.MULTILINE)
