"""The bytes of assets: in a folder or a bucket, by tenant, brand and asset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from campaigns.checkpoints.bucket import BucketBlobs
from campaigns.checkpoints.folder import FolderBlobs
from campaigns.checkpoints.vault import Blobs
from campaigns.errors import NotFoundError, StoreUnavailableError
from campaigns.model.base import new_id
from campaigns.model.library.brand import MAX_ASSET_BYTES
from campaigns.settings import get_settings
from campaigns.store.library.assets import AssetFiles
from campaigns.wiring import get_asset_files
from tests.store.samples import OTHER, TENANT


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "folder":
        folder = FolderBlobs(tmp_path / "assets")
        folder.prepare()
        return folder
    aws = request.getfixturevalue("aws")
    client = aws.session("100000000002").client("s3", endpoint_url=aws.endpoint_url)
    bucket = f"assets-{new_id('asset')[-12:].lower()}"
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return BucketBlobs(client, bucket, "files")


def test_bytes_come_back_as_they_were_put_up_to_ten_megabytes(blobs: Blobs) -> None:
    files = AssetFiles(blobs)
    brand, asset = new_id("brand"), new_id("asset")
    content = bytes(range(256)) * (MAX_ASSET_BYTES // 256)

    path = files.put(TENANT, brand, asset, content)

    assert path == f"{TENANT}/{brand}/{asset}"
    assert files.get(TENANT, brand, asset) == content


def test_bytes_of_another_tenant_are_not_there(blobs: Blobs) -> None:
    files = AssetFiles(blobs)
    brand, asset = new_id("brand"), new_id("asset")
    files.put(TENANT, brand, asset, b"mine")

    with pytest.raises(NotFoundError):
        files.get(OTHER, brand, asset)
    with pytest.raises(NotFoundError):
        files.get(TENANT, new_id("brand"), asset)
    files.delete(OTHER, brand, asset)
    assert files.get(TENANT, brand, asset) == b"mine"


def test_deleted_bytes_are_gone_and_deleting_again_is_harmless(blobs: Blobs) -> None:
    files = AssetFiles(blobs)
    brand, asset = new_id("brand"), new_id("asset")
    files.put(TENANT, brand, asset, b"bytes")

    files.delete(TENANT, brand, asset)
    files.delete(TENANT, brand, asset)

    with pytest.raises(NotFoundError):
        files.get(TENANT, brand, asset)


@pytest.mark.parametrize("part", ["..", "../../etc/passwd", "", "brand_01", "a/b"])
def test_no_part_leads_out_of_the_place(blobs: Blobs, part: str) -> None:
    files = AssetFiles(blobs)

    with pytest.raises(NotFoundError):
        files.put(TENANT, part, new_id("asset"), b"x")
    with pytest.raises(NotFoundError):
        files.get(part, new_id("brand"), new_id("asset"))


def test_a_place_that_is_missing_is_unavailable_not_empty(tmp_path: Path) -> None:
    files = AssetFiles(FolderBlobs(tmp_path / "never mounted"))

    with pytest.raises(StoreUnavailableError):
        files.get(TENANT, new_id("brand"), new_id("asset"))


def test_a_bucket_that_takes_calls_and_never_answers_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe of readiness asks it: botocore alone would hold that thread for five minutes."""
    monkeypatch.setenv("CAMPAIGNS_ASSETS_URL", "s3://assets")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    asked: list[Any] = []
    open_client = boto3.client
    monkeypatch.setattr(boto3, "client", lambda *what, **how: asked.append(open_client(*what, **how)) or asked[-1])
    for opener in (get_settings, get_asset_files):
        opener.cache_clear()
    try:
        get_asset_files()
    finally:
        for opener in (get_settings, get_asset_files):
            opener.cache_clear()

    (client,) = asked
    patience = client.meta.config
    tries = patience.retries.get("total_max_attempts", 5)
    assert patience.read_timeout * tries <= 60
    assert patience.connect_timeout * tries <= 20
