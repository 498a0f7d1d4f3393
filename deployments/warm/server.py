"""The fork server: `python -m deployments.warm.server FD` imports what flow runs need, and forks a process for each.

A fresh interpreter spends 3 s of CPU on imports before a flow begins, at build, at resume, and every minute for
housekeeping. Only a process with one thread, and without connections or event loop, can be forked safely: this one
never has more, and ends rather than fork otherwise. It ends with its worker, and when the code on disk has changed.

On the socket FD comes one order a message: a JSON object with `env`, `cwd` and `story` (the correlation id), two files
for the output, and the end of a pipe. The answer is the new process's id; it is the worker's to wait for
(`deployments.warm.starting`). The process begins once the worker has it and says so in the pipe; a worker that has
given it up lets go, and it ends unbegun.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
from prefect import flow_engine
from prefect.client.schemas.actions import FlowRunUpdate
from prefect.client.schemas.objects import BlockDocument, FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events import Event

from campaigns import correlation, logs
from campaigns.agents.providers import models
from campaigns.rules.text.limits.x_length import weighted_length
from campaigns.rules.text.phrases import PHRASE_LANGUAGES, phrase_book
from campaigns.settings import Settings, get_settings
from deployments.place import ROOT
from tasks.checkpoints.storage import hand_over_storage

READY: Final = b"ready"
STALE: Final = b"stale"
"""The answer to an order when the code has changed since it was imported: nothing is started."""
GO: Final = b"go"
MOST_BYTES: Final = 1 << 18
"""The longest order; an environment is some ten thousand bytes."""

# What a run imports: its flow, and what Prefect's engine imports late.
_NEEDED: Final = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect._internal.metrics",
    "prefect.deployments.steps.core",
    "prefect.utilities.visualization",
    "anyio._backends._asyncio",
    "flows.build_campaign",
    "flows.recurring_campaign",
    "flows.analyze_persona",
    "flows.housekeeping",
    "flows.operations",
)
_BUILT_LATE: Final = (BlockDocument, FlowRun, FlowRunUpdate, DeploymentResponse, Event)
"""Models of Prefect that a run needs before its flow begins, and that are built where they are first used."""
_ROOMS: Final = ("campaigns", "deployments", "flows", "tasks")


def main() -> None:
    worker = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the terminal is the worker's to obey
    code = code_on_disk()
    for each in _NEEDED:
        importlib.import_module(each)
    models.load(Settings().model)
    share_certificates()
    build_ahead()
    watch_for_orders_alone()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        sys.exit(f"an import has started a thread: {threading.enumerate()}")
    gc.collect()
    gc.freeze()  # what all processes share is not touched by the collector of each
    worker.send(READY)
    order = serve(worker, code)
    if order is not None:
        execute(order)


def share_certificates() -> None:
    """Read each file of certificates once, for all runs: each has ten clients, which took 25 ms of CPU each for it.

    Only what is made from a file and is left as it is: whoever asks for another context gets one of its own.
    """
    made = ssl.create_default_context
    of_file = cache(lambda file: made(cafile=file))

    def shared(*given: Any, cafile: str | None = None, **named: Any) -> ssl.SSLContext:
        if given or named or cafile is None:
            return made(*given, cafile=cafile, **named)
        return of_file(cafile)

    setattr(ssl, made.__name__, shared)
    httpx.create_ssl_context()  # of the file that all of them take


def build_ahead() -> None:
    """Build once what each run would build before its first call of a model: half a second of CPU, and of waiting."""
    for language in PHRASE_LANGUAGES:
        phrase_book(language)
    weighted_length("example.com")  # the list of domains
    for model in _BUILT_LATE:
        model.model_rebuild()


def watch_for_orders_alone() -> None:
    """Leave it to the run to see that it is suspended by hand, as it sees every other order (`tasks.engine.lease`).

    Prefect opens a web socket for that, and the run waits for it before it begins: a fifth of a second of CPU, here
    and in the server, of each run.
    """
    setattr(flow_engine, "observe_flow_run_suspension", lambda *_: nullcontext())  # noqa: B010 - no setting for it


def code_on_disk() -> Mapping[Path, int]:
    """Return when each file of ours was changed last."""
    files = (path for room in _ROOMS for path in (ROOT / room).rglob("*") if path.suffix in {".py", ".json"})
    return {path: path.stat().st_mtime_ns for path in files}


def serve(worker: socket.socket, code: Mapping[Path, int]) -> dict[str, Any] | None:
    """Answer orders until the worker is gone or the code has changed; return an order in each process forked for it."""
    while True:
        message, files, _, _ = socket.recv_fds(worker, MOST_BYTES, 3)
        if not message:
            return None
        if code_on_disk() != code:
            worker.send(STALE)
            return None
        process = _fork()
        if process is None:
            worker.close()
            *outputs, told = files
            for stream, file in zip((1, 2), outputs, strict=True):
                os.dup2(file, stream)
                os.close(file)
            if os.read(told, len(GO)) != GO:
                os._exit(0)  # given up by the worker, which starts the run otherwise
            os.close(told)
            order: dict[str, Any] = json.loads(message)
            return order
        for file in files:
            os.close(file)
        worker.send(str(process).encode())


def _fork() -> int | None:
    """Return the id of a new process, and None in it.

    Its parent has ended: so it is a child of the worker, which adopts such processes and learns how they end.
    """
    read, write = os.pipe()
    if not (between := os.fork()):
        if process := os.fork():
            os.write(write, str(process).encode())
            os._exit(0)
        os.close(read)
        os.close(write)
        return None
    os.close(write)
    process = int(os.read(read, 20))
    os.close(read)
    os.waitpid(between, 0)
    return process


def execute(order: Mapping[str, Any]) -> None:
    """Become the process of a flow run, as `python -m prefect.engine` would with this environment."""
    os.setsid()  # as a fresh process: out of reach of the terminal, and ended with what it starts
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Path("/proc/self/comm").write_text(f"flow {order['env']['PREFECT__FLOW_RUN_ID']}"[:15])
    hand_over_storage()
    correlation.current.set(order["story"])  # of Prefect's own lines too, which come before those of the flow
    if get_settings().logs == "json":
        logs.install_beside_prefect()
    sys.argv = ["prefect.engine"]
    sys.modules.pop("prefect.engine", None)
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
