"""The storage block of checkpoints: what Prefect gets from it is authentic, ours, and of the key it asked for.

    Prefect ResultStore -> SealedCheckpoints -> CheckpointVault -> folder | S3Bucket (prefect-aws)

Lives with the tasks because every flow process resolves it by its slug, and housekeeping deletes through it.
The document that Prefect stores holds a location and no secret: the key ring is read from the settings.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

from prefect import results
from prefect.events import emit_event
from prefect.filesystems import WritableFileSystem
from prefect.settings import get_current_settings
from pydantic import Field, StringConstraints

from campaigns.checkpoints.faults import CheckpointForged, CheckpointMisused, CheckpointUnavailable
from campaigns.checkpoints.folder import FolderBlobs
from campaigns.checkpoints.key import CheckpointKey
from campaigns.checkpoints.vault import Blobs, CheckpointVault, Patience
from campaigns.keys.seal import Sealer
from campaigns.settings import Settings
from campaigns.telemetry.measures import LAST_STEP, StepReceipt
from campaigns.wiring import get_checkpoint_ring
from tasks.checkpoints.record import ForeignRecordError, require_our_record
from tasks.checkpoints.taken import count_kept, receipt_in, taken_by, with_receipt

log = logging.getLogger("campaigns.checkpoints")

REFUSED: Final = "campaign.checkpoint.refused"
_OPENING = threading.Lock()


class CheckpointAbsentError(LookupError):
    """Proven: nothing was kept under this key. An ordinary exception, which Prefect reads as "not cached"."""


class SealedCheckpoints(WritableFileSystem):
    """Keeps results of tasks sealed, in a folder or an S3 bucket; fails closed (`campaigns.checkpoints.faults`)."""

    _block_type_name = "Sealed checkpoints"
    _block_type_slug = "sealed-checkpoints"
    _description = "Results of campaign steps: encrypted, bound to tenant, campaign and key, and never guessed at."

    location: Annotated[str, StringConstraints(pattern=r"^(file:///.+|s3://[a-z0-9][a-z0-9.-]{2,62}(/.*)?)$")] = Field(
        description="file:///FOLDER or s3://BUCKET/PREFIX"
    )
    endpoint_url: str | None = Field(default=None, description="Another S3 than Amazon's; else AWS_ENDPOINT_URL_S3")
    kms_key_id: str | None = Field(default=None, description="Key for SSE-KMS, on top of our own sealing")
    max_wait_seconds: float = Field(default=60, ge=0, le=600, description="How long a step waits for the storage")

    def vault(self) -> CheckpointVault:
        """Return the vault at this location; one per process and location, so clients are built once."""
        with _OPENING:
            return _open_vault(self.location, self.endpoint_url, self.kms_key_id, self.max_wait_seconds)

    # Prefect calls these two with `_sync=True` from sync tasks and the `a…` pair from async ones. A block
    # without the argument seems to work: the TypeError is swallowed and nothing is ever kept.
    def read_path(self, path: str, _sync: bool = True) -> bytes:  # type: ignore[override]  # as Prefect's own blocks
        """Return the record under a key, authenticated and checked.

        Raises:
            CheckpointAbsentError: there is none, proven.
            CheckpointFault: anything else.
        """
        with _nothing_else_leaves("reading"):
            try:
                key = CheckpointKey.parse(path)
            except ValueError as error:
                raise CheckpointMisused("a task keeps its result without checkpointed()", str(error)) from error
            return self._read(key)

    def write_path(self, path: str, content: bytes, _sync: bool = True) -> None:  # type: ignore[override]  # as above
        """Keep a record under a key, proven by reading it back.

        Raises:
            ValueError: the key is no checkpoint's. Prefect tries to keep the exception of every failed
                flow run, pickled, under a random key, and goes on when it cannot.
            CheckpointFault: it is not kept, or not ours to keep.
        """
        key = CheckpointKey.parse(path)
        receipt = taken_by(key.step)
        with _nothing_else_leaves("writing"):
            self._write(key, with_receipt(content, receipt))
        count_kept(receipt, checkpoints=self._how_many(key) if key.step == LAST_STEP else None)

    async def aread_path(self, path: str) -> bytes:
        """Do what `read_path` does, off the event loop."""
        return await asyncio.to_thread(self.read_path, path)

    async def awrite_path(self, path: str, content: bytes) -> None:
        """Do what `write_path` does, off the event loop."""
        await asyncio.to_thread(self.write_path, path, content)

    def _resolve_path(self, _path: str) -> None:
        """Tell Prefect that keys are not files here; without it an unsaved block cannot write at all."""

    def delete_campaign_checkpoints(self, tenant_id: str, campaign_id: str) -> int:
        """Delete every checkpoint of a campaign; return how many there were.

        Raises:
            StoreUnavailableError: some may be left; ask again.
        """
        return self.vault().delete_campaign(tenant_id, campaign_id)

    def receipts(self, tenant_id: str, campaign_id: str) -> list[StepReceipt]:
        """Return what each kept step of a campaign took; those kept before there were receipts are missing.

        Raises:
            CheckpointFault: some of them cannot be read.
        """
        keys = self.vault().keys_of(tenant_id, campaign_id)
        # Authentic, and no result is read: whoever counts need not know the types of steps.
        records = [(key.step, self.vault().read(key)) for key in keys]
        found = [receipt_in(step, record) for step, record in records if record is not None]
        return [receipt for receipt in found if receipt is not None]

    def _how_many(self, key: CheckpointKey) -> int | None:
        try:
            return len(self.vault().keys_of(key.tenant_id, key.campaign_id))
        except Exception:  # the step is kept: a number is worth no failure of it
            return None

    def _read(self, key: CheckpointKey) -> bytes:
        try:
            record = self.vault().read(key)
            if record is None:
                raise CheckpointAbsentError(key.path)
            require_our_record(record, key)
        except ForeignRecordError as error:
            _report_refusal(key, str(error))
            raise CheckpointForged(key.path, str(error)) from error
        except CheckpointForged as error:
            _report_refusal(key, error.reason)
            raise
        return record

    def _write(self, key: CheckpointKey, record: bytes) -> None:
        try:
            require_our_record(record, key)
        except ForeignRecordError as error:
            raise CheckpointMisused(key.path, str(error)) from error
        self.vault().write(key, record)


def hand_over_storage() -> None:
    """Load the block that results go to by its class, and let Prefect find it: before a process runs a flow.

    By its name, Prefect first imports every collection that is installed, with clients of clouds that nobody here
    calls: 0.6 s of each process. If the block cannot be read now, Prefect reads it, and says what is wrong.
    """
    settings = get_current_settings().results
    kind, _, name = str(settings.default_storage_block).partition("/")
    if kind == SealedCheckpoints.get_block_type_slug():
        with suppress(Exception):
            block = SealedCheckpoints.load(name, _sync=True)  # type: ignore[call-arg]  # async_dispatch hides _sync
            found = (str(settings.default_storage_block), str(settings.local_storage_path), str(None))
            assert isinstance(block, SealedCheckpoints)
            results._default_storages[found] = block


def configured_storage(settings: Settings) -> SealedCheckpoints:
    """Return the storage that the settings describe; the same one that is saved on the Prefect server."""
    return SealedCheckpoints(location=settings.checkpoints_location(), kms_key_id=settings.kms_key_id)


@contextmanager
def _nothing_else_leaves(act: str) -> Iterator[None]:
    """Let faults and a proven absence pass; any other error would be taken for an absence, so it becomes a fault."""
    try:
        yield
    except CheckpointAbsentError:
        raise
    except Exception as error:
        raise CheckpointUnavailable("checkpoint", f"{act} failed: {type(error).__name__}") from error


@lru_cache(maxsize=8)
def _open_vault(location: str, endpoint_url: str | None, kms_key_id: str | None, wait: float) -> CheckpointVault:
    blobs: Blobs
    if location.startswith("file://"):
        blobs = FolderBlobs(folder_of(location))
    else:
        from campaigns.checkpoints.bucket import BucketBlobs

        bucket = _s3_bucket(location, endpoint_url)
        client = bucket.credentials.get_client("s3")
        blobs = BucketBlobs(client, bucket.bucket_name, bucket.bucket_folder, kms_key_id)
    return CheckpointVault(blobs, Sealer(get_checkpoint_ring()), Patience(max_wait_seconds=wait))


def folder_of(location: str) -> Path:
    """Return the folder that a file:// location names."""
    return Path(location.removeprefix("file://"))


