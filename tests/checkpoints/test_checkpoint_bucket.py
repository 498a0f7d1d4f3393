"""Checkpoints in S3: what S3 has to say before something counts as missing, SSE-KMS, and a whole run on a bucket."""

from __future__ import annotations

import contextvars
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from prefect import flow, task
from prefect.settings import PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, temporary_settings

from campaigns.checkpoints.bucket import BucketBlobs
from campaigns.checkpoints.faults import CheckpointForged, CheckpointUnavailable
from campaigns.checkpoints.key import CheckpointKey
from campaigns.checkpoints.vault import BlobsUnavailable
from campaigns.model.base import new_id
from deployments.local.aws_local import AwsLocal
from tasks.checkpoints.cached import checkpointed
from tasks.checkpoints.storage import SealedCheckpoints

KEY = CheckpointKey("acme", new_id("campaign"), "plan", "a" * 64)
CANARY = "purple-otter-brief"
CALLS: Counter[str] = Counter()

# --- what S3 answers ----------------------------------------------------------------------------------


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[BucketBlobs]:
    """A bucket behind a server that answers every request the given way."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        do_POST = do_PUT

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield bucket_at(f"http://127.0.0.1:{server.server_address[1]}", read_timeout=0.5 if answer is hangs else 20)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bucket_at(url: str, read_timeout: float = 20) -> BucketBlobs:
    config = Config(connect_timeout=20, read_timeout=read_timeout, retries={"total_max_attempts": 1})
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="eu-central-1")
    return BucketBlobs(session.client("s3", endpoint_url=url, config=config), "bucket")


def says(status: int, body: str, kind: str = "application/xml", length: int | None = None) -> Any:
    def answer(request: BaseHTTPRequestHandler) -> None:
        content = body.encode()
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content) if length is None else length))
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(content)
        request.close_connection = True

    return answer


def error(code: str) -> str:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>"


def hangs(_: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(2)


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


def test_only_no_such_key_proves_that_nothing_is_there() -> None:
    with answering(says(404, error("NoSuchKey"))) as bucket:
        assert bucket.get(KEY.path) is None


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [
        (says(404, error("NoSuchBucket")), False),
        (says(404, "<html>no such page</html>", "text/html"), False),
        (says(404, ""), False),
        (says(200, error("NoSuchKey")[:30], length=5000), True),
        (says(403, error("AccessDenied")), False),
        (says(403, error("NoSuchKey")), False),
        (says(400, error("RequestTimeout")), True),
        (says(429, error("TooManyRequests")), True),
        (says(500, error("InternalError")), True),
        (says(500, error("NoSuchKey")), True),
        (says(502, "<html>bad gateway</html>", "text/html"), True),
        (says(503, error("SlowDown")), True),
        (hangs, True),
        (hangs_up, True),
    ],
    ids=["no bucket", "404 page", "404 bare", "cut short", "denied", "denied, lying", "400 timeout", "429", "500",
         "500, lying", "502", "503", "hangs", "hangs up"],
)  # fmt: skip
def test_any_other_answer_proves_nothing(answer: Any, retryable: bool) -> None:
    with answering(answer) as bucket, pytest.raises(BlobsUnavailable) as fault:
        bucket.get(KEY.path)

    assert fault.value.retryable is retryable


@pytest.mark.parametrize("answer", [says(503, error("SlowDown")), says(403, error("AccessDenied")), hangs, hangs_up])
def test_a_put_that_is_not_acknowledged_is_a_fault(answer: Any) -> None:
    with answering(answer) as bucket, pytest.raises(BlobsUnavailable):
        bucket.put(KEY.path, b"words")


def test_nobody_listening_is_a_fault() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bucket = bucket_at(f"http://127.0.0.1:{free.getsockname()[1]}")

        with pytest.raises(BlobsUnavailable, match="not reached"):
            bucket.get(KEY.path)


def test_objects_that_were_not_deleted_are_a_fault() -> None:
    body = "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>"

    with (
        answering(says(200, body)) as bucket,
        pytest.raises(BlobsUnavailable, match="1 objects were not deleted: AccessDenied"),
    ):
        bucket.delete(["k"])


# --- on the emulator ----------------------------------------------------------------------------------


@pytest.fixture
def bucket_name(aws: AwsLocal, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh bucket; the process finds its credentials as it would on AWS, in its environment."""
    for name, value in aws.environment().items():
        if name != "AWS_ENDPOINT_URL":
            monkeypatch.setenv(name, value)
    name = f"test-{uuid4().hex}"
    aws.session().client("s3", endpoint_url=aws.endpoint_url).create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return name


