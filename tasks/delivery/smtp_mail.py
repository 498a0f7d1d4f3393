"""A Prefect notification block that hands mails in at a mail server, as they are: text and HTML, thread and sender.

One address says everything (`campaigns.mail_server`), and `python -m deployments.engine.blocks` saves the block from
CAMPAIGNS_MAIL_URL. By hand:

    SmtpMail(url="smtp://user:password@smtp.example.com:587?from=review@example.com").save("campaigns")
"""

import re
import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Final
from uuid import uuid4

from prefect.blocks.abstract import NotificationBlock
from pydantic import Field, SecretStr

from campaigns.approval.messages.notices import Notice
from campaigns.errors import CampaignError
from campaigns.mail_server import MailServer, mail_server
from campaigns.settings import get_settings

_SECONDS: Final = 15.0
"""For one answer of the server."""
_SECONDS_IN_ALL: Final = 40.0
"""For the whole conversation: less than the claim on the entry, or a second process would send the same mail."""
_ENHANCED: Final = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?!\S)")


class MailNotSentError(CampaignError):
    """A mail server did not take a mail. The words name the answer's codes only: its text may hold the address."""

    code = "MAIL_NOT_SENT"
    retryable = True


class MailRefusedError(MailNotSentError):
    """A mail server will never take this mail to this address (an answer 5xx to the recipient or to the mail)."""

    code = "MAIL_REFUSED"
    retryable = False


class SmtpMail(NotificationBlock):
    """Sends mails by SMTP, with STARTTLS, TLS or, on the same machine, in clear."""

    _block_type_name = "SMTP Mail"
    _block_type_slug = "smtp-mail"
    _description = "Mails by SMTP from one address, such as smtp://user:password@host:587?from=review@example.com."

    url: SecretStr = Field(
        title="Address of the mail server",
        description="smtp://user:password@host:587?from=review@example.com, or smtps:// for TLS from the first byte.",
    )

    def block_initialization(self) -> None:
        """Refuse a malformed address when it is saved, not when a mail waits."""
        mail_server(self.url.get_secret_value())

    def server(self) -> MailServer:
        """Return what the address says."""
        return mail_server(self.url.get_secret_value())

    def notify(self, body: str, subject: str | None = None) -> None:  # type: ignore[override]  # Prefect dispatches both
        """Send plain words to the operator, who alone is known here."""
        operator = get_settings().operator()
        notice = Notice(
            to=operator.name, email=operator.address, subject=subject or "", paragraphs=body.split("\n\n"),
            thread=uuid4().hex, language="en",
        )  # fmt: skip
        server = self.server()
        message = notice.mail(notice.thread, sender=server.sender, at=datetime.now(UTC))
        hand_in(message, server, to=[operator.address])


def hand_in(message: EmailMessage, server: MailServer, *, to: list[str]) -> None:
    """Give a mail to the server for the addresses.

    Raises:
        MailRefusedError: the server will never take it.
        MailNotSentError: it was not taken, or nobody knows.
    """
    try:
        with conversation(server) as smtp:
            smtp.sendmail(server.sender.address, to, message.as_bytes())  # send_message would fold headers again
    except smtplib.SMTPRecipientsRefused as error:
        # To one or to several: what none of them got may be tried again, unless each was refused for good.
        answers = list(error.recipients.values())
        kind = MailRefusedError if all(code >= 500 for code, _ in answers) else MailNotSentError
        raise kind(_answer(*answers[0])) from None
    except smtplib.SMTPDataError as error:
        kind = MailRefusedError if error.smtp_code >= 500 else MailNotSentError
        raise kind(_answer(error.smtp_code, error.smtp_error)) from None
    except smtplib.SMTPResponseException as error:
        # Who we are, or that we may not send: for an operator to mend, and then the mail goes out.
        raise MailNotSentError(f"{type(error).__name__} {_answer(error.smtp_code, error.smtp_error)}") from None
    except (OSError, ValueError) as error:  # smtplib's own errors and TLS's are OSErrors
        raise MailNotSentError(type(error).__name__) from None


@contextmanager
def conversation(server: MailServer) -> Iterator[smtplib.SMTP]:
    """Return a connection on which a mail may be sent; when it was taken, nothing that follows can fail."""
    tls = ssl.create_default_context()
    if server.security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=tls)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
    # A server that answers letter by letter keeps each single limit.
    watch = threading.Timer(_SECONDS_IN_ALL, smtp.close)
    watch.daemon = True
    watch.start()
    try:
        if server.security == "starttls":
            smtp.starttls(context=tls)
        if server.user:
            smtp.login(server.user, server.password)
        yield smtp
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
    finally:
        watch.cancel()
        smtp.close()


def _answer(code: int, text: bytes | str) -> str:
    """Return the codes of an answer, such as `550 5.1.1`."""
    enhanced = _ENHANCED.match(text if isinstance(text, bytes) else text.encode())
    return f"{code} {enhanced[0].decode()}" if enhanced else str(code)
