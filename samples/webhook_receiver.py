"""Takes approved posts from a webhook, and keeps each campaign once: a worked example that needs nothing but Python.

    WEBHOOK_SECRET=whsec_... python samples/webhook_receiver.py 8099 received/

It checks the signature (standardwebhooks.com) in constant time, refuses what is older than five minutes, and keeps the
id of each message: the same one may come again, and is answered like the first time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOLERANCE_SECONDS = 300
MAX_BYTES = 10_000_000


def is_genuine(secret: str, headers: dict[str, str], body: bytes, now: float) -> bool:
    """Whether a message is signed with our secret, and fresh."""
    message_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not sent_at.isdigit() or abs(now - int(sent_at)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mark = hmac.new(key, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    wanted = f"v1,{base64.b64encode(mark).decode()}"
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(wanted, each) for each in given)


def keep(folder: Path, message_id: str, body: bytes) -> bool:
    """Keep a message; return whether it is new. Two deliveries at once: one of them keeps it."""
    name = hashlib.sha256(message_id.encode()).hexdigest()
    try:
        with (folder / f"{name}.json").open("xb") as file:
            file.write(body)
    except FileExistsError:
        return False
    return True


def receiver(secret: str, folder: Path) -> type[BaseHTTPRequestHandler]:
    """Return what answers the requests of one server."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("content-length", 0)), MAX_BYTES))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if not is_genuine(secret, headers, body, time.time()):
                self.answer(401)
                return
            new = keep(folder, headers["webhook-id"], body)
            print("kept" if new else "had it already", headers["webhook-id"], flush=True)
            self.answer(204)

        def answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    return Receiver


if __name__ == "__main__":
    port, kept = int(sys.argv[1]), Path(sys.argv[2])
    kept.mkdir(parents=True, exist_ok=True)
    ThreadingHTTPServer(("127.0.0.1", port), receiver(os.environ["WEBHOOK_SECRET"], kept)).serve_forever()
