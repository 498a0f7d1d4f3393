"""Opens what the settings name, once per process: the only place where a client is made."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from campaigns.agents.providers import models
from campaigns.checkpoints.folder import FolderBlobs
from campaigns.keys.feeds import FeedTokens
from campaigns.keys.keyring import KeyRing
from campaigns.keys.links import LinkSigner
from campaigns.keys.lists import ListLinks
from campaigns.operations.permits import Permits
from campaigns.operations.watching import metrics
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.store.library.assets import AssetFiles
from campaigns.telemetry.emf import to_stdout
from campaigns.telemetry.recorder import Sink, by_tenant

if TYPE_CHECKING:
    from botocore.config import Config


class MissingSettingError(RuntimeError):
    """A setting that this part cannot do without is not set."""


@lru_cache(maxsize=1)
def get_store() -> Store:
    """Return the store that `CAMPAIGNS_STORE_URL` names; every process that writes to it counts what it writes."""
    store = _open_store()
    metrics.install(store, sinks=_sinks())
    return store


def _open_store() -> Store:
    location = urlsplit(get_settings().store_location())
    if location.scheme == "dynamodb":
        import boto3

        from campaigns.store.tables.dynamodb import DynamoDBTable

        return Store(DynamoDBTable(boto3.client("dynamodb", config=_patience()), location.netloc))
    from campaigns.store.tables.sqlite import SQLiteTable

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


def get_list_links() -> ListLinks:
    """Return what signs and reads links to the lists of approvers."""
    return ListLinks(_ring("CAMPAIGNS_APPROVAL_KEYS", get_settings().approval_keys))


def get_feed_tokens() -> FeedTokens:
    """Return what makes and knows the tokens of calendar feeds."""
    return FeedTokens(_ring("CAMPAIGNS_APPROVAL_KEYS", get_settings().approval_keys))


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
def get_signals() -> metrics.Signals:
    """Start watching in this process, and return what counts its signals."""
    return metrics.install(get_store(), sinks=_sinks())


def get_permits() -> Permits:
    """Return what lets this process call the model."""
    return _permits(get_store(), get_settings().writer_limit)


@lru_cache(maxsize=1)
def _permits(store: Store, most: int) -> Permits:
    return Permits(store, most=most)


def _sinks() -> dict[str, Sink]:
    sinks: dict[str, Sink] = {"emf": to_stdout} if get_settings().metrics == "emf" else {}
    if get_settings().otlp_endpoint:
        sinks["otlp"] = _otlp()
    return {name: by_tenant(sink) for name, sink in sinks.items()} if get_settings().metrics_by_tenant else sinks


@lru_cache(maxsize=1)
def _otlp() -> Sink:
    from campaigns.telemetry.otlp import Otlp  # brings OpenTelemetry's SDK: only where somebody listens

    return Otlp(get_settings().otlp_endpoint)


def get_api_ring() -> KeyRing:
    """Return the ring of bearer tokens."""
    return _ring("CAMPAIGNS_API_KEYS", get_settings().api_keys)


def get_checkpoint_ring() -> KeyRing:
    """Return the ring that seals checkpoints."""
    return _ring("CAMPAIGNS_CHECKPOINT_KEYS", get_settings().checkpoint_keys)


def _ring(name: str, value: SecretStr | None) -> KeyRing:
    if value is None:
        raise MissingSettingError(f"set {name} to a key ring; `python -m deployments.commands.keys` prints a fresh one")
    return KeyRing.parse(value.get_secret_value())
