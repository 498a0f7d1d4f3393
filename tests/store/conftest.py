"""The store's tests run on every implementation: SQLite, and DynamoDB on an emulator or, if named, on AWS.

`CAMPAIGNS_TEST_AWS_TABLE=name-with-test-in-it` points the DynamoDB half at a table of the account that
boto3 finds. It is emptied before each test, so its name must say that it is for tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from campaigns.store import Store
from campaigns.store.tables.dynamodb import DynamoDBTable
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Key, Table
from deployments.local.aws_local import AwsLocal
from tests.dynamodb_table import create_table

AWS_TABLE = os.environ.get("CAMPAIGNS_TEST_AWS_TABLE")


def patient() -> Config:
    return Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=100, read_timeout=30)


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsLocal]:
    with AwsLocal() as running:
        yield running


@pytest.fixture(scope="session")
def dynamodb(request: pytest.FixtureRequest) -> Any:
    if AWS_TABLE:
        return boto3.client("dynamodb", config=patient())
    aws: AwsLocal = request.getfixturevalue("aws")
    return aws.session("100000000001").client("dynamodb", endpoint_url=aws.endpoint_url, config=patient())


@pytest.fixture
def dynamodb_name(dynamodb: Any) -> Iterator[str]:
    """An empty table, and its name."""
    if AWS_TABLE:
        assert "test" in AWS_TABLE, "the table is emptied before each test: its name must say that it is for tests"
        create_table(dynamodb, AWS_TABLE)
        pages = dynamodb.get_paginator("scan").paginate(TableName=AWS_TABLE, ProjectionExpression="pk, sk")
        found = [Key(item["pk"]["S"], item["sk"]["S"]) for page in pages for item in page["Items"]]
        DynamoDBTable(dynamodb, AWS_TABLE).delete(found)
        yield AWS_TABLE
    else:
        name = f"test-{uuid4().hex}"
        create_table(dynamodb, name)
        yield name
        dynamodb.delete_table(TableName=name)


@pytest.fixture(params=["sqlite", "dynamodb"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    """An empty table of each implementation."""
    if request.param == "sqlite":
        return SQLiteTable(tmp_path / "store.db")
    return DynamoDBTable(request.getfixturevalue("dynamodb"), request.getfixturevalue("dynamodb_name"))


@pytest.fixture
def store(table: Table) -> Store:
    return Store(table)


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Ask again for up to a minute until the answer is true: lists by index may lag on AWS."""
    import time

    def ask(question: Callable[[], Any]) -> Any:
        end = time.monotonic() + 60
        while not (answer := question()) and time.monotonic() < end:
            time.sleep(0.05)
        return answer

    return ask
