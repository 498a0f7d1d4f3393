"""The secrets of an environment in Secrets Manager: one for each purpose, so that a container reads only its own."""

import secrets
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from campaigns.keys.keyring import new_ring

RINGS: Final = ("checkpoint", "approval", "api")
MAIL: Final = "mail"
WEBHOOKS: Final = "webhooks"
NAMES: Final = (*RINGS, "prefect", "redis", MAIL, WEBHOOKS)
SERVICES: Final = {
    "checkpoint": ("WorkerService",),
    "approval": ("WorkerService", "ApiService"),
    "api": ("ApiService",),
    "prefect": ("ServerService", "WorkerService", "ApiService"),
    "redis": ("ServerService",),
    MAIL: ("WorkerService", "ApiService"),
    WEBHOOKS: ("WorkerService", "ApiService"),
}
"""Outputs of the run stack that name who has to be started again when a secret changes."""


def fresh_kid(now: datetime | None = None) -> str:
    """Return a name for a key that is made now; it stays unique in its ring, and tells the key's age."""
    return f"k{now or datetime.now(UTC):%Y%m%d%H%M}"


class Secrets:
    """The secrets `campaigns/ENV/NAME` of one environment."""

    def __init__(self, client: Any, environment: str) -> None:
        self._client, self._environment = client, environment

    def path(self, name: str) -> str:
        return f"campaigns/{self._environment}/{name}"

    def arns(self) -> dict[str, str]:
        """Return the ARN of each secret that is there."""
        found = {name: self._described(name) for name in NAMES}
        return {name: each["ARN"] for name, each in found.items() if each is not None}

    def make(self, name: str, key: str, *, mail_url: str = "") -> str:
        """Make a secret that is not there, sealed with the installation's key, and return its ARN."""
        value = {
            "prefect": f"campaigns:{secrets.token_urlsafe(24)}",
            "redis": secrets.token_urlsafe(32),
            MAIL: mail_url,
            WEBHOOKS: "{}",  # of no tenant; people write it
        }
        text = value.get(name) or new_ring(fresh_kid())
        made = self._client.create_secret(Name=self.path(name), SecretString=text, KmsKeyId=key)
        return str(made["ARN"])

    def read(self, name: str) -> str:
        return str(self._client.get_secret_value(SecretId=self.path(name))["SecretString"])

    def write(self, name: str, value: str) -> None:
        self._client.put_secret_value(SecretId=self.path(name), SecretString=value)

    def changed(self, name: str) -> datetime:
        """Return when a secret last got another value."""
        described = self._described(name)
        assert described is not None, name
        at: datetime = described.get("LastChangedDate") or described["CreatedDate"]
        return at

    def _described(self, name: str) -> Any:
        try:
            return self._client.describe_secret(SecretId=self.path(name))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
