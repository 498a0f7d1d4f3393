"""DynamoDB: lost answers, throttles, conflicts, partial batches and outages, on real HTTP."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError

from campaigns.errors import StoreUnavailableError
from campaigns.model.vocabulary import Decision
from campaigns.store import Store
from campaigns.store.tables.dynamodb import TTL_ATTRIBUTE, DynamoDBTable
from campaigns.store.tables.table import ABSENT, ConditionFailed, Equals, Key, Put
from deployments.local.aws_local import AwsLocal
from tests.dynamodb_table import create_table, table_shape
from tests.store.samples import NOW, TENANT, a_campaign, a_decision, a_post, a_round, decide, hours, written
from tests.store.tcp_proxy import TcpProxy

ACCOUNT = "100000000001"
TRIES = 20


@pytest.fixture
def proxy(aws: AwsLocal) -> Iterator[TcpProxy]:
    port = urlsplit(aws.endpoint_url).port
    assert port is not None
    proxy = TcpProxy(port)
    yield proxy
    proxy.close()


@pytest.fixture
def through_proxy(aws: AwsLocal, proxy: TcpProxy) -> Callable[..., Any]:
    """Make a client that reaches the emulator through the proxy."""

    def make(attempts: int = 5, **settings: Any) -> Any:
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, **settings)
        return aws.session(ACCOUNT).client("dynamodb", endpoint_url=proxy.url, config=config)

    return make


@pytest.fixture
def local(aws: AwsLocal) -> Any:
    """A client of its own, so that hooks stay with the test."""
    config = Config(retries={"mode": "standard", "max_attempts": 5})
    return aws.session(ACCOUNT).client("dynamodb", endpoint_url=aws.endpoint_url, config=config)


@pytest.fixture
def name(aws: AwsLocal, local: Any, request: pytest.FixtureRequest) -> str:
    name = f"faults-{abs(hash(request.node.name))}"
    create_table(local, name)
    return name


class _Body(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def answers(client: Any, operation: str, times: int, code: str, status: int = 400, **more: Any) -> list[int]:
    """Let the next `times` requests be answered with an error; return the list that counts all requests."""
    seen: list[int] = []

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        seen.append(1)
        if len(seen) > times:
            return None
        body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "said the test", **more})
        headers = HTTPHeaders.from_dict({"x-amzn-RequestId": "x", "Content-Type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, status, headers, _Body(body.encode()))

    client.meta.events.register(f"before-send.dynamodb.{operation}", answer)
    return seen


def losing_first_answers(client: Any, proxy: TcpProxy) -> None:
    """Lose the answer to the first attempt of every write."""
    sent: set[bytes] = set()

    def arm(request: Any, **_: Any) -> None:
        if request.body not in sent:
            sent.add(request.body)
            proxy.lose()

    for operation in ("TransactWriteItems", "PutItem"):
        client.meta.events.register(f"before-send.dynamodb.{operation}", arm)


# --- lost answers -----------------------------------------------------------------------------------


def test_twenty_approvers_whose_answer_got_lost_are_all_told_that_they_decided(
    name: str, local: Any, proxy: TcpProxy, through_proxy: Callable[..., Any]
) -> None:
    calm, client = Store(DynamoDBTable(local, name)), through_proxy()
    losing_first_answers(client, proxy)
    store = Store(DynamoDBTable(client, name))
    recognised = 0
    for _ in range(TRIES):
        campaign = calm.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
        round_ = calm.approvals.open_round(a_round(campaign), actor="flow", at=NOW)

        decided = decide(store, a_decision(round_))

        recognised += decided.round.outcome is Decision.APPROVED
        assert len(calm.audit.entries(TENANT, campaign.id)) == 3

    assert (recognised, proxy.lost) == (TRIES, TRIES)


def test_every_repository_takes_a_lost_answer_for_its_own_success(
    name: str, proxy: TcpProxy, through_proxy: Callable[..., Any]
) -> None:
    client = through_proxy()
    losing_first_answers(client, proxy)
    store = Store(DynamoDBTable(client, name))

    for number in range(3):
        result = store.campaigns.create(a_campaign(), actor="api", at=NOW)
        assert result.created
        campaign = result.campaign
        [post] = store.posts.put_planned([a_post(campaign)])
        text = f"Words {number}"
        saved = store.posts.save_revision(written(post, text))
        assert saved.content is not None
        assert saved.content.text == text
        lease = store.leases.acquire(TENANT, campaign.id, owner="one", now=NOW, ttl=hours(1))
        assert lease.token == 1
        round_ = store.approvals.open_round(a_round(campaign), actor="flow", at=NOW)
        decided = decide(store, a_decision(round_))
        assert not decided.repeated
        assert decided.round.outcome is Decision.APPROVED
        assert [entry.action for entry in store.audit.entries(TENANT, campaign.id)] == [
            "created", "round_opened", "decided",
        ]  # fmt: skip

    assert proxy.lost == 3 * 6


def test_a_decision_that_was_reported_unknown_is_recognised_when_repeated(
    name: str, local: Any, proxy: TcpProxy, through_proxy: Callable[..., Any]
) -> None:
    calm, unlucky = Store(DynamoDBTable(local, name)), Store(DynamoDBTable(through_proxy(attempts=1), name))
    recognised = 0
    for _ in range(TRIES):
        campaign = calm.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
        round_ = calm.approvals.open_round(a_round(campaign), actor="flow", at=NOW)
        client = unlucky.table._client  # the test's own hook on the client
        hook = lambda **_: proxy.lose()  # noqa: E731  # registered and removed by identity
        client.meta.events.register("before-send.dynamodb.TransactWriteItems", hook)
        with pytest.raises(StoreUnavailableError):
            decide(unlucky, a_decision(round_))
        client.meta.events.unregister("before-send.dynamodb.TransactWriteItems", hook)

        again = decide(unlucky, a_decision(round_))

        recognised += again.repeated and again.round.outcome is Decision.APPROVED
        assert len(calm.approvals.decisions(TENANT, campaign.id, 1)) == 1

    assert (recognised, proxy.lost) == (TRIES, TRIES)


def acting(table: DynamoDBTable, operation: str) -> Callable[[], object]:
    """Return what makes the table send this operation."""
    acts: dict[str, Callable[[], object]] = {
        "TransactWriteItems": lambda: table.write(Put({"pk": "p", "sk": "s"}), Put({"pk": "p", "sk": "t"})),
        "PutItem": lambda: table.write(Put({"pk": "p", "sk": "s"})),
        "GetItem": lambda: table.get(Key("p", "s")),
        "Query": lambda: table.query("p"),
        "BatchWriteItem": lambda: table.delete([Key("p", "s")]),
    }
    return acts[operation]


# --- throttles, conflicts, outages ------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"]
)
@pytest.mark.parametrize("operation", ["TransactWriteItems", "PutItem"])
def test_two_throttles_are_waited_out(name: str, local: Any, code: str, operation: str) -> None:
    seen = answers(local, operation, 2, code)
    table = DynamoDBTable(local, name)

    acting(table, operation)()

    assert len(seen) == 3
    assert table.get(Key("p", "s")) is not None


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ProvisionedThroughputExceededException", 400),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
        ("AccessDeniedException", 400),
        ("ResourceNotFoundException", 400),
    ],
)
@pytest.mark.parametrize("operation", ["TransactWriteItems", "PutItem", "GetItem", "Query", "BatchWriteItem"])
def test_what_does_not_get_better_is_unavailable(
    aws: AwsLocal, name: str, operation: str, code: str, status: int
) -> None:
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    client = aws.session(ACCOUNT).client("dynamodb", endpoint_url=aws.endpoint_url, config=config)
    answers(client, operation, 99, code, status)

    with pytest.raises(StoreUnavailableError, match=code) as refused:
        acting(DynamoDBTable(client, name), operation)()

    assert refused.value.retryable


def test_our_own_mistakes_are_not_taken_for_an_outage(name: str, local: Any) -> None:
    answers(local, "GetItem", 1, "ValidationException")

    with pytest.raises(ClientError, match="ValidationException"):
        DynamoDBTable(local, name).get(Key("p", "s"))


def test_a_conflict_with_another_transaction_is_tried_again(name: str, local: Any) -> None:
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict", "Message": "busy"}]
    seen = answers(local, "TransactWriteItems", 3, "TransactionCanceledException", CancellationReasons=reasons)
    table = DynamoDBTable(local, name)

    table.write(Put({"pk": "p", "sk": "1"}), Put({"pk": "p", "sk": "2"}))

    assert len(seen) == 4
    assert len(table.query("p")) == 2


def test_an_item_that_is_put_alone_waits_for_a_transaction_on_it(name: str, local: Any) -> None:
    seen = answers(local, "PutItem", 3, "TransactionConflictException")
    table = DynamoDBTable(local, name)

    table.write(Put({"pk": "p", "sk": "1"}, ABSENT))

    assert len(seen) == 4
    assert len(table.query("p")) == 1


@pytest.mark.parametrize("operation", ["TransactWriteItems", "PutItem"])
def test_a_conflict_that_does_not_end_is_unavailable(
    name: str, local: Any, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setattr("campaigns.store.tables.dynamodb._LONGEST_PAUSE_SECONDS", 0.0)
    reasons = [{"Code": "TransactionConflict", "Message": "busy"}]
    answers(local, "TransactWriteItems", 999, "TransactionCanceledException", CancellationReasons=reasons)
    answers(local, "PutItem", 999, "TransactionConflictException")

    with pytest.raises(StoreUnavailableError, match="too many writers"):
        acting(DynamoDBTable(local, name), operation)()


def test_another_writer_of_the_very_same_item_is_not_taken_for_ourselves(name: str, local: Any) -> None:
    one, two = DynamoDBTable(local, name), DynamoDBTable(local, name)
    counted = Put({"pk": "p", "sk": "s", "count": 5}, ABSENT)
    one.write(counted)

    with pytest.raises(ConditionFailed) as failed:
        two.write(counted)
    assert failed.value.failures == {0: {"pk": "p", "sk": "s", "count": 5}}


def test_a_table_whose_indexes_hold_whole_items_is_read_as_one_whose_indexes_hold_keys(name: str, local: Any) -> None:
    shape = table_shape(f"{name}-all")
    for index in shape["GlobalSecondaryIndexes"]:
        index["Projection"] = {"ProjectionType": "ALL"}
    local.create_table(**shape)
    listings = []
    for one in (name, f"{name}-all"):
        store = Store(DynamoDBTable(local, one))
        for number in range(3):
            made = a_campaign(id=f"campaign_01JZ0K6V9Q4R8XW2B7NDHTM3C{number}", created_at=NOW + hours(number))
            store.campaigns.create(made, actor="api", at=NOW)
        page = store.campaigns.list(TENANT, limit=2)
        listings.append((page, store.campaigns.list(TENANT, limit=2, cursor=page.cursor)))
    assert listings[0] == listings[1]
    assert [len(page.items) for page in listings[0]] == [2, 1]


def test_what_left_its_place_in_an_index_is_not_listed_there_and_fills_no_page(name: str, local: Any) -> None:
    table = DynamoDBTable(local, name)
    for number in range(6):
        table.write(Put({"pk": "p", "sk": str(number), "kind": "k", "list_pk": "l", "list_sk": str(number)}))
    moved: list[int] = []

    def move(**_: Any) -> None:  # between the answer of the index and the reading of the items
        if not moved:
            moved.append(1)
            table.write(Put({"pk": "p", "sk": "0", "kind": "k", "list_pk": "l", "list_sk": "9"}))
            table.write(Put({"pk": "p", "sk": "1", "kind": "k"}))

    local.meta.events.register("before-call.dynamodb.BatchGetItem", move)

    assert [item["sk"] for item in table.query_index("list", "l", limit=4)] == ["2", "3", "4", "5"]


def test_an_unreachable_store_is_unavailable_and_works_again_after(
    name: str, proxy: TcpProxy, through_proxy: Callable[..., Any]
) -> None:
    table = DynamoDBTable(through_proxy(attempts=1), name)
    proxy.refusing = True

    for operation in ("TransactWriteItems", "PutItem", "GetItem"):
        with pytest.raises(StoreUnavailableError):
            acting(table, operation)()

    proxy.refusing = False
    table.write(Put({"pk": "p", "sk": "s"}, ABSENT))
    assert table.get(Key("p", "s")) == {"pk": "p", "sk": "s"}


def test_a_store_that_hangs_is_unavailable(aws: AwsLocal) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = Config(read_timeout=0.2, retries={"total_max_attempts": 1})
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        table = DynamoDBTable(aws.session(ACCOUNT).client("dynamodb", endpoint_url=url, config=config), "t")

        with pytest.raises(StoreUnavailableError, match="ReadTimeoutError"):
            table.get(Key("p", "s"))


@pytest.mark.parametrize("operation", ["TransactWriteItems", "PutItem", "GetItem", "Query", "BatchWriteItem"])
@pytest.mark.parametrize("page", [b"<html>please sign in</html>", b"", b"{}"])
def test_a_page_of_a_proxy_is_neither_not_there_nor_written(name: str, local: Any, operation: str, page: bytes) -> None:
    def answer(request: Any, **_: Any) -> AWSResponse:
        headers = HTTPHeaders.from_dict({"Content-Type": "text/html"})
        return AWSResponse(request.url, 200, headers, _Body(page))

    local.meta.events.register(f"before-send.dynamodb.{operation}", answer)

    with pytest.raises(StoreUnavailableError, match="not DynamoDB"):
        acting(DynamoDBTable(local, name), operation)()


# --- batches, reads, shape --------------------------------------------------------------------------


def test_items_that_a_batch_left_unprocessed_are_processed(name: str, local: Any) -> None:
    left: list[Any] = []
    counted = {"left": 0, "batches": 0}
    chance = random.Random(11)

    def keep_back(params: Any, **_: Any) -> Any:
        requests = params["RequestItems"][name]
        counted["batches"] += 1
        left[:] = chance.sample(requests, chance.randint(0, len(requests) - 1))
        counted["left"] += len(left)
        done = [request for request in requests if request not in left]
        return {**params, "RequestItems": {name: done}}

    def say_so(parsed: Any, **_: Any) -> None:
        if left:
            parsed["UnprocessedItems"] = {name: list(left)}

    local.meta.events.register("provide-client-params.dynamodb.BatchWriteItem", keep_back)
    local.meta.events.register("after-call.dynamodb.BatchWriteItem", say_so)
    table = DynamoDBTable(local, name)
    for _ in range(20):
        names = [f"{number:02d}" for number in range(50)]
        table.write(*(Put({"pk": "p", "sk": sk}) for sk in names))

        table.delete([Key("p", sk) for sk in names])

        assert table.query("p") == []
    assert counted["left"] > 100
    assert counted["batches"] > 40


def test_a_batch_that_never_ends_is_unavailable(name: str, local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.store.tables.dynamodb._LONGEST_PAUSE_SECONDS", 0.0)

    def nothing_done(parsed: Any, **_: Any) -> None:
        parsed["UnprocessedItems"] = {name: [{"DeleteRequest": {"Key": {"pk": {"S": "p"}, "sk": {"S": "s"}}}}]}

    local.meta.events.register("after-call.dynamodb.BatchWriteItem", nothing_done)

    with pytest.raises(StoreUnavailableError, match="unprocessed"):
        DynamoDBTable(local, name).delete([Key("p", "s")])


def test_every_read_of_the_table_itself_is_consistent_and_every_condition_returns_what_it_found(
    name: str, local: Any
) -> None:
    sent: list[tuple[str, Any]] = []
    for operation in ("GetItem", "Query", "TransactWriteItems"):
        local.meta.events.register(
            f"provide-client-params.dynamodb.{operation}",
            lambda params, operation=operation, **_: sent.append((operation, params)),
        )
    store = Store(DynamoDBTable(local, name))
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    round_ = store.approvals.open_round(a_round(campaign), actor="flow", at=NOW)
    decide(store, a_decision(round_))
    store.leases.acquire(TENANT, campaign.id, owner="one", now=NOW, ttl=hours(1))

    reads = [params for operation, params in sent if operation != "TransactWriteItems"]
    assert len(reads) > 5
    assert all(params["ConsistentRead"] for params in reads)
    actions = [
        next(iter(action.values()))
        for operation, params in sent
        if operation == "TransactWriteItems"
        for action in params["TransactItems"]
    ]
    conditional = [action for action in actions if "ConditionExpression" in action]
    assert len(conditional) >= 8
    assert all(action["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD" for action in conditional)


def test_names_that_dynamodb_reserves_can_be_attributes(name: str, local: Any) -> None:
    table = DynamoDBTable(local, name)
    item = {"pk": "p", "sk": "s", "status": "open", "owner": "me", "count": 1, "ttl": 5, "name": "n"}
    table.write(Put(item))

    table.write(Put(item, Equals({"status": "open", "owner": "me", "count": 1, "ttl": 5, "name": "n"})))

    with pytest.raises(ConditionFailed) as failed:
        table.write(Put(item, Equals({"status": "closed"})))
    assert failed.value.failures == {0: item}


def test_the_table_has_the_shape_that_is_described_and_creating_it_again_is_harmless(name: str, local: Any) -> None:
    create_table(local, name)

    found = local.describe_table(TableName=name)["Table"]
    shape = table_shape(name)
    assert found["KeySchema"] == shape["KeySchema"]
    by_name = {index["IndexName"]: index["KeySchema"] for index in found["GlobalSecondaryIndexes"]}
    assert by_name == {index["IndexName"]: index["KeySchema"] for index in shape["GlobalSecondaryIndexes"]}
    ttl = local.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", TTL_ATTRIBUTE)


def test_a_missing_credential_is_unavailable_not_a_crash(aws: AwsLocal, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.Session(region_name="eu-central-1").client("dynamodb", endpoint_url=aws.endpoint_url)

    with pytest.raises(StoreUnavailableError, match="NoCredentialsError"):
        DynamoDBTable(client, "t").get(Key("p", "s"))
