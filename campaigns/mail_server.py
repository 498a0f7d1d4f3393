"""The mail server that mails leave by, read from one address: `smtp://user:password@host:587?from=review@example.com`."""

import re
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Security = Literal["tls", "starttls", "none"]

_DEFAULT_PORTS: Final = {"smtp": 587, "smtps": 465}
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ADDRESS: Final = re.compile(r"[^\s@<>\"(),:;\\\[\]]+@[^\s@<>\"(),:;\\\[\]]+", re.ASCII)


class MailServerError(ValueError):
    """The address of a mail server is malformed; the words say what was expected and hold nothing of it."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Who a mail is from, or goes to; `address` is one address in ASCII, such as `ana@example.com`."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where a mail is handed in, how, and in whose name."""

    host: str
    port: int
    security: Security
    sender: Mailbox
    user: str = ""
    password: str = field(default="", repr=False)


def mailbox(name: str, address: str) -> Mailbox | None:
    """Return a mailbox, its domain in ASCII (RFC 5891), or None when that is not one address."""
    local, _, domain = address.strip().rpartition("@")
    try:
        written = f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
        if not _ADDRESS.fullmatch(written):
            return None
        Address(addr_spec=written)
    except (UnicodeError, HeaderParseError, ValueError, IndexError):
        return None
    return Mailbox(name, written)


def mail_server(url: str) -> MailServer:
    """Read the address of a mail server.

    `smtp://` asks for STARTTLS, but not of this machine itself; `?tls=off` or `?tls=starttls` says otherwise.
    `smtps://` is TLS from the first byte. `from` is the sender, with or without a name; without it the user is.

    Raises:
        MailServerError: it is none; the words name each fault, and nothing of the address.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise MailServerError("must be smtp://user:password@host:port?from=review@example.com") from None
    given = dict(parse_qsl(parts.query))
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    sender = mailbox(*parseaddr(given.get("from") or user))
    tls = given.get("tls", "off" if host in _HERE else "starttls")
    faults = []
    if parts.scheme not in _DEFAULT_PORTS:
        faults.append("must begin with smtp:// or smtps://")
    if not host:
        faults.append("must name a host")
    if port == 0:
        faults.append("must have a port from 1 to 65535, or none")
    if parts.path not in {"", "/"} or parts.fragment:
        faults.append("must have no path or fragment: write / ? # of a password as %2F %3F %23")
    if bool(user) is not bool(password):
        faults.append("must have both user and password, or neither")
    if sender is None:
        faults.append("must say who mails are from, as ?from=review@example.com")
    if unknown := sorted(set(given) - {"from", "tls"}):
        faults.append(f"must have no parameters but from and tls, and has {len(unknown)} more")
    if tls not in {"starttls", "off"} or (parts.scheme == "smtps" and "tls" in given):
        faults.append("must have tls=starttls or tls=off, and only with smtp://")
    if faults or sender is None:
        raise MailServerError("; ".join(faults))
    security: Security = "tls" if parts.scheme == "smtps" else "starttls" if tls == "starttls" else "none"
    return MailServer(host, port or _DEFAULT_PORTS[parts.scheme], security, sender, user, password)
