"""One campaign over three processes: one id finds each line of it, nothing secret is in any, every number arrives."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from deployments.local.approver import decide_by_link
from deployments.local.mail import newest_link
from deployments.local.stack import LocalStack
from deployments.place import ROOT
from tests.flows.conftest import TENANT, one_week
from tests.otlp import Receiver
from tests.system.test_crash import eventually, run_state

pytestmark = pytest.mark.system

STORY = "story-of-order-0815"


@dataclass
class Told:
    """What was told of one campaign, from its request to its end."""

    stack: LocalStack
    receiver: Receiver
    campaign_id: str
    run_id: str
    token: str
    link: str
    posts: list[dict[str, Any]]
    usage: dict[str, Any]

    def output(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.stack.logs.glob("*.log")))

    def lines(self) -> list[dict[str, Any]]:
        found = []
        for line in self.output().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        told = [each for each in found if isinstance(each, dict) and "logger" in each]
        return sorted(told, key=lambda each: str(each["at"]))


@pytest.fixture(scope="module")
def told(stack: LocalStack, receiver: Receiver, client: httpx.Client, token: str) -> Told:
    """The first campaign of the stack: what is counted is counted of it alone."""
    sent = client.post("/campaigns", json=one_week(), headers={"X-Correlation-Id": STORY}).json()
    link = eventually(lambda: newest_link(stack.home / "mail", sent["id"]), bool)
    assert decide_by_link(link, "approved") == "Approved"
    eventually(lambda: run_state(stack, sent["executionId"]), lambda state: state == "COMPLETED")
    posts = client.get(f"/campaigns/{sent['id']}/posts").json()["items"]
    usage = client.get(f"/campaigns/{sent['id']}").json()["usage"]
    eventually(lambda: client.get("/status").json()["rates"]["ended"], lambda ended: ended == 1)
    eventually(lambda: receiver.sum_of("CheckpointsKept", StepName="complete"), bool)
    return Told(stack, receiver, sent["id"], sent["executionId"], token, link, posts, usage)


def test_one_id_finds_every_line_of_a_campaign(told: Told) -> None:
    lines = told.lines()
    mine = [each for each in lines if each.get("campaign") == told.campaign_id]
    story = [each for each in lines if each.get("correlationId") == STORY]

    assert [each for each in mine if each.get("correlationId") != STORY] == []
    audit = [(each["action"], each.get("to_status")) for each in story if each["logger"] == "campaigns.audit"]
    assert [each for each in audit if each[0] == "created"] == [("created", "planning")]
    assert [to for action, to in audit if action == "moved"][-1] == "completed"
    assert ("decided", None) in audit
    assert {each["route"] for each in story if each["logger"] == "campaigns.access"} >= {
        "/campaigns", "/approve/{callback_id}",
    }  # fmt: skip
    steps = [each for each in story if each["logger"] == "campaigns.steps"]
    assert {each["step"] for each in steps} == {"save", "plan", "generate", "ask", "complete"}
    assert {(each["tenant"], each["campaign"], each["run"]) for each in steps} == {
        (TENANT, told.campaign_id, told.run_id)
    }
    assert all(each["attempt"] >= 1 for each in steps)


def test_it_finds_prefects_own_lines_of_the_run_too(told: Told) -> None:
    lines = [each for each in told.lines() if each["logger"].startswith("prefect")]
    story = [each["message"] for each in lines if each.get("correlationId") == STORY]
    beginning = re.compile(r"Beginning flow run .+ for flow 'build-campaign'")

    assert [message for message in story if message.endswith("submitted to infrastructure")]
    if "fresh interpreters" in told.output():
        return  # too busy to fork in time: Prefect's engine begins by itself then, and its first lines are text
    assert [each for each in lines if each.get("run") == told.run_id and each.get("correlationId") != STORY] == []
    assert [message for message in story if beginning.match(message)]
    assert [message for message in story if message.startswith("Finished in state Approved")]
    assert not re.search(r"\| Flow run '.+' - ", told.output())  # none of them is plain text


def test_the_mail_carries_the_id(told: Told) -> None:
    mails = [message_from_bytes(path.read_bytes()) for path in (told.stack.home / "mail").glob(f"{told.campaign_id}*")]

    assert mails
    assert {mail["X-Correlation-Id"] for mail in mails} == {STORY}


def test_nothing_secret_and_no_text_is_in_any_output(told: Told) -> None:
    output = told.output()
    address = urlsplit(told.link)
    secrets = [told.token, address.path.rsplit("/", 1)[-1], *parse_qs(address.query).get("token", [])]
    texts = [post["content"]["text"][:40] for post in told.posts if "content" in post]

    assert len(secrets) == 3
    assert len(texts) >= 3
    assert [each for each in [*secrets, *texts] if each in output] == []
    for ring in ("CAMPAIGNS_API_KEYS", "CAMPAIGNS_APPROVAL_KEYS", "CAMPAIGNS_CHECKPOINT_KEYS"):
        assert told.stack.env[ring].rsplit(":", 1)[-1] not in output


def test_every_number_arrives_once(told: Told) -> None:
    got = told.receiver.sum_of

    eventually(lambda: got("CampaignsMoved", Status="completed"), bool)
    assert got("CampaignsCreated") == got("CampaignsMoved", Status="completed") == got("Decisions") == 1
    assert got("CheckpointsKept", StepName="generate") == len(told.posts)
    assert got("TokensUsed", Direction="input") == told.usage["inputTokens"]
    assert got("TokensUsed", Direction="output") == told.usage["outputTokens"]
    assert got("CostUsd") == pytest.approx(told.usage["costUsd"])
    assert got("WorkflowStepDuration", StepName="generate") >= 100 * len(told.posts)
    said = subprocess.run(
        [sys.executable, "-m", "deployments.commands.metrics", "--check"],
        cwd=ROOT, env=told.stack.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "counted and stored agree: 1 campaigns" in said.stdout, said.stdout + said.stderr
    assert said.returncode == 0


def test_each_number_of_the_design_is_counted_and_is_what_is_stored(told: Told) -> None:
    def printed() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deployments.commands.metrics", "--table"],
            cwd=ROOT, env=told.stack.env, capture_output=True, text=True, check=False,
        )  # fmt: skip

    lines = eventually(printed, lambda said: said.returncode == 0).stdout.splitlines()
    print("\n".join(lines))

    found = {line[:36].strip(): line[36:].split() for line in lines[1:]}
    assert [name for name, (counted, stored) in found.items() if counted != stored] == []
    assert found["success rate"] == found["approval rate"] == found["step completion"] == ["1", "1"]
    assert found["failures by code (none)"] == found["time-out rate"] == ["0", "0"]
    assert found["checkpoints per execution"] == [str(len(told.posts) + 4)] * 2
    assert found["tokens"] == [f"{told.usage['inputTokens'] + told.usage['outputTokens']:,}"] * 2
    assert {f"step duration of {step}, ms" for step in ("plan", "generate", "complete")} <= found.keys()
    for name in ("execution duration, ms", "response time, median, s", "response time, 95 %, s",
                 "parallel efficiency, %", "concurrency in use", "cost, US dollars"):  # fmt: skip
        assert float(found[name][0].replace(",", "")) > 0, name


def test_the_trace_leads_from_the_request_to_the_end(told: Told) -> None:
    def spans() -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for each in told.receiver.spans:
            found.setdefault(each.name, []).append(each)
        return found

    by_name = eventually(spans, lambda found: "complete" in found and "POST /campaigns" in found)
    (request,) = by_name["POST /campaigns"]
    (ask,), (complete,) = by_name["ask"], by_name["complete"]
    runs = {each.span_id: each for each in by_name["run build-campaign"]}
    assert {each.trace_id for name in ("plan", "generate", "ask", "complete") for each in by_name[name]} == {
        request.trace_id
    }
    assert len(by_name["generate"]) == len(told.posts)
    assert len(by_name["model call"]) >= len(told.posts)
    assert runs[ask.parent_span_id].parent_span_id == request.span_id
    assert [link.span_id for link in runs[complete.parent_span_id].links] == [ask.span_id]


def test_no_line_of_a_flow_is_text(told: Told) -> None:
    worker = Path(told.stack.logs / "worker.log").read_text()

    assert "campaigns.audit" in worker
    assert [line for line in worker.splitlines() if re.match(r"\d\d:\d\d:\d\d\.\d{3} \|.*campaigns\.", line)] == []
