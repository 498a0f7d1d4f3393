"""The whole product on one machine: Prefect server, worker and API on free loopback ports, state in one folder.

Used by the demo and by tests that need real processes. Every process started here carries a marker
in its environment, so that stopping finds also the flow runs that the worker started.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

import httpx
import psutil

from campaigns.keys.keyring import new_ring
from deployments.place import DEFAULT_RESULT_STORAGE, RINGS, RINGS_OF, ROOT

MARKER: Final = "CAMPAIGNS_STACK"
START_SECONDS: Final = 180
STOP_SECONDS: Final = 10
BEHIND: Final = 10
"""How nice a process is that nobody waits for."""


class StackError(RuntimeError):
    """A part did not come up or died; the message ends in the tail of its log."""


class LocalStack:
    """Prefect server, process worker and API, as child processes."""

    def __init__(self, home: Path, *, template: Path | None = None, extra_env: Mapping[str, str] | None = None) -> None:
        """Prepare; nothing is started.

        Args:
            home: folder for all state; made when missing.
            template: where a migrated, empty Prefect database is kept between stacks; saves the migrations.
            extra_env: settings on top of the embedded defaults, such as CAMPAIGNS_MODEL.
        """
        self.root, self.python = ROOT, sys.executable  # of another release, where one is to be run
        self.home = home.resolve()
        self.template = template
        self.server_port, self.api_port = free_ports(2)
        self.marker = secrets.token_hex(8)
        self.password = secrets.token_urlsafe(9)
        self.logs = self.home / "logs"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        # One, without kept connections: each that is made takes 25 ms of CPU from the parts that are waited for.
        self._http = httpx.Client(timeout=5, limits=httpx.Limits(max_keepalive_connections=0))
        self.env = {**os.environ, **self._settings(), **(extra_env or {})}

    @property
    def prefect_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def _settings(self) -> dict[str, str]:
        auth = f"campaigns:{self.password}"
        return {
            MARKER: self.marker,
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_API_URL": f"{self.prefect_url}/api",
            "PREFECT_SERVER_API_AUTH_STRING": auth,
            "PREFECT_API_AUTH_STRING": auth,
            # Without these two the UI calls port 4200, and every link Prefect prints opens the old UI.
            "PREFECT_SERVER_UI_API_URL": "/api",
            "PREFECT_UI_URL": f"{self.prefect_url}/v2",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            # Without it runs, their steps and logs are kept for ever; with it those that ended 90 days ago go.
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            # In-memory leases would keep concurrency slots taken for ever after a server restart.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            # So long housekeeping stands still when the server takes its slot and then cannot write that it did.
            "PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION": "60",
            # A transaction for each state of each step would take more CPU than all the rest of a post.
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
            # Nobody waits for these, which look every five seconds by themselves.
            "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "15",
            "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "60",
            "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "30",
            "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "15",
            "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT15S",
            "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": DEFAULT_RESULT_STORAGE,
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            # The worker hears of runs from Prefect's events; it looks for what it did not hear.
            "PREFECT_WORKER_QUERY_SECONDS": "5",
            "PREFECT_WORKER_PREFETCH_SECONDS": "2",
            "CAMPAIGNS_HOME": str(self.home),
            "CAMPAIGNS_API_BASE_URL": self.api_url,
            "CAMPAIGNS_PREFECT_UI_URL": f"{self.prefect_url}/v2",
            "CAMPAIGNS_FORM_TENANTS": "fernwood",  # the tenant of the samples
            "CAMPAIGNS_DOCS_ENABLED": "true",
            # Whoever tries it out wants to see the flow run; in production nobody waits for Prefect that long.
            "CAMPAIGNS_START_PATIENCE_SECONDS": "20",
            **self._rings(),
        }

    def _rings(self) -> dict[str, str]:
        """Return the key rings of this home, made once: with fresh ones a later stack could read nothing of it."""
        path = self.home / "keys.json"
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            rings = {name: new_ring() for name in RINGS}
            path.touch(mode=0o600)
            path.write_text(json.dumps(rings))
        return dict(json.loads(path.read_text()))

    def start(self, say: Callable[[str], None] = lambda _: None, *, soon: bool = False) -> Self:
        """Start everything side by side and register the deployments.

        Args:
            say: told what is up.
            soon: return as soon as a campaign can be built; the other deployments follow behind.

        Raises:
            StackError: a part did not come up. What was started is stopped again.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self._prepare_database()
            self._spawn_server()
            self.start_worker()
            self.start_api()
            registering = self._begin("register", "-m", "deployments.engine.register")
            self.wait_for(self._is_server_up, "server", "the Prefect server")
            say(f"Prefect server on {self.prefect_url}")
            self.wait_for(self.is_api_up, "api", "the API")
            say(f"API on {self.api_url}")
            self._wait_until_registered(registering, soon=soon)
            say("campaigns can be built" if soon else "deployments registered")
        except BaseException:
            self.stop()
            raise
        return self

    def _prepare_database(self) -> None:
        """Let the server find a migrated database, where there is a template; make that if it is missing."""
        database = self.home / "prefect" / "prefect.db"
        database.parent.mkdir(parents=True, exist_ok=True)
        if self.template is None or database.exists():
            return
        if self.template.exists():
            copy_database(self.template, database)
            # It has Prefect's types of blocks: to register them again takes the server 0.7 s of CPU before it answers.
            self.env["PREFECT_SERVER_REGISTER_BLOCKS_ON_START"] = "false"
            return
        self.start_server()  # alone: what the other parts write is no part of the template
        copy_database(database, self.template)
        server = self.processes.pop("server")
        server.terminate()
        server.wait(STOP_SECONDS)

    def _wait_until_registered(self, registering: subprocess.Popen[bytes], *, soon: bool) -> None:
        deadline = time.monotonic() + START_SECONDS
        while (code := registering.poll()) is None:
            if soon and self._can_build():
                # The other deployments have time; whoever waits for a first campaign has none.
                _quietly(partial(psutil.Process(registering.pid).nice, BEHIND))
                return
            if time.monotonic() > deadline:
                raise StackError(f"no deployments within {START_SECONDS} s:\n{self.tail('register')}")
            time.sleep(0.2)
        if code:
            raise StackError(f"registering the deployments failed:\n{self.tail('register')}")

    def _can_build(self) -> bool:
        url = f"{self.prefect_url}/api/deployments/name/build-campaign/build-campaign"
        return self._http.get(url, auth=("campaigns", self.password)).is_success

    def start_server(self) -> None:
        """Start (again) the Prefect server and wait until it answers."""
        self._spawn_server()
        self.wait_for(self._is_server_up, "server", "the Prefect server")

    def _spawn_server(self) -> None:
        self.spawn("server", "-m", "deployments.server", "--host", "127.0.0.1", "--port", str(self.server_port))

    def start_worker(self) -> None:
        self.spawn("worker", "-m", "deployments.worker")

    def start_api(self) -> None:
        self.spawn("api", "-m", "api", "--host", "127.0.0.1", "--port", str(self.api_port))

    def spawn(self, name: str, *arguments: str) -> None:
        """Start Python with these arguments as the part `name`, and go on at once."""
        self.processes[name] = self._begin(name, *arguments)

    def _begin(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [self.python, *arguments],
                cwd=self.root,
                env=self.env_of(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal reaches only us; we stop them in order
            )

    def env_of(self, name: str) -> dict[str, str]:
        """Return the environment of a part, `worker-2` is a worker: without the key rings that it does not use."""
        left_out = set(RINGS) - RINGS_OF[name.partition("-")[0]]
        return {key: value for key, value in self.env.items() if key not in left_out}

    def run(self, name: str, *arguments: str) -> None:
        """Run Python with these arguments in the settings of this stack, to its end.

        Raises:
            StackError: it failed.
        """
        with (self.logs / f"{name}.log").open("ab") as log:
            done = subprocess.run(
                [self.python, *arguments],
                cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                check=False, timeout=START_SECONDS,
            )  # fmt: skip
        if done.returncode:
            raise StackError(f"{name} failed:\n{self.tail(name)}")

    def _is_server_up(self) -> bool:
        return self._http.get(f"{self.prefect_url}/api/health").is_success

    def is_api_up(self) -> bool:
        return self._http.get(f"{self.api_url}/healthz").is_success

    def wait_for(self, ready: Callable[[], bool], name: str, what: str) -> None:
        """Poll until `ready`, while the process `name` lives.

        Raises:
            StackError: the process died, or the time is over.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if (code := self.processes[name].poll()) is not None:
                raise StackError(f"{what} ended with exit code {code}:\n{self.tail(name)}")
            try:
                if ready():
                    return
            except httpx.HTTPError:
                pass  # not listening yet
            time.sleep(0.2)
        raise StackError(f"{what} did not come up within {START_SECONDS} s:\n{self.tail(name)}")

    def tail(self, name: str) -> str:
        log = self.logs / f"{name}.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        return "\n".join(text.splitlines()[-15:])

    def dead(self) -> str | None:
        """Return the name of a part that has died, or None."""
        return next((name for name, process in self.processes.items() if process.poll() is not None), None)

    def stop(self) -> None:
        """End every process of this stack, flow runs included, and wait for it."""
        mine = self.family()
        for process in mine:
            _quietly(process.terminate)
        _, alive = psutil.wait_procs(mine, timeout=STOP_SECONDS)
        for process in [*alive, *self.family()]:
            _quietly(process.kill)
        for child in self.processes.values():
            child.wait(STOP_SECONDS)
        self.processes.clear()

    def family(self) -> list[psutil.Process]:
        """Return every living process that carries this stack's marker."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARKER) == self.marker and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return [process for process in found if process.pid != os.getpid()]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


_STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def let_be_stopped() -> None:
    """Raise `KeyboardInterrupt` for whatever ends this process; a job started with & inherits SIGINT ignored."""
    for each in _STOPS:
        signal.signal(each, _interrupt)


def ignore_stops() -> None:
    """Let nothing interrupt what is stopped already: two signals come at once, and make hands its own on."""
    for each in _STOPS:
        signal.signal(each, signal.SIG_IGN)


def _interrupt(_: int, __: FrameType | None) -> None:
    ignore_stops()
    raise KeyboardInterrupt


def _quietly(act: Callable[[], object]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        act()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on at the moment, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite database that may be in use; the copy appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(f".{os.getpid()}.tmp")
    with sqlite3.connect(source) as origin, sqlite3.connect(draft) as copy:
        origin.backup(copy)
    origin.close()
    copy.close()
    draft.replace(target)


def seed(env: Mapping[str, str], tenant_id: str) -> str:
    """Store the samples in the store that `env` names, from a process of its own; return what was stored."""
    done = subprocess.run(
        [sys.executable, "-m", "deployments.commands.seed", "--tenant", tenant_id],
        cwd=ROOT, env=dict(env), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if done.returncode:
        raise StackError(f"storing the samples failed:\n{done.stderr[-2000:]}")
    return done.stdout.strip()
