"""The table and the bucket of the demo on the AWS emulator, and what lies in them afterwards."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import boto3

from deployments.aws.templates import HERE
from deployments.local.aws_local import REGION, AwsLocal

TEMPLATE: Final = HERE / "data.yaml"
STACK: Final = "campaigns"
SETTINGS: Final = {
    "StoreUrl": "CAMPAIGNS_STORE_URL",
    "CheckpointsUrl": "CAMPAIGNS_CHECKPOINTS_URL",
    "AssetsUrl": "CAMPAIGNS_ASSETS_URL",
    "KmsKeyId": "CAMPAIGNS_KMS_KEY_ID",
}
"""Outputs of the template, and the settings they are."""


def prepare(emulator: AwsLocal, account: str = "000000000000") -> dict[str, str]:
    """Create what production has, from its own template, and return the settings that lead there."""
    env = emulator.environment(account)
    cloudformation = _client("cloudformation", env)
    cloudformation.create_stack(StackName=STACK, TemplateBody=TEMPLATE.read_text(), Capabilities=["CAPABILITY_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    outputs = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    values = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    return {**env, **{setting: values[output] for output, setting in SETTINGS.items()}}


def told(env: Mapping[str, str], campaign_id: str, *, canary: str) -> str:
    """Return what the table and the bucket hold of a campaign, and where words of its brief can be read.

    Args:
        canary: words of the brief; they may stand in the table's campaign and posts, and nowhere else.
    """
    table, bucket = _client("dynamodb", env), _client("s3", env)
    table_name = urlsplit(env["CAMPAIGNS_STORE_URL"]).netloc
    bucket_name = urlsplit(env["CAMPAIGNS_CHECKPOINTS_URL"]).netloc
    kinds: Counter[str] = Counter()
    readable: Counter[str] = Counter()
    for page in table.get_paginator("scan").paginate(TableName=table_name):
        for item in page["Items"]:
            kind = item.get("kind", {}).get("S", "other")
            if campaign_id in str(item.get("pk")):
                kinds[kind] += 1
            readable[kind] += canary in str(item)
    objects = [
        entry["Key"]
        for page in bucket.get_paginator("list_objects_v2").paginate(Bucket=bucket_name)
        for entry in page.get("Contents", [])
    ]
    leaks = sum(
        canary.encode() in bucket.get_object(Bucket=bucket_name, Key=key)["Body"].read() or canary in key
        for key in objects
    )
    held = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    seen = ", ".join(f"{count} {kind}" for kind, count in sorted(readable.items()) if count) or "nowhere"
    return (
        f"\nTable {table_name}: {held}\n"
        f"Bucket {bucket_name}: {len(objects)} sealed checkpoints, {leaks} of them readable\n"
        f"Words of the brief ({canary!r}) can be read in the table: {seen}"
    )


def _client(service: Any, env: Mapping[str, str]) -> Any:
    return boto3.client(
        service,
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env.get("AWS_DEFAULT_REGION", REGION),
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )
