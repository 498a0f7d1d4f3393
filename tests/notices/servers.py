"""Where notices arrive: a mail server with the real protocol, and a web server that keeps what is posted to it."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Protocol
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "review", "p@ss:w/rd"


@dataclass
class Mailroom:
    """What a mail server took, and how it answers: texts as of RFC 5321, such as `550 5.1.1 no such user`."""

    port: int = 0
    taken: list[bytes] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)
    users: list[Any] = field(default_factory=list)
    answers_recipient: str = ""
    answers_mail: str = ""

    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(each, policy=policy.default) for each in self.taken]  # type: ignore[misc]

    async def handle_RCPT(self, _s: Protocol, _n: Session, envelope: Envelope, address: str, _o: list[str]) -> str:
        if self.answers_recipient:
            return self.answers_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Protocol, session: Session, envelope: Envelope) -> str:
        if self.answers_mail:
            return self.answers_mail
        assert isinstance(envelope.original_content, bytes)
        self.taken.append(envelope.original_content)
        self.to.append(list(envelope.rcpt_tos))
        self.secure.append(session.ssl is not None)
        self.users.append(session.auth_data)
        return "250 OK"


class _OnAFreePort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def a_mail_server(tls: ssl.SSLContext | None = None, *, login: bool = False) -> Iterator[Mailroom]:
    """Run a mail server on a free port of this machine, with STARTTLS where a context is given."""

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and given == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, auth_data=USER if right else None, handled=right)

    room = Mailroom()
    keywords: dict[str, Any] = {"tls_context": tls, "require_starttls": tls is not None}
    if login:
        keywords |= {"authenticator": check, "auth_required": True, "auth_require_tls": tls is not None}
    controller = _OnAFreePort(room, hostname="127.0.0.1", port=0, **keywords)
    controller.start()
    try:
        room.port = controller.port
        yield room
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return the context of a server on this machine, and the file of who vouches for it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    signer, private = folder / "signer.pem", folder / "key.pem"
    signer.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signer, private)
    return context, signer


@dataclass
class Postbox:
    """What was posted to a web server, as JSON where it is some."""

    port: int = 0
    taken: list[Any] = field(default_factory=list)

    def words(self) -> str:
        """Everything that was posted, as one text with its escapes of JSON undone."""
        return "\n".join(_texts(each) for each in self.taken)


def _texts(value: Any) -> str:
    match value:
        case dict():
            return "\n".join(_texts(each) for each in value.values())
        case list():
            return "\n".join(_texts(each) for each in value)
        case other:
            return str(other)


@contextmanager
def a_web_server() -> Iterator[Postbox]:
    """Run a web server on a free port of this machine that answers everything well."""
    box = Postbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            try:
                box.taken.append(json.loads(body))
            except ValueError:
                box.taken.append(body)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        do_PUT = do_POST

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    box.port = server.server_address[1]
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
