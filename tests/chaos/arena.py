"""The product in real processes, with everything that can break in the hands of the runner."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from string import ascii_lowercase
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from deployments.local.fake_bedrock import FakeBedrock, usual_answer, wanted_schema
from deployments.local.fake_bedrock_script import BEHAVIOURS, Behaviour
from deployments.local.stack import LocalStack, StackError, seed
from deployments.place import ROOT
from tests.chaos.calls import Heal
from tests.chaos.proxy import Proxy

TENANT = "fernwood"
STALL_SECONDS = 8.0
_INJECT = Path(__file__).resolve().parent / "inject"


class Model(FakeBedrock):
    """The stand-in for Bedrock, which can fail for single campaigns and counts the calls of each."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds=seconds)
        self.failing: dict[str, Behaviour] = {}
        self.refusing = False
        self.refused = 0
        self.calls: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._names: set[str] = set()

    def know(self, name: str) -> None:
        self._names.add(name)

    def is_away(self, name: str) -> bool:
        return self.refusing or name in self.failing

    def enter(self, model: str, body: dict[str, Any]) -> Behaviour:
        text = json.dumps(body)
        usual = super().enter(model, body)
        with self._lock:
            name = next((name for name in self._names if name in text), "?")
            self.calls[name] += 1
            if self.refusing:
                self.refused += 1
                return BEHAVIOURS["cut_connection"]
            if name in self.failing:
                self.faults[name] += 1
                return self.failing[name]
            return _unlike_before(body, self.calls[name]) if usual is None else usual

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Close the connection at once while nobody is to be served."""
        self.refused += self.refusing
        return not self.refusing


def _unlike_before(body: dict[str, Any], call: int) -> Behaviour:
    """Return the usual answer in words that no other call gets: alike posts would be written once more, and paid."""
    schema = wanted_schema(body)
    assert schema is not None, "a call that asks for no answer of ours"
    answer = usual_answer(body, schema)
    chance = Random(call)
    said = " ".join("".join(chance.choices(ascii_lowercase, k=6)) for _ in range(8)).capitalize()
    return {**answer, "text": f"{answer['text']} {said}."} if "text" in answer else answer


@dataclass
class Arena:
    """Server, worker, API and housekeeping on this machine; what dies is started again, as a supervisor would."""

    home: Path
    template: Path | None = None
    answer_seconds: float = 0.4
    settings: dict[str, str] = field(default_factory=dict)
    deaths: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chaos = self.home / "chaos"
        for name in ("armed", "fired", "outage", "effects"):
            (self.chaos / name).mkdir(parents=True, exist_ok=True)
        self.model = Model(self.answer_seconds)
        settings = {
            "CHAOS_HOME": str(self.chaos),
            "PYTHONPATH": os.pathsep.join([str(_INJECT), str(ROOT)]),
            "CAMPAIGNS_MODEL": "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "CAMPAIGNS_START_PATIENCE_SECONDS": "5",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.model.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            **self.settings,
        }
        self.stack = LocalStack(self.home, template=self.template, extra_env=settings)
        self.proxy = Proxy(self.stack.server_port)
        self.stack.env["PREFECT_API_URL"] = f"http://127.0.0.1:{self.proxy.port}/api"
        self._read: dict[Path, tuple[int, list[dict[str, Any]]]] = {}
        self.full = 0
        self.stalls: list[Heal] = []
        self._over = threading.Event()
        self._held: set[str] = set()
        self._supervising = threading.Lock()
        self._reading = threading.Lock()

    def __enter__(self) -> Self:
        self.model.__enter__()
        self.proxy.__enter__()
        self.stack.start()
        try:
            seed(self.stack.env, TENANT)
        except BaseException:
            self.stack.stop()
            raise
        threading.Thread(target=self._supervise, name="supervisor", daemon=True).start()
        threading.Thread(target=self._watch_server, name="watch", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        with self._supervising:
            self.stack.stop()
        self.proxy.__exit__(kind, error, trace)
        self.model.__exit__(kind, error, trace)

    # --- processes ---------------------------------------------------------------------------------

    def _supervise(self) -> None:
        """Start again what has died, a second later: what systemd, a container service or a person's shell does."""
        start = {"worker": self.stack.start_worker, "api": self.stack.start_api}
        while not self._over.wait(1.0):
            with self._supervising:
                for name, again in start.items():
                    if (
                        not self._over.is_set()
                        and name not in self._held
                        and self.stack.processes[name].poll() is not None
                    ):
                        self.deaths.append((time.time(), name))
                        again()

    def _watch_server(self) -> None:
        """Note when the Prefect server stores nothing for a while, in outages that nobody ordered.

        On SQLite a client that is killed in the middle of a request can leave the server's only lock for writing
        taken; the server then waits for itself, one or two minutes (its busy_timeout is 60 s).
        """
        while not self._over.wait(2.0):
            began = time.time()
            name = f"chaos_{time.monotonic_ns()}"
            try:
                self._ask_server("POST", "/variables/", {"name": name, "value": began})
                self._ask_server("DELETE", f"/variables/name/{name}", None)
            except httpx.HTTPError:
                continue  # an ordered outage
            finally:
                if time.time() - began > STALL_SECONDS:
                    self.stalls.append((began, time.time(), "server stalled"))

    def deaths_since(self, at: float, name: str) -> int:
        return sum(died > at and who == name for died, who in list(self.deaths))

    @contextmanager
    def server_down(self) -> Iterator[None]:
        """Kill the Prefect server and start it again at the end."""
        self.stack.processes["server"].kill()
        self.stack.processes["server"].wait(10)
        try:
            yield
        finally:
            try:
                self.stack.start_server()
            except StackError as error:
                raise RuntimeError("the Prefect server does not come back") from error

    @contextmanager
    def server_frozen(self) -> Iterator[None]:
        """Stop the Prefect server in its tracks: it takes connections and answers nothing."""
        process = self.stack.processes["server"]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    @contextmanager
    def server_full(self) -> Iterator[None]:
        """Let the Prefect server write nothing more, its database first of all; the kernel refuses it (EFBIG).

        Its log would say so in vain, so it is asked to store something: `full` counts how often it could not.
        """
        process = psutil.Process(self.stack.processes["server"].pid)
        before = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (0, before[1]))
        try:
            self.full += self._stores_nothing()
            yield
            self.full += self._stores_nothing()
        finally:
            process.rlimit(psutil.RLIMIT_FSIZE, before)

    def _stores_nothing(self) -> bool:
        try:
            self.prefect("POST", "/variables/", {"name": f"chaos_{time.monotonic_ns()}", "value": "x" * 1000})
        except httpx.HTTPError:
            return True
        return False

    @contextmanager
    def store_busy(self) -> Iterator[None]:
        """Hold the store's only lock for writing, as a process that was stopped in a transaction does."""
        with sqlite3.connect(self.home / "store.db", timeout=30, isolation_level=None) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                database.execute("ROLLBACK")
        database.close()

    # --- faults ------------------------------------------------------------------------------------

    def arm(self, point: str, scenario: str, campaigns: list[str], *, call: int, delay: float) -> None:
        wanted = {"campaigns": campaigns, "scenario": scenario, "call": call, "delay": delay}
        path = self.chaos / "armed" / f"{point}__{scenario}.json"
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(wanted))
        draft.replace(path)

    def fired(self, point: str, scenario: str) -> bool:
        return (self.chaos / "fired" / f"{point}__{scenario}.json").exists()

    def effects(self) -> list[dict[str, Any]]:
        """Return everything that the processes noted, in the order of time."""
        # Tellers and the table ask at the same time: a line that two of them read would count twice.
        with self._reading:
            for path in (self.chaos / "effects").glob("*.jsonl"):
                known, read = self._read.get(path, (0, []))
                if path.stat().st_size > known:
                    with path.open("rb") as log:
                        log.seek(known)
                        whole, newline, _ = log.read().rpartition(b"\n")  # a killed process leaves half a line
                    read += [json.loads(line) for line in whole.splitlines()]
                    self._read[path] = known + len(whole) + len(newline), read
            return sorted(
                (each for _, read in self._read.values() for each in read), key=lambda each: float(each["at"])
            )

    # --- looking -----------------------------------------------------------------------------------

    def items(self, campaign_id: str) -> dict[str, dict[str, Any]]:
        """Return what the store holds of a campaign, read past the product: sort key to document."""
        with sqlite3.connect(f"file:{self.home}/store.db?mode=ro", uri=True, timeout=30) as database:
            rows = database.execute("SELECT sk, item FROM items WHERE pk = ?", (f"{TENANT}#{campaign_id}",)).fetchall()
        database.close()
        return {sk: json.loads(json.loads(item).get("body", item)) for sk, item in rows}

    def client(self) -> httpx.Client:
        ring = KeyRing.parse(self.stack.env["CAMPAIGNS_API_KEYS"])
        token = mint(
            ring, tenant_id=TENANT, subject="chaos", scopes=SCOPES, ttl=timedelta(hours=12), now=datetime.now(UTC)
        )
        return httpx.Client(
            base_url=self.stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
        )

    def prefect(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the Prefect server itself, not through the proxy."""
        return self._ask_server(method, path, body, timeout=30).json()

    def _ask_server(
        self, method: str, path: str, body: dict[str, Any] | None, *, timeout: float = 180.0
    ) -> httpx.Response:
        answer = httpx.request(
            method, f"{self.stack.prefect_url}/api{path}", json=body,
            auth=("campaigns", self.stack.password), timeout=timeout, trust_env=False,
        )  # fmt: skip
        return answer.raise_for_status()


def eventually(read: Any, *, within: float, every: float = 0.5) -> Any:
    """Return the first value that is true, or the last one when the time is over."""
    deadline = time.monotonic() + within
    while True:
        try:
            if value := read():
                return value
        except (httpx.HTTPError, sqlite3.OperationalError):
            value = None
        if time.monotonic() > deadline:
            return value
        time.sleep(every)
