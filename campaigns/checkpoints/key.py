"""The name of a checkpoint: tenant first, readable, and free of any user's text (process.md section 3)."""

import re
from dataclasses import dataclass
from typing import Final, Self

from campaigns.keys.seal import AssociatedData

ROOT: Final = "checkpoints"

_TENANT = r"[a-z0-9][a-z0-9-]{1,62}"
_CAMPAIGN = r"campaign_[0-7][0-9A-HJKMNP-TV-Z]{25}"
_STEP = r"[a-z][a-z0-9-]{0,39}"
_DIGEST = r"[0-9a-f]{64}"
_KEY = re.compile(rf"({_TENANT})/({_CAMPAIGN})/({_STEP})/({_DIGEST})", re.ASCII)
_SCOPE = re.compile(rf"{_TENANT}/{_CAMPAIGN}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CheckpointKey:
    """One result of one step of one campaign; `digest` is the SHA-256 (hex) of the inputs that matter.

    Raises:
        ValueError: a part is not of its form. No part can hold a slash, so two keys that differ in a
            part differ as text.
    """

    tenant_id: str
    campaign_id: str
    step: str
    digest: str

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(str(self)):
            # Not echoed: a part that is not of its form may be a user's text.
            raise ValueError("not a checkpoint key: <tenant>/<campaign>/<step>/<sha256>")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key written `<tenant>/<campaign>/<step>/<sha256>`.

        Raises:
            ValueError: it is not written so.
        """
        return cls(*(text.split("/") if text.count("/") == 3 else ("", "", "", "")))

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.campaign_id}/{self.step}/{self.digest}"

    @property
    def path(self) -> str:
        """Where the object lies, below the location of the storage."""
        return f"{ROOT}/{self}"

    @property
    def context(self) -> AssociatedData:
        return AssociatedData(self.tenant_id, self.campaign_id, self.path)


def campaign_prefix(tenant_id: str, campaign_id: str) -> str:
    """Return the prefix that holds every checkpoint of a campaign and of no other.

    Raises:
        ValueError: an id is not of its form.
    """
    scope = f"{tenant_id}/{campaign_id}"
    if not _SCOPE.fullmatch(scope):
        raise ValueError("not the checkpoints of a campaign: <tenant>/<campaign>")
    return f"{ROOT}/{scope}/"
