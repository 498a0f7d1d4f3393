"""Checkpoints in an S3 bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from campaigns.checkpoints.vault import BlobsUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# DeleteObjects takes at most 1,000 keys (S3 API reference).
_DELETE_BATCH: Final = 1000
# 4xx answers that ask to come again; every other 4xx is a matter of settings, and a storm would not help.
_PASSING: Final = frozenset({"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests"})


class BucketBlobs:
    """Objects below `prefix` in a bucket, encrypted by S3 with `kms_key_id` when one is given.

    The role needs `s3:ListBucket`: without it S3 answers 403 for an object that is not there, which
    proves nothing, and every first run would end as unavailable.
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str = "", kms_key_id: str | None = None) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._encryption: dict[str, Any] = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id, "BucketKeyEnabled": True}
            if kms_key_id
            else {}
        )

    def get(self, path: str) -> bytes | None:
        with _translated():
            try:
                return self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)["Body"].read()
            except self._client.exceptions.NoSuchKey as error:
                # The one proof of absence. A missing bucket, a proxy's 404 page or a deleted host are none.
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    return None
                raise

    def put(self, path: str, content: bytes) -> None:
        with _translated():
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + path, Body=content, **self._encryption)

    def paths(self, prefix: str) -> list[str]:
        with _translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            return sorted(item["Key"].removeprefix(self._prefix) for page in pages for item in page.get("Contents", []))

    def delete(self, paths: list[str]) -> None:
        for start in range(0, len(paths), _DELETE_BATCH):
            batch = paths[start : start + _DELETE_BATCH]
            with _translated():
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": self._prefix + path} for path in batch], "Quiet": True},
                )
            if errors := answer.get("Errors", []):
                raise BlobsUnavailable(f"{len(errors)} objects were not deleted: {errors[0].get('Code')}", True)

    def delete_all(self, prefix: str) -> int:
        paths = self.paths(prefix)
        self.delete(paths)
        return len(paths)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the faults of S3 and of the way to it into ours."""
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        raise BlobsUnavailable(f"S3 answered {status} {code}", status >= 500 or code in _PASSING) from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise BlobsUnavailable(f"S3 was not reached: {type(error).__name__}", retryable=True) from error
