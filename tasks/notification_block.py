"""A Prefect notification block for any Apprise address, which may name the person: `mailtos://…?to={email}`.

Prefect's own notification blocks (Slack webhook, Teams, Sendgrid …) work as they are; this one is for
mail by SMTP and for everything else that Apprise can reach. Save one with

    AppriseAddress(url="mailtos://user:password@smtp.example.com?from=review@example.com&to={email}").save("mail")
"""

from __future__ import annotations

from urllib.parse import quote

from prefect.blocks.notifications import AbstractAppriseNotificationBlock
from pydantic import Field, SecretStr


class AppriseAddress(AbstractAppriseNotificationBlock):
    """Sends to an Apprise address; `{email}` and `{name}` in it are those of whoever is told."""

    _block_type_name = "Apprise Address"
    _block_type_slug = "apprise-address"
    _description = "Any Apprise address, such as mailtos://…?to={email}."

    url: SecretStr = Field(title="Apprise address", description="May hold {email} and {name} of the recipient.")

    def block_initialization(self) -> None:
        """Open nothing yet: the address is complete only when a recipient is known."""

    def address(self, *, email: str, name: str) -> None:
        """Make the next message go to this person."""
        url = self.url.get_secret_value()
        for key, value in (("email", email), ("name", name)):
            url = url.replace("{" + key + "}", quote(value, safe="@"))
        self._start_apprise_client(SecretStr(url))
