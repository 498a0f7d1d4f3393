"""A Prefect notification block for any Apprise address, which may name the person: `tgram://…/{name}`.

Prefect's own notification blocks (Slack webhook, Teams, Sendgrid …) work as they are; this one is for everything else
that Apprise can reach. Mails leave by `tasks.delivery.smtp_mail`, also those of an address `mailtos://…?to={email}`:
Apprise would make a mail of its own, without thread and with one form of the words only.
"""

from typing import Any
from urllib.parse import quote

from prefect.blocks.notifications import AbstractAppriseNotificationBlock
from pydantic import Field, SecretStr

from campaigns.mail_server import Mailbox, MailServer, Security

_SECURITY: dict[str, Security] = {"ssl": "tls", "starttls": "starttls", "insecure": "none"}


class AppriseAddress(AbstractAppriseNotificationBlock):
    """Sends to an Apprise address; `{email}` and `{name}` in it become those of the recipient."""

    _block_type_name = "Apprise Address"
    _block_type_slug = "apprise-address"
    _description = "Any Apprise address, such as mailtos://…?to={email}."

    url: SecretStr = Field(title="Apprise address", description="May hold {email} and {name} of the recipient.")

    def block_initialization(self) -> None:
        """Open nothing yet: the address is complete only when a recipient is known."""

    def is_personal(self) -> bool:
        """Whether it reaches the one person that a notice is for."""
        return "{email}" in self.url.get_secret_value()

    def address(self, *, email: str, name: str) -> None:
        """Make the next message go to this person."""
        url = self.url.get_secret_value()
        for key, value in (("email", email), ("name", name)):
            url = url.replace("{" + key + "}", quote(value, safe="@"))
        self._start_apprise_client(SecretStr(url))

    def mail_servers(self) -> list[tuple[MailServer, list[str]]]:
        """Take the mail servers out of the addresses, each with the recipients of its mails, and leave the others."""
        from apprise.plugins.email import NotifyEmail

        client = self._apprise_client
        places = [place for place, known in enumerate(client.servers) if type(known) is NotifyEmail]
        return [_mail_server(client.pop(place)) for place in reversed(places)]

    def others(self) -> bool:
        """Whether addresses are left that are no mail servers."""
        return bool(self._apprise_client.servers)


def _mail_server(known: Any) -> tuple[MailServer, list[str]]:
    """Return what Apprise read from the address, with what it knows of the providers (Gmail's host, Yahoo's port …)."""
    name, address = known.from_addr
    server = MailServer(
        host=known.smtp_host, port=known.port, security=_SECURITY[known.secure_mode],
        sender=Mailbox(name or "", address), user=known.user or "", password=known.password or "",
    )  # fmt: skip
    return server, [*(target for _, target in known.targets), *known.cc, *known.bcc]
