"""One installation that moves from release to release: its state stays, its processes and their code change."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import psutil

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from deployments.local.approver import LinkRefusedError, decide_by_link
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.mail import newest_link
from deployments.local.stack import LocalStack
from tests.flows.conftest import TENANT, one_week
from tests.upgrade.release import HERE, Release

PATIENCE_SECONDS: Final = 300
GRACE_SECONDS: Final = 5
"""What a worker is given to end, far less than a build takes; on AWS it is 120 s."""
SLOW_SECONDS: Final = 1.5


class Installation:
    """Server, worker and API of one release at a time, on one home; the model is a stand-in of this code."""

    def __init__(self, home: Path, model: FakeBedrock) -> None:
        self.model, self.release = model, HERE
        self.stack = LocalStack(
            home,
            extra_env={
                "CAMPAIGNS_MODEL": "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "CAMPAIGNS_WRITER_LIMIT": "4",  # so that a build can be met half way
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": model.url,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
            },
        )
        self.stack.logs.mkdir(parents=True, exist_ok=True)

    # --- releases -----------------------------------------------------------------------------------------

    def begin(self, release: Release) -> None:
        """Start everything of a release, where nothing runs."""
        self.run(release)
        self.stack.start_server()
        self.register()
        self.stack.start_worker()
        self.stack.start_api()
        self.stack.wait_for(self.stack.is_api_up, "api", "the API")

    def run(self, release: Release) -> None:
        """Let what is started from now on be of this release."""
        self.release = release
        self.stack.root, self.stack.python = release.root, release.python

    def move(self, release: Release, *, between: Callable[[], None] = lambda: None) -> None:
        """Deploy another release as a service does: API and server first, beside the worker of before, then the worker.

        Args:
            between: done when no worker is there.
        """
        self.run(release)
        for name, again in (("api", self.stack.start_api), ("server", self.stack.start_server)):
            self._end(name)
            again()
        self.stack.wait_for(self.stack.is_api_up, "api", "the API")
        self._end("worker")
        between()
        self.register()
        self.stack.start_worker()

    def register(self) -> None:
        """Let Prefect know the release."""
        self.stack.run("register", "-m", self.release.module("register"))

    def _end(self, name: str) -> None:
        """Ask a part to end, and kill it with its runs when it takes too long."""
        process = self.stack.processes.pop(name)
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        for each in children:
            if each.is_running():
                each.kill()
        process.wait(GRACE_SECONDS)

    # --- campaigns ----------------------------------------------------------------------------------------

    def client(self) -> httpx.Client:
        ring = KeyRing.parse(self.stack.env["CAMPAIGNS_API_KEYS"])
        lasts = timedelta(hours=2)
        token = mint(ring, tenant_id=TENANT, subject="drill", scopes=SCOPES, ttl=lasts, now=datetime.now(UTC))
        return httpx.Client(
            base_url=self.stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
        )

    def submit(self) -> str:
        """Submit a brief of one week; return the campaign's id."""
        brief = {**one_week(), "metadata": {"source": "api", "externalRef": f"drill-{uuid4()}"}}
        with self.client() as client:
            answer = client.post("/campaigns", json=brief)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def status(self, campaign_id: str) -> str:
        """Return the campaign's status, or how the API refuses to tell."""
        try:
            with self.client() as client:
                answer = client.get(f"/campaigns/{campaign_id}")
        except httpx.HTTPError as error:
            return type(error).__name__
        body: dict[str, Any] = answer.json()
        if answer.is_success:
            return str(body["status"])
        return f"{answer.status_code} {body.get('code')}"

    def written(self, campaign_id: str) -> int:
        with self.client() as client:
            items = client.get(f"/campaigns/{campaign_id}/posts").json().get("items", [])
        return sum("content" in each for each in items)

    def decide(self, campaign_id: str, decision: str) -> str:
        """Decide by the newest link; return the heading of the receipt, or how it was refused."""
        link = newest_link(self.stack.home / "mail", campaign_id)
        if link is None:
            return "no link"
        try:
            return decide_by_link(link, decision, comment="Say more about the farm." * (decision != "approved"))
        except LinkRefusedError as error:
            return f"refused: {error}"

    def mails(self, campaign_id: str) -> int:
        return len(list((self.stack.home / "mail").glob(f"*{campaign_id}*.eml")))

    def until(self, good: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait until something is so; return whether it became so."""
        deadline = time.monotonic() + seconds
        while not (reached := good()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return reached
