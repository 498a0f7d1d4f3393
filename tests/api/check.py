"""Tries the API from outside: `python -m tests.api.check [--cases 20000]`.

First hostile texts: every regular expression of the product, found by looking, and every function that reads
one text gets its worst at growing sizes (tests/hostile). Then the tables: every route by every method and kind
of token, tenants that try each other's things on every route, the corpus of texts and sizes, and one brief sent
fifty times at once. Then what the OpenAPI
description allows and forbids: a real server process is tried by schemathesis with every check and every
phase it has, until at least the number of cases was sent. Prefect is away, which is no reason for a 5xx: any
finding, any 5xx and any answer that the description does not know makes it fail.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from campaigns.keys.keyring import KeyRing, new_ring
from deployments.local.stack import free_ports
from tests.hostile.attack import main as hostile

TENANT = "fernwood"
ALL_PHASES = "examples,coverage,fuzzing,stateful"

# A brief that the schema allows may still break a rule that no schema can say (a persona that does not
# exist, a calendar that cannot be): 422 with every fault. And a version may be another one by now.
ALSO_FINE = ["2xx", "401", "403", "404", "409", "412", "413", "422", "428", "429"]


@dataclass
class Result:
    """What came of a run."""

    cases: int = 0
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    output: str = ""
    exit_code: int = 0


@contextmanager
def served(home: Path, **settings: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Serve the API as in production, without Prefect, and yield its address and environment."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    env = {
        **os.environ,
        "CAMPAIGNS_HOME": str(home),
        "CAMPAIGNS_API_BASE_URL": url,
        "CAMPAIGNS_DOCS_ENABLED": "true",
        "CAMPAIGNS_START_PATIENCE_SECONDS": "0",
        "CAMPAIGNS_REQUESTS_PER_MINUTE": "100000000",
        "CAMPAIGNS_REQUESTS_BURST": "100000000",
        "CAMPAIGNS_TENANT_BACKLOG": "100000",
        "CAMPAIGNS_BACKLOG": "1000000",
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        **{f"CAMPAIGNS_{name}_KEYS": new_ring() for name in ("CHECKPOINT", "APPROVAL", "API")},
        **{f"CAMPAIGNS_{name.upper()}": value for name, value in settings.items()},
    }
    with (home / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "api", "--port", str(port)], env=env, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _await(f"{url}/healthz", process)
            # It is made when somebody first asks: schemathesis waits ten seconds, too few on a slow machine.
            httpx.get(f"{url}/openapi.json", timeout=90).raise_for_status()
            yield url, env
        finally:
            process.terminate()
            process.wait(20)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.HTTPError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.1)


def token_of(env: Mapping[str, str]) -> str:
    from api.auth.identity import SCOPES, mint

    ring = KeyRing.parse(env["CAMPAIGNS_API_KEYS"])
    return mint(ring, tenant_id=TENANT, subject="check", scopes=SCOPES, ttl=timedelta(hours=20), now=datetime.now(UTC))


def check(home: Path, *, examples: int, phases: str, seed: int, workers: int = 1) -> Result:
    """Serve the API and send it up to `examples` cases for each operation and phase."""
    result = Result()
    with served(home) as (url, env):
        subprocess.run(
            [sys.executable, "-m", "deployments.commands.seed", "--tenant", TENANT],
            env=env,
            check=True,
            capture_output=True,
        )
        config = home / "schemathesis.toml"
        config.write_text(f"[checks.positive_data_acceptance]\nexpected-statuses = {json.dumps(ALSO_FINE)}\n")
        report = home / "report.ndjson"
        started = time.monotonic()
        done = subprocess.run(
            [
                sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{url}/openapi.json",
                "--header", f"Authorization: Bearer {token_of(env)}",
                "--checks", "all", "--phases", phases, "--max-examples", str(examples), "--seed", str(seed),
                "--workers", str(workers), "--continue-on-failure", "--no-shrink", "--no-color",
                "--report", "ndjson", "--report-ndjson-path", str(report),
            ],
            cwd=home, env=dict(env), capture_output=True, text=True, check=False,
        )  # fmt: skip
        result.seconds = time.monotonic() - started
        result.output, result.exit_code = done.stdout + done.stderr, done.returncode
    _read_log(home / "api.log", result)
    _read_summary(result)
    return result


def _read_log(path: Path, result: Result) -> None:
    """The server's own log says what it answered, whatever the tool thinks of it."""
    for line in path.read_text(errors="replace").splitlines():
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            result.findings.append(f"a log line that is no JSON: {line[:200]}")
            continue
        if entry["logger"] == "campaigns.access":
            result.statuses[str(entry["status"])] += 1
            if entry["status"] >= 500:
                result.findings.append(f"{entry['method']} {entry['route']} answered {entry['status']}")


def _read_summary(result: Result) -> None:
    lines = result.output.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("Test cases:"):
            result.cases = int(lines[number + 1].split()[0])
        if line.strip().startswith("❌ ST"):
            result.findings.append(line.strip().removeprefix("❌ "))


TABLES = {
    "auth matrix": ["tests/api/test_auth_matrix.py"],
    "tenants": ["tests/api/test_tenants.py"],
    "corpus": ["tests/api/test_gate.py"],
    "50 at once": ["tests/api/test_campaigns.py", "-k", "fifty_identical"],
}


def tabled(arguments: list[str]) -> Result:
    """Run tests and return how many answers they got; each answer was held to the description."""
    result = Result()
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "tests.api.counted", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    result.seconds, result.output, result.exit_code = time.monotonic() - started, done.stdout, done.returncode
    for line in done.stdout.splitlines():
        if line.startswith("answers {"):
            result.statuses = Counter(json.loads(line.removeprefix("answers ")))
        if line.startswith(("FAILED ", "ERROR ")):
            result.findings.append(line)
    result.cases = result.statuses.total()
    if done.returncode and not result.findings:
        result.findings.append(done.stdout[-2000:] + done.stderr[-2000:])
    result.findings += [f"answered {each}" for each in result.statuses if each >= "500"]
    return result


def row(name: object, result: Result) -> None:
    answers = " ".join(f"{status}:{count}" for status, count in sorted(result.statuses.items()))
    print(f"{name:>11} {result.cases:>7} {result.seconds:>8.0f} {len(result.findings):>9}  {answers}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.api.check", description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=20_000, help="at least so many")
    parser.add_argument("--examples", type=int, default=60, help="for each operation and phase, at first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="write the output of schemathesis of a run with findings to this file")
    options = parser.parse_args(arguments)
    print("hostile texts: ", end="", flush=True)
    findings = ["a hostile text costs more than it may: see above"] if hostile(["--seed", str(options.seed)]) else []
    print(f"{'':>11} {'cases':>7} {'seconds':>8} {'findings':>9}  answers", flush=True)
    for name, tests in TABLES.items():
        table = tabled(tests)
        row(name, table)
        findings += table.findings
    total, run = Result(), 0
    while total.cases < options.cases:
        with tempfile.TemporaryDirectory() as home:
            result = check(Path(home), examples=options.examples, phases=ALL_PHASES, seed=options.seed + run)
        run += 1
        if result.cases == 0:
            print(result.output[-3000:])
            return 1
        row(f"schema {run}", result)
        total.cases += result.cases
        total.seconds += result.seconds
        total.statuses += result.statuses
        total.findings += result.findings
        if result.findings and options.keep:
            Path(options.keep).write_text(result.output)
    row("schema all", total)
    for finding, count in Counter(findings + total.findings).most_common():
        print(f"  {count} x {finding}")
    return 1 if findings or total.findings else 0


if __name__ == "__main__":
    sys.exit(main())
