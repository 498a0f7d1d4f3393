"""Opens what the settings name, once per process: the only place where a client is made."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from campaigns.agents import models
from campaigns.checkpoints.folder import FolderBlobs
from campaigns.keys.keyring import KeyRing
from campaigns.keys.links import LinkSigner
from campaigns.operations import metrics as telemetry
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.store.assets import AssetFiles

if TYPE_CHECKING:
    from botocore.config import Config


class MissingSettingError(RuntimeError):
    """A setting that this part cannot do without is not set."""


@lru_cache(maxsize=1)
def get_store() -> Store:
    """Return the store that `CAMPAIGNS_STORE_URL` names; measures are printed by every process that writes to it."""
    store = _open_store()
    if (sink := _sink()) is not None:
        telemetry.install(store, sink=sink)
    return store


def _open_store() -> Store:
    location = urlsplit(get_settings().store_location())
    if location.scheme == "dynamodb":
        import boto3

        from campaigns.store.dynamodb import DynamoDBTable

        return Store(DynamoDBTable(boto3.client("dynamodb", config=_patience()), location.netloc))
    from campaigns.store.sqlite import SQLiteTable

    path = Path(location.path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Store(SQLiteTable(path))


@lru_cache(maxsize=1)
def get_asset_files() -> AssetFiles:
    """Return where the bytes of brand assets lie, as `CAMPAIGNS_ASSETS_URL` says."""
    settings = get_settings()
    location = urlsplit(settings.assets_location())
    if location.scheme == "s3":
        import boto3

        from campaigns.checkpoints.bucket import BucketBlobs

        client = boto3.client("s3", config=_patience())
        return AssetFiles(BucketBlobs(client, location.netloc, location.path, settings.kms_key_id))
    folder = FolderBlobs(Path(location.path))
    folder.prepare()
    return AssetFiles(folder)


def _patience() -> Config:
    """Return how long to wait for AWS: botocore's own patience, 60 s five times over, is more than anybody has."""
    from botocore.config import Config

    return Config(
        retries={"mode": "standard", "max_attempts": 5}, connect_timeout=3, read_timeout=10, max_pool_connections=50
    )


@lru_cache(maxsize=1)
def get_link_signer() -> LinkSigner:
    """Return what signs and reads approval links."""
    return LinkSigner(_ring("CAMPAIGNS_APPROVAL_KEYS", get_settings().approval_keys))


@lru_cache(maxsize=1)
def configure_agents() -> None:
    """Choose the model of this process; it is built when it is first needed."""
    settings = get_settings()
    models.configure(
        models.ModelOptions(
            name=settings.model,
            base_url=settings.model_base_url,
            read_timeout=min(
                settings.model_timeout_seconds, max(settings.planning_timeout_seconds, settings.post_timeout_seconds)
            ),
            price_in=settings.model_price_in,
            price_out=settings.model_price_out,
        )
    )


@lru_cache(maxsize=1)
def get_signals() -> telemetry.Signals:
    """Start watching in this process, and return what counts its signals."""
    return telemetry.install(get_store(), sink=_sink())


def _sink() -> telemetry.Sink | None:
    return telemetry.to_stdout if get_settings().metrics == "emf" else None


def get_api_ring() -> KeyRing:
    """Return the ring of bearer tokens."""
    return _ring("CAMPAIGNS_API_KEYS", get_settings().api_keys)


def get_checkpoint_ring() -> KeyRing:
    """Return the ring that seals checkpoints."""
    return _ring("CAMPAIGNS_CHECKPOINT_KEYS", get_settings().checkpoint_keys)


def _ring(name: str, value: SecretStr | None) -> KeyRing:
    if value is None:
        raise MissingSettingError(f"set {name} to a key ring; `python -m deployments.keys` prints a fresh one")
    return KeyRing.parse(value.get_secret_value())
