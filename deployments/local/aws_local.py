"""AWS on this machine: an emulator of DynamoDB and S3 for `make demo ARGS="--aws-local"` and the tests.

The emulator (ministack) pins botocore, so it lives in an environment of its own below `.tool/`, made on
first use. It forgets everything when it ends: production data never lies in it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deployments.place import ROOT

if TYPE_CHECKING:
    import boto3

VERSION: Final = "1.5.33"
REGION: Final = "eu-central-1"
SERVICES: Final = ("dynamodb", "s3", "sts", "cloudformation", "kms", "iam")
INSTALLATION: Final = (
    *SERVICES,
    *("acm", "ec2", "ecr", "ecs", "elasticache", "elasticloadbalancing", "logs", "monitoring", "rds", "secretsmanager"),
    *("servicediscovery", "sns", "ssm", "wafv2"),
)
"""What a whole installation of three stacks takes."""
_PLACE: Final = ROOT / ".tool" / f"ministack-{VERSION}"
_PATIENCE_SECONDS: Final = 60.0
# Its standard input is a pipe from us: when we end, however we end, it ends too.
# It reads an expression anew for every item of a partition: three quarters of what a query costs, unless kept.
_PROGRAM: Final = """
import os, runpy, sys, threading
from functools import lru_cache
from ministack.services import dynamodb
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
for name in ("_tokenize", "_condition_syntax_error"):
    setattr(dynamodb, name, lru_cache(1024)(getattr(dynamodb, name)))
runpy.run_module("ministack", run_name="__main__")
"""


class AwsLocalError(RuntimeError):
    """The emulator could not be installed or did not start; the message says what it printed."""


class AwsLocal:
    """One emulator process on a free port of this machine. Use as a context, or `start` and `stop`.

    A 12-digit access key is an account of its own: `environment(account)` keeps uses apart.
    """

    def __init__(self, services: Sequence[str] = SERVICES) -> None:
        self._services = tuple(services)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = _PLACE
        self.endpoint_url = ""

    def start(self) -> str:
        """Start the emulator, wait until it answers, and return its address.

        Raises:
            AwsLocalError: it could not be installed, or ended, or did not answer within a minute.
        """
        python = _install()
        port = _free_port()
        self.endpoint_url = f"http://127.0.0.1:{port}"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))},
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "SERVICES": ",".join(self._services),
            "LOG_LEVEL": "WARNING",
        }
        self._log = _PLACE.with_name(f"ministack-{port}.log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [python, "-c", _PROGRAM], env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        end = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                printed = self._log.read_text(errors="replace")[-2000:]
                self.stop()
                raise AwsLocalError(f"the AWS emulator did not start: {printed}")
            time.sleep(0.05)
        return self.endpoint_url

    def stop(self) -> None:
        """End the emulator and what it kept; a second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
            self._log.unlink(missing_ok=True)

    def environment(self, account: str = "000000000000") -> dict[str, str]:
        """Return the variables that lead boto3 of another process here, as the given 12-digit account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def session(self, account: str = "000000000000") -> boto3.Session:
        """Return a boto3 session of the account; its clients need `endpoint_url=` of this emulator."""
        import boto3

        return boto3.Session(aws_access_key_id=account, aws_secret_access_key="local", region_name=REGION)  # noqa: S106  # not a secret: the emulator takes any

    def __enter__(self) -> AwsLocal:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/_ministack/health", timeout=2) as answer:  # noqa: S310  # our own address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _install() -> str:
    """Return the interpreter of the emulator's environment, making it if it is not there."""
    python = _PLACE / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (_PLACE / ".ready").exists():
        return str(python)
    requirement = f"ministack=={VERSION}"
    # Built aside and moved into place: two test runs may start together, and either may be killed.
    aside = _PLACE.with_name(f"{_PLACE.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.parent.mkdir(parents=True, exist_ok=True)
    inside = aside / python.relative_to(_PLACE)
    beside = Path(sys.executable).with_name("uv")
    if uv := (str(beside) if beside.exists() else shutil.which("uv")):
        _run(uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(aside))
        _run(uv, "pip", "install", "--quiet", "--python", str(inside), requirement)
    else:
        _run(sys.executable, "-m", "venv", str(aside))
        _run(str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement)
    (aside / ".ready").touch()
    try:
        aside.rename(_PLACE)
    except OSError:  # another run was faster
        shutil.rmtree(aside, ignore_errors=True)
    return str(python)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AwsLocalError(f"the AWS emulator was not installed: {done.stderr.strip()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
