"""Starts flow runs for the worker: forked where that is possible, otherwise in a fresh interpreter."""

import asyncio
import ctypes
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import anyio
import anyio.abc
from prefect.client.schemas.objects import FlowRun
from prefect.runner._control_channel import ControlChannel
from prefect.runner._process_manager import ProcessHandle, create_isolated_termination_scope
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.settings import get_current_settings

from campaigns import correlation
from deployments.place import ROOT
from deployments.warm import server

log = logging.getLogger("prefect.campaigns.worker")

LOAD_SECONDS: Final = 60.0
"""Within this a fork server has imported everything, also on a busy machine."""
ANSWER_SECONDS: Final = 10.0
END_SECONDS: Final = 30.0
"""How long a process may take to end when it is asked to; then it is killed, with what it started."""
REAP_SECONDS: Final = 0.05
REST_SECONDS: Final = 60.0
"""Time after a failed fork during which runs start in fresh interpreters."""
_ADOPT: Final = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h


class Forked:
    """A flow run's process that the fork server started, and that is ours to wait for."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    async def wait(self) -> None:
        """Return when it has ended; if that is not waited for, it is asked to end."""
        ended = os.pidfd_open(self.pid)
        try:
            await anyio.wait_readable(ended)
        except BaseException:
            os.kill(self.pid, signal.SIGTERM)
            with anyio.move_on_after(END_SECONDS, shield=True) as patience:
                await anyio.wait_readable(ended)
            if patience.cancelled_caught:
                os.killpg(self.pid, signal.SIGKILL)
                with anyio.CancelScope(shield=True):
                    await anyio.wait_readable(ended)
            raise
        finally:
            os.close(ended)
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class ForkServer:
    """The worker's fork server: begun ahead, replaced when the code has changed or it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._ready = False
        self._rests_until = 0.0
        self._asking = asyncio.Lock()

    @property
    def process_id(self) -> int | None:
        """The process that is forked from, None: there is none at the moment."""
        return self._process.pid if self._process is not None else None

    def begin(self) -> None:
        """Let a fork server load what runs need, and go on at once; do nothing where processes cannot be forked."""
        if sys.platform != "linux":
            return
        ctypes.CDLL(None).prctl(_ADOPT, 1, 0, 0, 0)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", server.__name__, str(theirs.fileno())]
            # Prefect reads its settings when it is imported: there, not in the processes that are forked.
            env = {**os.environ, **get_current_settings().to_environment_variables(exclude_unset=True)}
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=env, pass_fds=[theirs.fileno()], start_new_session=True
            )
        ours.setblocking(False)
        self._socket, self._ready = ours, False

    def end(self) -> None:
        """Let the fork server end; runs under way go on."""
        if self._socket is not None and self._process is not None:
            if not self._ready:
                self._process.kill()  # it has forked nothing, and would first load everything
            self._socket.close()
            self._process.wait()
        self._socket = self._process = None

    async def fork(self, env: Mapping[str, str], story: str) -> Forked | None:
        """Return a process that executes a flow run, told by its environment; None: it must be started otherwise.

        Args:
            story: the correlation id of the lines of the process, also before and after those of its flow.
        """
        async with self._asking:
            for _ in range(2):  # the first may have the code of yesterday
                if time.monotonic() < self._rests_until:
                    return None
                try:
                    answer = await self._ask(env, story)
                except (OSError, TimeoutError) as error:
                    log.warning("the fork server failed (%r); runs start in fresh interpreters", error)
                    self._rests_until = time.monotonic() + REST_SECONDS
                    await self._kill()
                    return None
                except BaseException:  # cancelled: an answer that nobody has read would be taken for the next one's
                    await self._kill()
                    raise
                if answer is not None:
                    return answer
                log.info("the code has changed: the fork server loads it anew")
                self.end()
        return None

    async def _ask(self, env: Mapping[str, str], story: str) -> Forked | None:
        """Return a forked process that was told to begin, None when the code has changed.

        Whatever else happens here, no process begins: its pipe is closed, and it ends.
        """
        if self._socket is None:
            self.begin()
        if (asked := self._socket) is None:
            raise OSError("processes cannot be forked here")
        if not self._ready:
            async with asyncio.timeout(LOAD_SECONDS):
                self._ready = await self._heard(asked) == server.READY
        order = json.dumps({"env": dict(env), "cwd": str(ROOT), "story": story}).encode()
        told, tell = os.pipe()
        try:
            try:
                socket.send_fds(asked, [order], [1, 2, told])
            finally:
                os.close(told)
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._heard(asked)
            if answer == server.STALE:
                return None
            os.write(tell, server.GO)
        finally:
            os.close(tell)
        return Forked(int(answer))

    @staticmethod
    async def _heard(asked: socket.socket) -> bytes:
        if not (answer := await asyncio.get_running_loop().sock_recv(asked, 64)):
            raise ConnectionResetError("it has ended")
        return answer

    async def _kill(self) -> None:
        """End the fork server at once, and wait for what it forked that was never told to begin."""
        if (killed := self._process) is None:
            return
        killed.kill()
        self.end()
        # What has begun is in a session of its own.
        with anyio.move_on_after(END_SECONDS, shield=True), suppress(ChildProcessError):
            while True:
                if os.waitpid(-killed.pid, os.WNOHANG)[0] == 0:
                    await anyio.sleep(REAP_SECONDS)


def story_of(flow_run: FlowRun) -> str:
    """Return the correlation id of a run, as the run itself takes it (`tasks.engine.telling`)."""
    return correlation.of_tags(flow_run.tags) or str(flow_run.id)


class Starter:
    """Starts one flow run, as Prefect's executor of flow runs wants it done (`ProcessStarter`)."""

    def __init__(self, fork_server: ForkServer, env: Mapping[str, str | None], channel: ControlChannel) -> None:
        self._fork_server = fork_server
        self._env = env
        self._channel = channel

    async def start(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Start the run, say that it has begun, and return when its process has ended."""
        port, token = self._channel.register(flow_run.id)
        env = {
            **os.environ,
            **{name: value for name, value in self._env.items() if value is not None},
            "PREFECT__FLOW_RUN_ID": str(flow_run.id),
            "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
            "PREFECT__CONTROL_PORT": str(port),
            "PREFECT__CONTROL_TOKEN": token,
        }
        process = await self._fork_server.fork(env, story_of(flow_run))
        if process is None:
            self._channel.unregister(flow_run.id)
            fresh = EngineCommandStarter(
                cwd=ROOT, env=dict(self._env), control_channel=self._channel, isolate_process_group=True
            )
            return await fresh.start(flow_run, task_status)
        scope = create_isolated_termination_scope(process.pid)
        task_status.started(ProcessHandle(process, scope))  # type: ignore[arg-type]  # it asks for no more than it has
        await process.wait()
        return None
