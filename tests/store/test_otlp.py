"""By OTLP: a receiver on this machine gets every number once; one that is away costs nothing but what it misses."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from campaigns import correlation
from campaigns.telemetry import spans
from campaigns.telemetry.instruments import Measure
from campaigns.telemetry.otlp import Otlp
from campaigns.telemetry.recorder import by_tenant, recorder
from tests.otlp import Receiver


def test_numbers_and_spans_arrive_once_and_one_story_is_one_trace() -> None:
    with Receiver() as receiver:
        otlp = Otlp(receiver.url)
        for value in (90.0, 30.0):
            otlp(Measure("ApproverResponseTime", value), datetime.now(UTC))
        otlp(Measure("CampaignsMoved", 1, {"Status": "failed"}), datetime.now(UTC))
        with (
            correlation.bound("story-0815", tenant="fernwood", step="ask"),
            spans.span("POST /campaigns", known_as=spans.ROOT),
        ):
            pass
        with correlation.bound("story-0815"), spans.span("ask", known_as="ask"), spans.span("model call"):
            pass
        with (
            correlation.bound("story-0815"),
            spans.span("run", follows="ask"),
            pytest.raises(ValueError, match="secret"),
            spans.span("complete"),
        ):
            raise ValueError("a secret text")
        otlp.close()

    assert receiver.sum_of("ApproverResponseTime") == 120
    assert receiver.sum_of("CampaignsMoved", Status="failed") == 1
    by_name = {each.name: each for each in receiver.spans}
    assert by_name.keys() == {"POST /campaigns", "ask", "model call", "run", "complete"}
    assert len({each.trace_id for each in receiver.spans}) == 1
    assert by_name["ask"].parent_span_id == by_name["POST /campaigns"].span_id
    assert by_name["model call"].parent_span_id == by_name["ask"].span_id
    assert [link.span_id for link in by_name["run"].links] == [by_name["ask"].span_id]
    assert by_name["complete"].status.message == "ValueError"
    assert "secret" not in str(receiver.spans)


def test_a_receiver_that_is_away_delays_and_fails_nothing_and_its_drops_are_counted() -> None:
    before = recorder.dropped.get("otlp", 0)
    otlp = Otlp("http://127.0.0.1:9")
    began = time.monotonic()
    for _ in range(1000):
        otlp(Measure("Decisions", 1), datetime.now(UTC))
    took = time.monotonic() - began
    otlp.close()

    assert took < 1
    assert time.monotonic() - began < 10
    deadline = time.monotonic() + 10
    while recorder.dropped.get("otlp", 0) == before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert recorder.dropped["otlp"] > before


def test_without_an_endpoint_the_sdk_is_not_imported() -> None:
    code = (
        "import sys; import flows.build_campaign, api.app; from campaigns.wiring import get_store; get_store();"
        "print([each for each in sys.modules if each.startswith(('opentelemetry.sdk', 'opentelemetry.exporter',"
        " 'prometheus_client'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "opentelemetry" not in done.stdout


def test_whose_it_was_is_a_dimension_where_that_is_wanted() -> None:
    with Receiver() as receiver:
        otlp = Otlp(receiver.url)
        for tenant in ("fernwood", "fernwood", "birchwood"):
            with correlation.bound("story-0816", tenant=tenant):
                by_tenant(otlp)(Measure("CampaignsMoved", 1, {"Status": "failed"}), datetime.now(UTC))
        by_tenant(otlp)(Measure("Decisions", 1), datetime.now(UTC))
        otlp.close()

    assert receiver.sum_of("CampaignsMoved", Status="failed", TenantId="fernwood") == 2
    assert receiver.sum_of("CampaignsMoved", Status="failed", TenantId="birchwood") == 1
    assert receiver.sum_of("Decisions", TenantId="none") == 1
