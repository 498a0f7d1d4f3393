"""Prefect away for a while: `python -m tests.system.outage --minutes 10 [--how kill|freeze] [--json FILE]`.

Real server, worker and API, and a stand-in for Bedrock. When the server goes, one campaign is being
written and another waits for a decision; while it is away that decision is made, and a third campaign
is submitted. Fails unless the approver has a receipt at once, nothing is lost or paid twice, and the
states of Prefect and the store agree within a minute of its return, without a hand.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from deployments.local.approver import decide_by_link
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.mail import newest_link
from deployments.local.stack import LocalStack, seed
from tests.flows.conftest import TENANT, sample_brief
from tests.system.test_crash import posts_with_words, prefect

AGREE_SECONDS: Final = 60
RECEIPT_SECONDS: Final = 5
PATIENCE_SECONDS: Final = 300
IN_FLIGHT: Final = 5  # prefect.toml: so many posts are written at once in one run
WORKING: Final = {"SCHEDULED", "PENDING", "RUNNING"}
AGREEING: Final = {
    "planning": WORKING,
    "generating": WORKING,
    "awaiting_review": {"PAUSED"},
    "completed": {"COMPLETED"},
}
"""What Prefect may say of the run of a campaign in this status."""


class Outage:
    """One stack, its campaigns, and what was measured."""

    def __init__(self, stack: LocalStack, bedrock: FakeBedrock) -> None:
        ring = KeyRing.parse(stack.env["CAMPAIGNS_API_KEYS"])
        token = mint(
            ring, tenant_id=TENANT, subject="outage", scopes=SCOPES, ttl=timedelta(days=1), now=datetime.now(UTC)
        )
        self.stack, self.bedrock = stack, bedrock
        self.client = httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        self.since = time.monotonic()

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self.since:7.1f} s  {what}", flush=True)

    def submit(self, brief: str) -> str:
        answer = self.client.post("/campaigns", json=sample_brief(brief))
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def status(self, campaign_id: str) -> str:
        return str(self.client.get(f"/campaigns/{campaign_id}").json()["status"])

    def run_state(self, campaign_id: str) -> str:
        run_id = self.client.get(f"/campaigns/{campaign_id}").json().get("executionId")
        return str(prefect(self.stack, "GET", f"/flow_runs/{run_id}")["state"]["type"]) if run_id else "NO RUN"

    def posts(self, campaign_id: str) -> dict[str, str]:
        return posts_with_words(self.client, campaign_id)

    def link(self, campaign_id: str) -> str | None:
        return newest_link(self.stack.home / "mail", campaign_id)

    def both(self, campaign_id: str) -> tuple[str, str]:
        return self.status(campaign_id), self.run_state(campaign_id)

    def wait_for(self, what: str, good: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> float:
        """Return how long it took, in seconds."""
        began = time.monotonic()
        while not good():
            if time.monotonic() - began > seconds:
                raise AssertionError(f"{what}: not within {seconds:.0f} s")
            time.sleep(0.5)
        return time.monotonic() - began


def decided(link: str) -> tuple[str, float, float]:
    """Decide by link; return the heading of the receipt, the seconds in all, and those of the slowest request."""
    slowest = 0.0

    def note(answer: httpx.Response) -> None:
        nonlocal slowest
        answer.read()
        slowest = max(slowest, answer.elapsed.total_seconds())

    with httpx.Client(timeout=60, event_hooks={"response": [note]}) as browser:
        receipt, seconds = timed(lambda: decide_by_link(link, "approved", browser=browser))
    return receipt, seconds, slowest


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return act(), time.monotonic() - began


def server(stack: LocalStack) -> list[psutil.Process]:
    top = psutil.Process(stack.processes["server"].pid)
    return [*top.children(recursive=True), top]


def take_away(stack: LocalStack, how: str) -> None:
    for process in server(stack):
        process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGSTOP)


def bring_back(stack: LocalStack, how: str) -> None:
    if how == "kill":
        stack.processes["server"].wait(10)
        stack.start_server()
        return
    for process in server(stack):
        process.send_signal(signal.SIGCONT)
    stack.wait_for(lambda: httpx.get(f"{stack.prefect_url}/api/health", timeout=2).is_success, "server", "the server")


def run(stack: LocalStack, bedrock: FakeBedrock, minutes: float, how: str) -> dict[str, Any]:
    """Go through the outage and return the figures; `failures` names every bar that was missed."""
    outage = Outage(stack, bedrock)
    say = outage.say
    waiting = outage.submit("conference-talks.json")
    outage.wait_for("the first campaign waits", lambda: outage.both(waiting) == ("awaiting_review", "PAUSED"))
    outage.wait_for("its link", lambda: outage.link(waiting) is not None)
    shown = outage.posts(waiting)
    say(f"{waiting} waits for a decision")
    writing = outage.submit("spring-harvest.json")
    outage.wait_for("the second is being written", lambda: len(outage.posts(writing)) >= 2)
    calls = len(bedrock.requests)
    before = outage.posts(writing)
    say(f"{writing} is being written: {len(before)} posts, {calls} model calls so far")

    take_away(stack, how)
    gone = time.monotonic()
    say(f"Prefect is away ({how})")
    time.sleep(5)
    link = outage.link(waiting)
    assert link is not None
    receipt, all_seconds, receipt_seconds = decided(link)
    say(f"decision: {receipt!r}; no page took longer than {receipt_seconds:.2f} s, all of them {all_seconds:.2f} s")
    submitted, submit_seconds = timed(lambda: outage.submit("conference-talks.json"))
    say(f"POST /campaigns -> 202 {submitted} after {submit_seconds:.2f} s")
    while (left := gone + minutes * 60 - time.monotonic()) > 0:
        time.sleep(min(60, left))
        say(f"  away; {', '.join(outage.status(each) for each in (waiting, writing, submitted))}")
    died = [name for name, process in stack.processes.items() if name != "server" and process.poll() is not None]
    bring_back(stack, how)
    away = time.monotonic() - gone
    say(f"Prefect is back after {away:.0f} s")

    ids = [waiting, writing, submitted]

    def agreed() -> bool:
        seen = [outage.both(each) for each in ids]
        return seen[0] == ("completed", "COMPLETED") and all(run in AGREEING.get(status, ()) for status, run in seen)

    agree = outage.wait_for("the states agree", agreed)
    say(f"the states agree {agree:.1f} s after its return: {[outage.both(each) for each in ids]}")
    for each in (writing, submitted):
        outage.wait_for(f"{each} asks", lambda each=each: outage.both(each) == ("awaiting_review", "PAUSED"))
        outage.wait_for("its link", lambda each=each: outage.link(each) is not None)
        link = outage.link(each)
        assert link is not None
        decide_by_link(link, "approved")
        outage.wait_for(f"{each} is completed", lambda each=each: outage.both(each) == ("completed", "COMPLETED"))
    say("every campaign is completed")

    after = outage.posts(writing)
    totals = {each: outage.client.get(f"/campaigns/{each}").json()["planSummary"]["totalPosts"] for each in ids}
    kept = sum(outage.client.get(f"/campaigns/{each}").json()["usage"]["calls"] for each in ids)
    figures = {
        "how": how,
        "secondsAway": round(away, 1),
        "secondsToReceipt": round(receipt_seconds, 2),
        "secondsOfAllPages": round(all_seconds, 2),
        "secondsTo202": round(submit_seconds, 2),
        "secondsToAgree": round(agree, 1),
        "posts": sum(totals.values()),
        "postsLost": sum(totals[each] - len(outage.posts(each)) for each in ids),
        "postsChanged": sum(outage.posts(waiting)[post] != words for post, words in shown.items())
        + sum(after[post] != words for post, words in before.items()),
        "modelCalls": len(bedrock.requests),
        "modelCallsPaidAndNotKept": len(bedrock.requests) - kept,
        "partsThatEnded": died,
    }
    figures["failures"] = [
        name
        for name, missed in {
            f"receipt within {RECEIPT_SECONDS} s": receipt_seconds > RECEIPT_SECONDS,
            f"agreement within {AGREE_SECONDS} s": agree > AGREE_SECONDS,
            "no post lost": figures["postsLost"] != 0,
            "no post changed": figures["postsChanged"] != 0,
            "no more calls again than in flight": figures["modelCallsPaidAndNotKept"] > IN_FLIGHT,
        }.items()
        if missed
    ]
    return figures


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--how", choices=["kill", "freeze"], default="kill")
    parser.add_argument("--seconds-per-call", type=float, default=6, help="how slow the model is")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--home", type=Path, help="where to keep state and logs; a folder that goes away if not given")
    options = parser.parse_args(arguments)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)  # a job started with & inherits SIGINT ignored
    with (
        tempfile.TemporaryDirectory(prefix="outage-") as scratch,
        FakeBedrock(seconds=options.seconds_per_call) as bedrock,
    ):
        settings = {
            "CAMPAIGNS_MODEL": "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        with LocalStack(options.home or Path(scratch), extra_env=settings).start() as stack:
            seed(stack.env, TENANT)
            figures = run(stack, bedrock, options.minutes, options.how)
    text = json.dumps(figures, indent=2)
    print(text)
    if options.json:
        Path(options.json).write_text(text + "\n")
    return 1 if figures["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
