"""The CloudFormation template: what it makes is what the code needs, and its roles may do what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from campaigns.checkpoints import bucket
from campaigns.checkpoints.bucket import BucketBlobs
from campaigns.settings import Settings
from campaigns.store import Store
from campaigns.store.tables import dynamodb
from campaigns.store.tables.dynamodb import TTL_ATTRIBUTE, DynamoDBTable
from deployments.aws.templates import read
from deployments.local.aws_local import AwsLocal
from deployments.local.aws_local_places import SETTINGS, TEMPLATE, prepare
from tests.dynamodb_table import table_shape
from tests.store.samples import NOW, TENANT, a_campaign

# What IAM calls the operations of boto3; a transaction needs the rights of its parts.
RIGHTS = {
    "get_item": {"dynamodb:GetItem"},
    "batch_get_item": {"dynamodb:BatchGetItem"},
    "put_item": {"dynamodb:PutItem"},
    "query": {"dynamodb:Query"},
    "transact_write_items": {"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"},
    "batch_write_item": {"dynamodb:BatchWriteItem"},
    "get_object": {"s3:GetObject"},
    "put_object": {"s3:PutObject"},
    "delete_objects": {"s3:DeleteObject"},
    "list_objects_v2": {"s3:ListBucket"},
}


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    found: dict[str, Any] = read(TEMPLATE.read_text())["Resources"]
    return found


@pytest.fixture(scope="module")
def made() -> Iterator[dict[str, str]]:
    """The settings of a stack that the emulator made from the template."""
    with AwsLocal() as emulator:
        yield prepare(emulator, "100000000077")


def client(service: Any, env: dict[str, str]) -> Any:
    return boto3.client(
        service,
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_DEFAULT_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )


def rights(resources: dict[str, Any], role: str) -> set[str]:
    [policy] = resources[role]["Properties"]["Policies"]
    actions: set[str] = set()
    for statement in policy["PolicyDocument"]["Statement"]:
        named = statement["Action"]
        actions |= {named} if isinstance(named, str) else set(named)
    return {action for action in actions if action.startswith(("dynamodb:", "s3:"))}


def operations_of(module: Any) -> set[str]:
    source = Path(module.__file__).read_text()
    return set(re.findall(r"self\._client\.([a-z_0-9]+)\(", source)) - {"get_paginator"} | set(
        re.findall(r'get_paginator\("([a-z_0-9]+)"\)', source)
    )


def test_the_table_has_the_keys_and_indexes_of_the_store(resources: dict[str, Any]) -> None:
    described = resources["Table"]["Properties"]
    shape = table_shape("name")
    del shape["TableName"]

    assert {name: described[name] for name in shape} == shape
    assert described["TimeToLiveSpecification"] == {"AttributeName": TTL_ATTRIBUTE, "Enabled": True}


def test_a_worker_may_do_exactly_what_the_store_and_the_checkpoints_call(resources: dict[str, Any]) -> None:
    called = operations_of(dynamodb) | operations_of(bucket)

    assert called == RIGHTS.keys()
    assert rights(resources, "WorkerRole") == set().union(*RIGHTS.values())


def test_the_api_purges_nothing_and_reaches_no_checkpoint_and_no_model(resources: dict[str, Any]) -> None:
    assert rights(resources, "ApiRole") == rights(resources, "WorkerRole") - {"dynamodb:BatchWriteItem"}
    statements = str(resources["ApiRole"]["Properties"]["Policies"])
    assert "bedrock" not in statements
    assert "checkpoints/" not in statements


def test_what_holds_data_outlives_the_stack(resources: dict[str, Any]) -> None:
    kept = {name for name, resource in resources.items() if resource.get("DeletionPolicy") == "Retain"}

    assert kept == {"Key", "Table", "Bucket", "Logs"}


def test_the_outputs_are_the_settings_and_they_lead_to_table_and_bucket(made: dict[str, str]) -> None:
    settings = Settings(
        store_url=made["CAMPAIGNS_STORE_URL"],
        checkpoints_url=made["CAMPAIGNS_CHECKPOINTS_URL"],
        assets_url=made["CAMPAIGNS_ASSETS_URL"],
        kms_key_id=made["CAMPAIGNS_KMS_KEY_ID"],
    )
    assert set(SETTINGS.values()) <= made.keys()

    store = Store(DynamoDBTable(client("dynamodb", made), urlsplit(settings.store_location()).netloc))
    created = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    assert store.campaigns.get(TENANT, created.id) == created
    assert [each.id for each in store.campaigns.list(TENANT, limit=5).items] == [created.id]


@pytest.mark.parametrize("setting", ["CAMPAIGNS_CHECKPOINTS_URL", "CAMPAIGNS_ASSETS_URL"])
def test_the_bucket_keeps_what_it_is_given_encrypted_with_the_key(made: dict[str, str], setting: str) -> None:
    s3, place = client("s3", made), urlsplit(made[setting])
    blobs = BucketBlobs(s3, place.netloc, place.path, made["CAMPAIGNS_KMS_KEY_ID"])

    blobs.put("checkpoints/a", b"sealed")

    assert blobs.get("checkpoints/a") == b"sealed"
    [key] = [each["Key"] for each in s3.list_objects_v2(Bucket=place.netloc, Prefix=place.path.strip("/"))["Contents"]]
    head = s3.head_object(Bucket=place.netloc, Key=key)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", made["CAMPAIGNS_KMS_KEY_ID"])
    blobs.delete(["checkpoints/a"])
