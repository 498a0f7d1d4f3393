"""A scene behind a real port, and a real Chromium that opens it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Playwright

from deployments.local.stack import free_ports
from tests.approvals.scene import Scene, a_scene

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge")


class NoBrowserError(RuntimeError):
    """There is no Chromium on this machine."""


def find_browser() -> str:
    """Return the path of a Chromium, Chrome or Edge.

    Raises:
        NoBrowserError: none is installed; the message says how.
    """
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise NoBrowserError(
        f"none of {', '.join(BROWSERS)} is installed. On Debian: apt-get install -y --no-install-recommends chromium; "
        "elsewhere: python -m playwright install chromium, with its folder on PATH"
    )


ARGUMENTS = (
    "--no-sandbox",  # continuous integration runs as root
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # whatever a page asks for, nothing leaves the machine
)


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=find_browser(), args=list(ARGUMENTS))


@contextmanager
def live_scene(home: Path) -> Iterator[Scene]:
    """A scene whose application listens on a free port of this machine; `stand_up` comes after."""
    port = free_ports(1)[0]
    with a_scene(home, base_url=f"http://127.0.0.1:{port}") as scene:
        server = uvicorn.Server(
            uvicorn.Config(scene.app(), host="127.0.0.1", port=port, log_level="critical", server_header=False)
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 120
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError("the application did not come up")
            time.sleep(0.01)
        try:
            yield scene
        finally:
            server.should_exit = True
            thread.join(10)