def test_objects_carry_the_kms_key_of_the_settings(aws: AwsLocal, bucket_name: str) -> None:
    client = aws.session().client("s3", endpoint_url=aws.endpoint_url)

    BucketBlobs(client, bucket_name, "p", "alias/campaigns").put(KEY.path, b"words")

    head = client.head_object(Bucket=bucket_name, Key=f"p/{KEY.path}")
    assert head["ServerSideEncryption"] == "aws:kms"
    assert head["SSEKMSKeyId"].endswith("alias/campaigns")


@task(**checkpointed("in-a-bucket", returns=str, inputs=lambda _: None))
def write_words(tenant_id: str, campaign_id: str) -> str:
    CALLS[campaign_id] += 1
    return f"{CANARY} {CALLS[campaign_id]}"


@flow(persist_result=False)
def run(campaign_id: str) -> str:
    return write_words("acme", campaign_id)


@pytest.fixture
def storage(prefect_server: None, aws: AwsLocal, bucket_name: str) -> Iterator[SealedCheckpoints]:
    block = SealedCheckpoints(
        location=f"s3://{bucket_name}/pre/fix", endpoint_url=aws.endpoint_url, kms_key_id="k", max_wait_seconds=0
    )
    name = f"test-{uuid4().hex[:12]}"
    block.save(name, _sync=True)
    with temporary_settings({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: f"sealed-checkpoints/{name}"}):
        yield block


def test_a_run_keeps_its_results_sealed_in_the_bucket_and_takes_them_back(
    storage: SealedCheckpoints, aws: AwsLocal, bucket_name: str
) -> None:
    campaign_id = new_id("campaign")
    client = aws.session().client("s3", endpoint_url=aws.endpoint_url)

    assert run(campaign_id) == run(campaign_id) == f"{CANARY} 1"

    [item] = client.list_objects_v2(Bucket=bucket_name)["Contents"]
    content = client.get_object(Bucket=bucket_name, Key=item["Key"])
    assert item["Key"].startswith(f"pre/fix/checkpoints/acme/{campaign_id}/in-a-bucket/")
    assert content["ServerSideEncryption"] == "aws:kms"
    assert CANARY.encode() not in content["Body"].read()
    assert CALLS[campaign_id] == 1


def test_a_forged_object_in_the_bucket_crashes_the_run(
    storage: SealedCheckpoints, aws: AwsLocal, bucket_name: str
) -> None:
    campaign_id = new_id("campaign")
    client = aws.session().client("s3", endpoint_url=aws.endpoint_url)
    run(campaign_id)
    [item] = client.list_objects_v2(Bucket=bucket_name)["Contents"]
    client.put_object(Bucket=bucket_name, Key=item["Key"], Body=b'{"metadata": {}, "result": "gASV"}')

    with pytest.raises(CheckpointForged, match="not_sealed"):
        run(campaign_id)

    assert CALLS[campaign_id] == 1


def test_a_bucket_that_is_gone_crashes_the_run_before_and_after_the_step(
    storage: SealedCheckpoints, aws: AwsLocal, bucket_name: str
) -> None:
    campaign_id = new_id("campaign")
    aws.session().client("s3", endpoint_url=aws.endpoint_url).delete_bucket(Bucket=bucket_name)

    with pytest.raises(CheckpointUnavailable, match="NoSuchBucket"):
        contextvars.copy_context().run(lambda: run(campaign_id))

    assert CALLS[campaign_id] == 0


def test_clients_are_built_once_per_process(aws: AwsLocal, bucket_name: str) -> None:
    def opened() -> Any:
        block = SealedCheckpoints(location=f"s3://{bucket_name}/p", endpoint_url=aws.endpoint_url)
        return block.vault().blobs._client

    assert opened() is opened()


def test_a_campaign_is_deleted_through_the_block(storage: SealedCheckpoints) -> None:
    campaign_id = new_id("campaign")
    run(campaign_id)

    assert storage.delete_campaign_checkpoints("acme", campaign_id) == 1
    assert storage.delete_campaign_checkpoints("acme", campaign_id) == 0
