"""PostgreSQL and Redis from the system's packages, as processes of a test: free ports, all they keep in one folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from deployments.local.stack import free_ports

START_SECONDS: Final = 30
_DEBIAN: Final = Path("/usr/lib/postgresql")


def program(name: str) -> str:
    """Return the path of a program of PostgreSQL or Redis; Debian keeps the former out of the search path."""
    for folder in sorted(_DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    assert found, f"{name} is missing: apt-get install postgresql redis-server"
    return found


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the address of an empty database, for Prefect's PREFECT_SERVER_DATABASE_CONNECTION_URL."""
    # Not pytest's folder: PostgreSQL refuses to run as root, and its own user may not enter there.
    home = Path(tempfile.mkdtemp(prefix="campaigns-postgres-"))
    [port] = free_ports(1)
    log = home.with_suffix(".log")
    try:
        as_user = _unprivileged(home)
        made = [program("initdb"), "--pgdata", str(home), "--username", "prefect", "--auth", "trust", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, cwd="/", **as_user)
        options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with log.open("wb") as out:
            server = subprocess.Popen(
                [program("postgres"), "-D", str(home), *given], stdout=out, stderr=out, cwd="/", **as_user
            )
        with _ended(server):
            ready = [program("pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(port)]
            _wait(server, log, lambda: subprocess.run(ready, check=False).returncode == 0)
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(home, ignore_errors=True)
        log.unlink(missing_ok=True)


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Yield the address of an empty Redis, without the number of a database."""
    [port] = free_ports(1)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "redis.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
            stdout=out, stderr=out,
        )  # fmt: skip
    with _ended(server):
        _wait(server, log, lambda: _listens(port))
        yield f"redis://127.0.0.1:{port}"


def _unprivileged(home: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    os.chown(home, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(server: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        assert server.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.05)


@contextmanager
def _ended(server: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
