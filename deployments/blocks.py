"""Saves the blocks that flow processes look up on the Prefect server; run at every start of a stack.

    python -m deployments.blocks

Which storage the steps use is a setting, not a decorator: PREFECT_DEFAULT_RESULT_STORAGE_BLOCK names
the block saved here, and CAMPAIGNS_CHECKPOINTS_URL says where it keeps things.
"""

from __future__ import annotations

from typing import Final

from campaigns.checkpoints.folder import FolderBlobs
from campaigns.settings import Settings, get_settings
from campaigns.wiring import get_checkpoint_ring
from tasks.checkpoint_storage import SealedCheckpoints, configured_storage, folder_of

CHECKPOINT_BLOCK: Final = "campaigns"
DEFAULT_RESULT_STORAGE: Final = f"sealed-checkpoints/{CHECKPOINT_BLOCK}"
"""Value of PREFECT_DEFAULT_RESULT_STORAGE_BLOCK in every process that runs flows."""


def register_checkpoint_storage(settings: Settings) -> SealedCheckpoints:
    """Save the storage block that the settings describe over the one on the server, and return it.

    Raises:
        MissingSettingError: there is no key ring, so nothing could be sealed.
    """
    get_checkpoint_ring()
    block = configured_storage(settings)
    if block.location.startswith("file://"):
        FolderBlobs(folder_of(block.location)).prepare()
    block.save(CHECKPOINT_BLOCK, overwrite=True, _sync=True)  # type: ignore[call-arg]  # async_dispatch hides _sync
    return block


if __name__ == "__main__":
    saved = register_checkpoint_storage(get_settings())
    print(f"{DEFAULT_RESULT_STORAGE} -> {saved.location}")
