"""The table in DynamoDB as tests make it; in production the template of the stack does."""

from typing import TYPE_CHECKING, Any

from campaigns.store.tables.dynamodb import TTL_ATTRIBUTE
from campaigns.store.tables.table import INDEXES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def table_shape(name: str) -> dict[str, Any]:
    """Return the table as `CreateTable` takes it: the one description of its keys and indexes."""
    parts = [("pk", "HASH"), ("sk", "RANGE")]
    indexes = {index: [(f"{index}_{part}", kind) for part, kind in parts] for index in INDEXES}
    attributes = sorted({attribute for schema in (parts, *indexes.values()) for attribute, _ in schema})

    def schema(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
        return [{"AttributeName": attribute, "KeyType": kind} for attribute, kind in pairs]

    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": "S"} for attribute in attributes],
        "KeySchema": schema(parts),
        "GlobalSecondaryIndexes": [
            {"IndexName": index, "KeySchema": schema(pairs), "Projection": {"ProjectionType": "KEYS_ONLY"}}
            for index, pairs in indexes.items()
        ],
    }


def create_table(client: "DynamoDBClient", name: str) -> None:
    """Create the table for development and tests, and wait until it is there; an existing one is left alone.

    Production gets it from CloudFormation, with backups and deletion protection.
    """
    try:
        client.create_table(**table_shape(name))
    except client.exceptions.ResourceInUseException:
        return
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    client.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    )
