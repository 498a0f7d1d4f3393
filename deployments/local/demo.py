"""The main job: `python -m deployments.local.demo [--approve|--reject] [--brief FILE] [--keep] [--json FILE]`.

Starts the local stack, submits a brief over HTTP, shows the progress, prints the approval link, waits
for the decision, and prints the outcome and the approved calendar. Leaves no process behind unless
--keep is given.
"""

import argparse
import fcntl
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from campaigns.model.base import excerpt
from campaigns.model.vocabulary import PLATFORM_NAMES
from campaigns.rules.freshen import moved_ahead
from deployments.local.approver import LinkRefusedError, decide_by_link
from deployments.local.aws_local import AwsLocal
from deployments.local.aws_local_places import prepare, told
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.mail import newest_link
from deployments.local.stack import LocalStack, StackError, ignore_stops, let_be_stopped, seed
from deployments.place import ROOT

DEMO_HOME: Final = Path(".demo")
TENANT: Final = "fernwood"
BUILD_SECONDS: Final = 600
KEPT_RUNS: Final = 3


class DemoError(RuntimeError):
    """The demo could not go on; the message says why and what to look at."""


class Phases:
    """How long each part took, in seconds, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def done(self, name: str) -> float:
        now = time.monotonic()
        self.seconds[name] = round(now - self._since, 2)
        self._since = now
        return self.seconds[name]


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    let_be_stopped()
    home = _fresh_home(DEMO_HOME)
    say(f"Campaign Orchestration demo; state and logs in {home}")
    extra_env, helpers = _parts(options)
    stack = LocalStack(home, template=DEMO_HOME / "prefect-3.8.8.db", extra_env=extra_env)
    try:
        report = _run(stack, options)
        if options.json:
            Path(options.json).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
            say(f"wrote {options.json}")
        if options.keep:
            _keep(stack)
    except KeyboardInterrupt:
        say("\nstopped; nothing is left running")
        return 130
    except (DemoError, StackError, LinkRefusedError, httpx.HTTPError) as error:
        print(f"\nThe demo failed: {error}\nLogs: {stack.logs}", file=sys.stderr)
        return 1
    finally:
        ignore_stops()
        stack.stop()
        helpers.close()
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='make demo ARGS="…"', description=__doc__.split("\n")[0])
    decision = parser.add_mutually_exclusive_group()
    decision.add_argument("--approve", action="store_true", help="approve through the link, over HTTP")
    decision.add_argument("--reject", action="store_true", help="reject through the link, over HTTP")
    parser.add_argument("--brief", default=str(ROOT / "samples" / "spring-harvest.json"), help="the brief to submit")
    parser.add_argument("--model", default="offline", help="offline, or a model such as bedrock:MODEL-ID")
    parser.add_argument("--aws-local", action="store_true", help="DynamoDB and S3 (an emulator) instead of local files")
    parser.add_argument("--keep", action="store_true", help="leave the stack running until Ctrl-C")
    parser.add_argument("--json", metavar="FILE", help="write what happened")
    return parser.parse_args(arguments)


def _parts(options: argparse.Namespace) -> tuple[dict[str, str], ExitStack]:
    """Return the settings of the model, and what has to run for it."""
    env, helpers = {"CAMPAIGNS_MODEL": options.model}, ExitStack()
    if options.model.startswith("bedrock:") and not _bedrock_reachable():
        stand_in = helpers.enter_context(FakeBedrock())
        say(f"No AWS credentials found: the stand-in for Bedrock on {stand_in.url} answers for {options.model}")
        env |= {
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": stand_in.url,
            "AWS_ACCESS_KEY_ID": "stand-in",
            "AWS_SECRET_ACCESS_KEY": "stand-in",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    if options.aws_local:
        emulator = helpers.enter_context(AwsLocal())
        say(f"DynamoDB and S3 emulator on {emulator.endpoint_url}")
        env |= prepare(emulator)
    return env, helpers


def _bedrock_reachable() -> bool:
    import boto3

    return "AWS_ENDPOINT_URL_BEDROCK_RUNTIME" in os.environ or boto3.Session().get_credentials() is not None


def _run(stack: LocalStack, options: argparse.Namespace) -> dict[str, Any]:
    phases = Phases()
    brief = _brief(Path(options.brief))
    with ThreadPoolExecutor(1) as beside:
        seeding = beside.submit(seed, stack.env, TENANT)  # the samples lie in the store: that needs no Prefect
        stack.start(lambda what: say(f"  {what}"), soon=True)
        say(f"  stored {seeding.result()}")
    phases.done("start")

    client = _client(stack)
    answer = client.post("/campaigns", json=brief)
    if answer.status_code != 202:
        raise DemoError(f"POST /campaigns answered {answer.status_code}:\n{_problem(answer)}")
    campaign_id = answer.json()["id"]
    run_id = answer.json()["executionId"]
    say(f"  POST /campaigns -> 202 {campaign_id}")
    say(f"\nPrefect UI:     {stack.prefect_url}/v2/runs/flow-run/{run_id}   (sign in with campaigns:{stack.password})")
    _follow(stack, client, campaign_id, until={"awaiting_review"})
    phases.done("build")

    link = _wait_for_link(stack, campaign_id)
    say(f"Approval link:  {link}")
    if options.approve or options.reject:
        decision = "approved" if options.approve else "rejected"
        receipt = decide_by_link(link, decision, comment="" if options.approve else "Not this season, sorry.")
        say(f"  decided through the link: {receipt}")
    else:
        say("\nOpen the link to decide; Ctrl-C ends the demo.")
    phases.done("decide")

    campaign = _follow(
        stack,
        client,
        campaign_id,
        until=ENDED,
        limit=None if not (options.approve or options.reject) else BUILD_SECONDS,
    )
    run = _wait_for_run(stack, run_id)
    phases.done("complete")

    posts = client.get(f"/campaigns/{campaign_id}/posts").json()["items"]
    state = run["state"]
    say(f"\nCampaign {campaign['status']}; run {state['type']} ({state['name']}): {state['message']}")
    say(calendar_table(posts, ZoneInfo(brief["schedule"]["timezone"])))
    if options.aws_local:
        say(told(stack.env, campaign_id, canary=" ".join(brief["brief"]["description"].split()[:6])))
    say("  ".join(f"{name} {seconds:.1f} s" for name, seconds in phases.seconds.items()))
    return {
        "campaignId": campaign_id,
        "flowRunId": run_id,
        "status": campaign["status"],
        "runState": run["state"]["type"],
        "posts": posts,
        "modelCalls": campaign["usage"]["calls"],
        "steps": _steps(stack, run_id),
        "seconds": phases.seconds,
    }


ENDED: Final = {"completed", "rejected", "approval_timeout", "failed", "cancelled"}


def _brief(path: Path) -> dict[str, Any]:
    try:
        brief = json.loads(path.read_text())
    except OSError as error:
        raise DemoError(f"cannot read the brief {path}: {error.strerror}") from None
    except ValueError as error:
        raise DemoError(f"{path} is not JSON: {error}") from None
    moved: dict[str, Any] = moved_ahead(brief, datetime.now(UTC).date())
    return moved


def _client(stack: LocalStack) -> httpx.Client:
    ring = KeyRing.parse(stack.env["CAMPAIGNS_API_KEYS"])
    token = mint(ring, tenant_id=TENANT, subject="demo", scopes=SCOPES, ttl=timedelta(hours=12), now=datetime.now(UTC))
    return httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def _follow(
    stack: LocalStack, client: httpx.Client, campaign_id: str, *, until: set[str], limit: float | None = BUILD_SECONDS
) -> dict[str, Any]:
    """Show what the campaign does until it reaches one of the statuses."""
    deadline = time.monotonic() + limit if limit else None
    shown = ""
    while True:
        campaign: dict[str, Any] = client.get(f"/campaigns/{campaign_id}").raise_for_status().json()
        line = _progress(client, campaign)
        if line != shown:
            say(f"  {line}")
            shown = line
        if campaign["status"] in until:
            return campaign
        if campaign["status"] in ENDED:
            error = campaign.get("lastError") or {}
            raise DemoError(f"the campaign ended as {campaign['status']}: {error.get('message', 'no reason given')}")
        if dead := stack.dead():
            raise DemoError(f"the {dead} died:\n{stack.tail(dead)}")
        if deadline and time.monotonic() > deadline:
            raise DemoError(f"the campaign is still {campaign['status']} after {limit:.0f} s:\n{stack.tail('worker')}")
        time.sleep(0.5)


def _progress(client: httpx.Client, campaign: dict[str, Any]) -> str:
    if campaign["status"] != "generating":
        return str(campaign["status"])
    posts = client.get(f"/campaigns/{campaign['id']}/posts").raise_for_status().json()["items"]
    counts = Counter(post["status"] for post in posts)
    written = counts["completed"] + counts["needs_review"] + counts["failed"]
    return f"generating: {written} of {len(posts)} posts written"


def _wait_for_link(stack: LocalStack, campaign_id: str) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if link := newest_link(stack.home / "mail", campaign_id):
            return link
        time.sleep(0.2)
    raise DemoError(f"no approval mail arrived in {stack.home / 'mail'}:\n{stack.tail('worker')}")


def _wait_for_run(stack: LocalStack, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        run = _prefect(stack, "GET", f"/flow_runs/{run_id}")
        if run["state"]["type"] in _FINAL:
            return dict(run)
        if time.monotonic() > deadline:
            raise DemoError(f"the run is still {run['state']['name']}:\n{stack.tail('worker')}")
        time.sleep(0.5)


def _steps(stack: LocalStack, run_id: str) -> dict[str, int]:
    """Return how often each step was executed; results taken from a checkpoint do not count.

    Prefect records task runs from events, a moment later: wait until it knows the end of each.
    """
    body = {"flow_runs": {"id": {"any_": [run_id]}}, "limit": 200}
    deadline = time.monotonic() + 30
    while True:
        runs = [run for page in _pages(stack, body) for run in page]
        if all(run["state_type"] in _FINAL for run in runs) or time.monotonic() > deadline:
            return dict(sorted(Counter(run["name"] for run in runs if run["state_name"] == "Completed").items()))
        time.sleep(0.3)


_FINAL: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


def _pages(stack: LocalStack, body: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    for offset in count(0, body["limit"]):
        page = _prefect(stack, "POST", "/task_runs/filter", {**body, "offset": offset})
        yield page
        if len(page) < body["limit"]:
            return


def _prefect(stack: LocalStack, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = httpx.request(
        method, f"{stack.prefect_url}/api{path}", json=body, auth=("campaigns", stack.password), timeout=30
    )
    return answer.raise_for_status().json()


def calendar_table(posts: list[dict[str, Any]], zone: ZoneInfo) -> str:
    """Return the posts as a table in calendar order, times in the campaign's zone."""
    rows = [("#", "when", "where", "review", "post")]
    for post in posts:
        at = datetime.fromisoformat(post["scheduledAt"]).astimezone(zone)
        text = " ".join((post.get("content") or {}).get("text", post["status"]).split())
        rows.append(
            (
                str(post["number"]),
                f"{at:%a %d %b %Y %H:%M %Z}",
                PLATFORM_NAMES[post["platform"]],
                post["review"]["state"],
                excerpt(text, at_most=70),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), row[4]]) for row in rows
    )


def _problem(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:500]
    faults = body.get("details", {}).get("errors", [])
    return "\n".join([f"  {body.get('message')}", *(f"  - {fault['field']}: {fault['message']}" for fault in faults)])


def _keep(stack: LocalStack) -> None:
    say(f"\nThe stack keeps running: API {stack.api_url}, Prefect {stack.prefect_url}. Ctrl-C stops it.")
    while not (dead := stack.dead()):
        time.sleep(1)
    raise DemoError(f"the {dead} died:\n{stack.tail(dead)}")


def _fresh_home(root: Path) -> Path:
    """Return an empty folder for this demo; old ones beyond the last few go, unless a demo still uses them."""
    root.mkdir(exist_ok=True, mode=0o700)
    old = sorted(path for path in root.iterdir() if path.is_dir())
    for path in old[: -KEPT_RUNS + 1]:
        if _lock(path) is not None:
            shutil.rmtree(path, ignore_errors=True)
    home = root / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    home.mkdir(mode=0o700)
    _held.append(_lock(home))
    return home


_held: list[Any] = []


def _lock(folder: Path) -> Any:
    handle = (folder / ".lock").open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
