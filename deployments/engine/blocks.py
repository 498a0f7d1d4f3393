"""Saves the blocks that flow processes look up on the Prefect server; run at every start of a stack.

    python -m deployments.engine.blocks

Which storage the steps use is a setting, not a decorator: PREFECT_DEFAULT_RESULT_STORAGE_BLOCK names
the block saved here, and CAMPAIGNS_CHECKPOINTS_URL says where it keeps things. The mail block is saved from
CAMPAIGNS_MAIL_URL; channels of other kinds are made in Prefect's UI, where their types stand from now on.
"""

import sys

from campaigns.checkpoints.folder import FolderBlobs
from campaigns.mail_server import MailServer
from campaigns.settings import MAIL_BLOCK, Settings, get_settings
from campaigns.wiring import get_checkpoint_ring
from deployments.place import CHECKPOINT_BLOCK, DEFAULT_RESULT_STORAGE
from tasks.checkpoints.storage import SealedCheckpoints, configured_storage, folder_of
from tasks.delivery.notification_block import AppriseAddress
from tasks.delivery.smtp_mail import SmtpMail


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


def register_channels(settings: Settings) -> MailServer | None:
    """Register the block types of notices, and save the mail block where a mail server is set; return that server."""
    for kind in (SmtpMail, AppriseAddress):
        kind.register_type_and_schema(_sync=True)  # type: ignore[call-arg]  # async_dispatch hides _sync
    if not settings.mail_url.get_secret_value():
        return None
    block = SmtpMail(url=settings.mail_url)
    block.save(MAIL_BLOCK.partition("/")[2], overwrite=True, _sync=True)  # type: ignore[call-arg]  # as above
    return block.server()


def main() -> None:
    saved = register_checkpoint_storage(get_settings())
    print(f"{DEFAULT_RESULT_STORAGE} -> {saved.location}")
    if server := register_channels(get_settings()):
        print(f"{MAIL_BLOCK} -> {server.host}:{server.port} ({server.security}), from {server.sender.address}")
    elif get_settings().tells_nobody():
        print("mails become files on this machine: set CAMPAIGNS_MAIL_URL and run this again", file=sys.stderr)


if __name__ == "__main__":
    main()