def _s3_bucket(location: str, endpoint_url: str | None) -> Any:
    """Return prefect-aws's bucket block; late, because it brings boto3 into every flow process."""
    from botocore.config import Config
    from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket

    name, _, folder = location.removeprefix("s3://").partition("/")
    # One place retries: ours, within max_wait_seconds. Credentials come from the role of the process.
    config = Config(
        connect_timeout=3,
        read_timeout=20,
        max_pool_connections=50,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    parameters = AwsClientParameters(endpoint_url=endpoint_url, config=config)
    credentials = AwsCredentials(aws_client_parameters=parameters)
    return S3Bucket(bucket_name=name, bucket_folder=folder.strip("/"), credentials=credentials)


def _report_refusal(key: CheckpointKey, reason: str) -> None:
    """Raise the alarm: which object, and why; none of its content."""
    log.error(
        "checkpoint refused: %s: %s",
        key.path,
        reason,
        extra={"event": REFUSED, "tenant_id": key.tenant_id, "campaign_id": key.campaign_id, "reason": reason},
    )
    emit_event(
        event=REFUSED,
        resource={
            "prefect.resource.id": f"campaign.{key.campaign_id}",
            "prefect.resource.name": key.campaign_id,
            "campaign.tenant": key.tenant_id,
        },
        payload={"key": key.path, "reason": reason},
    )
