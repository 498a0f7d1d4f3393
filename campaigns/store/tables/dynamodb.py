"""The table in DynamoDB: one table, on demand, four sparse indexes; what production runs on.

The indexes hold keys only: a write pays for an index when an item enters, leaves or changes its place there, and not
whenever anything changes. What is listed is read from the table itself, as of now.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack

from campaigns.errors import StoreUnavailableError
from campaigns.rules.retry import grown
from campaigns.store.tables.table import (
    Absent,
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Index,
    Item,
    Key,
    Operation,
    Position,
    Put,
    Stretch,
    check_bounds,
    key_of,
    position_of,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

A = TypeVar("A")

_ATTEMPTS: Final = 12
_LONGEST_PAUSE_SECONDS: Final = 0.5
# BatchWriteItem takes at most 25 requests (DynamoDB API reference).
_BATCH: Final = 25
# BatchGetItem takes at most 100 keys and answers with at most 16 MB (DynamoDB API reference).
_READ_AT_ONCE: Final = 100
# Mistakes of this program: to be seen, not to be tried again.
_OUR_MISTAKES: Final = frozenset({"ValidationException", "IdempotentParameterMismatchException"})


class DynamoDBTable:
    """`Table` on a DynamoDB table; its shape is in the template of the stack (`deployments/aws`).

    The client is made once per process by whoever wires the parts, with bounded time-outs and retries.
    A write of several items is a transaction with a request token: when an answer is lost and botocore asks again,
    DynamoDB recognises the token and repeats its first answer, so our own success is never taken for
    somebody else's. A single item costs half when it is put alone; it carries the token itself, and is known by it.
    """

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def get(self, key: Key) -> Item | None:
        with _translated():
            answer = _genuine(self._client.get_item(TableName=self._name, Key=_key(key), ConsistentRead=True))
        return _read(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        found: dict[Key, Item] = {}
        for first in range(0, len(keys), _READ_AT_ONCE):
            names = [_key(key) for key in dict.fromkeys(keys[first : first + _READ_AT_ONCE])]
            waiting: Any = {"Keys": names, "ConsistentRead": True}
            for pause in _pauses("items were left unread"):
                time.sleep(pause)
                with _translated():
                    answer = _genuine(self._client.batch_get_item(RequestItems={self._name: waiting}))
                found |= {key_of(item): item for item in map(_read, answer.get("Responses", {}).get(self._name, []))}
                waiting = answer.get("UnprocessedKeys", {}).get(self._name)
                if not waiting:
                    break
        return found

    def query(
        self, pk: str, prefix: str = "", *, limit: int | None = None, after: str = "", reverse: bool = False
    ) -> list[Item]:
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else ""),
            "ExpressionAttributeValues": _values({":pk": pk, **({":prefix": prefix} if prefix else {})}),
            "ConsistentRead": True,
        }
        start = _key(Key(pk, after)) if after else None
        return self._query(request, start, limit, reverse)

    def query_index(self, index: Index, pk: str, **part: Unpack[Stretch]) -> list[Item]:
        return self._in_index(index, pk, part, partial(self._as_of_now, index))

    def positions(self, index: Index, pk: str, **part: Unpack[Stretch]) -> list[Position]:
        return [position_of(item, index) for item in self._in_index(index, pk, part)]

    def _as_of_now(self, index: Index, found: list[Item]) -> list[Item]:
        """Return the items themselves of what an index names; one that has left its place there is not listed."""
        if not found or "kind" in found[0]:
            return found  # the index of an older table holds whole items
        kept = self.get_many([key_of(item) for item in found])
        now = [kept.get(key_of(item)) for item in found]
        return [
            item
            for item, seen in zip(now, found, strict=True)
            if item is not None and all(item.get(name) == seen[name] for name in (f"{index}_pk", f"{index}_sk"))
        ]

    def write(self, *operations: Operation) -> None:
        check_bounds(operations)
        if len(operations) == 1 and isinstance(operations[0], Put):
            self._put(operations[0])
            return
        actions = [self._action(operation) for operation in operations]
        for pause in _pauses("too many writers at once"):
            time.sleep(pause)
            with _translated():
                try:
                    _genuine(
                        self._client.transact_write_items(TransactItems=actions, ClientRequestToken=uuid.uuid4().hex)
                    )
                except self._client.exceptions.TransactionCanceledException as cancelled:
                    # Cancelled is a certain "nothing written", so a new token for the next attempt is safe.
                    reasons: list[dict[str, Any]] = cancelled.response.get("CancellationReasons", [])  # type: ignore[assignment]  # the stubs know only part of a reason
                    failures = {
                        position: _read(reason["Item"]) if reason.get("Item") else None
                        for position, reason in enumerate(reasons)
                        if reason.get("Code") == "ConditionalCheckFailed"
                    }
                    if failures:
                        raise ConditionFailed(failures) from cancelled
                    if any(reason.get("Code") == "ValidationError" for reason in reasons):
                        raise
                else:
                    return

    def delete(self, keys: Sequence[Key]) -> None:
        for start in range(0, len(keys), _BATCH):
            waiting: Any = [{"DeleteRequest": {"Key": _key(key)}} for key in keys[start : start + _BATCH]]
            for pause in _pauses("items were left unprocessed"):
                time.sleep(pause)
                with _translated():
                    answer = _genuine(self._client.batch_write_item(RequestItems={self._name: waiting}))
                waiting = answer.get("UnprocessedItems", {}).get(self._name, [])
                if not waiting:
                    break

    def _put(self, put: Put) -> None:
        token = uuid.uuid4().hex
        action: Any = {
            "TableName": self._name,
            "Item": _values({**put.item, _TOKEN: token}),
            **_condition(put.condition),
        }
        for pause in _pauses("too many writers at once"):
            time.sleep(pause)
            with _translated():
                try:
                    _genuine(self._client.put_item(**action))
                except self._client.exceptions.ConditionalCheckFailedException as refused:
                    found: Any = refused.response.get("Item")
                    if found and found.get(_TOKEN) == {"S": token}:
                        return  # botocore asked again, and the first answer was lost: it is ours
                    raise ConditionFailed({0: _read(found) if found else None}) from refused
                except self._client.exceptions.TransactionConflictException:
                    continue  # nothing was written
            return

    def _in_index(
        self, index: Index, pk: str, part: Stretch, whole: Callable[[list[Item]], list[Item]] = list
    ) -> list[Item]:
        """Return what the index says of a part of a partition; `whole` makes items of it, page by page."""
        low, high, after = part.get("low"), part.get("high"), part.get("after")
        bounds = {name: value for name, value in ((":low", low), (":high", high)) if value is not None}
        terms = {(): "", (":low",): " AND #sk >= :low", (":high",): " AND #sk <= :high"}
        between = terms.get(tuple(bounds), " AND #sk BETWEEN :low AND :high")
        request: dict[str, Any] = {
            "IndexName": index,
            "KeyConditionExpression": "#pk = :pk" + between,
            "ExpressionAttributeNames": {"#pk": f"{index}_pk", **({"#sk": f"{index}_sk"} if bounds else {})},
            "ExpressionAttributeValues": _values({":pk": pk, **bounds}),
        }
        place = {f"{index}_pk": pk, f"{index}_sk": after.index_sk, "pk": after.pk, "sk": after.sk} if after else {}
        return self._query(request, _values(place), part.get("limit"), part.get("reverse", False), whole)

    def _query(
        self,
        request: dict[str, Any],
        start: Any,
        limit: int | None,
        reverse: bool,
        whole: Callable[[list[Item]], list[Item]] = list,
    ) -> list[Item]:
        found: list[Item] = []
        while limit is None or len(found) < limit:
            page = dict(request)
            if start:
                page["ExclusiveStartKey"] = start
            if limit is not None:
                page["Limit"] = limit - len(found)
            with _translated():
                answer = _genuine(self._client.query(TableName=self._name, ScanIndexForward=not reverse, **page))
            found += whole([_read(item) for item in answer["Items"]])
            start = answer.get("LastEvaluatedKey")
            if not start:
                break
        return found

    def _action(self, operation: Operation) -> Any:
        action: dict[str, Any] = {"TableName": self._name, **_condition(operation.condition)}
        match operation:
            case Put():
                return {"Put": {**action, "Item": _values(operation.item)}}
            case Delete():
                return {"Delete": {**action, "Key": _key(operation.key)}}
            case Check():
                return {"ConditionCheck": {**action, "Key": _key(operation.key)}}


_TOKEN: Final = "written_by"  # noqa: S105  # no secret
"""The attribute that names the request which put an item. Readers of the item do not see it."""
TTL_ATTRIBUTE: Final = "ttl"
"""Epoch seconds. DynamoDB removes late, by days: every read compares the time itself."""


def _genuine(answer: A) -> A:
    """Return the answer if DynamoDB gave it.

    botocore reads any 200 that is no JSON, such as the page of a proxy, as an empty answer: "not there",
    or "written". DynamoDB always names its request.

    Raises:
        StoreUnavailableError: somebody else answered.
    """
    metadata: Any = answer.get("ResponseMetadata", {})  # type: ignore[attr-defined]  # every answer is a dict
    if not metadata.get("RequestId"):
        raise StoreUnavailableError("what answered was not DynamoDB")
    return answer


def _condition(condition: Condition | None) -> dict[str, Any]:
    if condition is None:
        return {}
    answer = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if isinstance(condition, Absent):
        return {"ConditionExpression": "attribute_not_exists(pk)", **answer}
    names = {f"#c{number}": name for number, name in enumerate(condition.attributes)}
    values = {f":c{number}": value for number, value in enumerate(condition.attributes.values())}
    terms = ["attribute_exists(pk)", *(f"#c{number} = :c{number}" for number in range(len(names)))]
    expression: dict[str, Any] = {"ConditionExpression": " AND ".join(terms), **answer}
    if names:
        expression |= {"ExpressionAttributeNames": names, "ExpressionAttributeValues": _values(values)}
    return expression


def _key(key: Key) -> Any:
    return _values(key._asdict())


def _values(item: dict[str, Any]) -> Any:
    return {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in item.items()}


def _read(item: Any) -> Item:
    return {name: int(value["N"]) if "N" in value else value["S"] for name, value in item.items() if name != _TOKEN}


def _pauses(what: str) -> Iterator[float]:
    """Yield the seconds to wait before each attempt: none, then growing, jittered so that writers spread.

    Raises:
        StoreUnavailableError: after the last one.
    """
    yield 0.0
    for number in range(1, _ATTEMPTS):
        yield random.uniform(0, grown(number, first=0.01, longest=_LONGEST_PAUSE_SECONDS))  # noqa: S311  # no secret
    raise StoreUnavailableError(what)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what DynamoDB and the way to it answer into our error, except our own mistakes."""
    from botocore.exceptions import (
        ClientError,
        CredentialRetrievalError,
        HTTPClientError,
        NoCredentialsError,
        ResponseStreamingError,
    )
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        if code in _OUR_MISTAKES or code == "TransactionCanceledException":
            raise
        raise StoreUnavailableError(f"DynamoDB answered {code}") from error
    except (
        HTTPClientError,
        ResponseStreamingError,
        ResponseParserError,
        CredentialRetrievalError,
        NoCredentialsError,
    ) as error:
        raise StoreUnavailableError(f"DynamoDB was not reached: {type(error).__name__}") from error
