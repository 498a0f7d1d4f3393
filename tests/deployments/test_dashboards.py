"""Dashboards show what is emitted, under the names under which it is, and are what the list of metrics makes them."""

from __future__ import annotations

import io
import json
import re

from prometheus_client.parser import text_string_to_metric_families

from campaigns.telemetry.emf import emf
from campaigns.telemetry.instruments import BY_NAME, INSTRUMENTS, NAMESPACE, Measure
from campaigns.telemetry.prometheus import exposed, name_of
from campaigns.telemetry.series import Series
from deployments.commands.boards import GRAFANA, PANELS, WATCH, cloudwatch_widgets, grafana, grafana_file, with_numbers
from deployments.commands.metrics import main
from tests.store.samples import NOW


def of_everything() -> Series:
    series = Series()
    for each in INSTRUMENTS:
        series.count(Measure(each.name, 7, dict.fromkeys(each.dimensions, "x")))
    return series


def test_the_files_are_made_from_the_list() -> None:
    advice = "python -m deployments.commands.metrics --dashboards"
    assert GRAFANA.read_text() == grafana_file(), advice
    assert WATCH.read_text() == with_numbers(WATCH.read_text()), advice
    assert all(panel.title in WATCH.read_text() for panel in PANELS)


def test_every_metric_is_on_a_panel_and_every_panel_shows_metrics_that_there_are() -> None:
    assert {name for panel in PANELS for name in panel.metrics} == BY_NAME.keys()


def test_grafana_asks_for_series_that_the_api_exposes() -> None:
    families = list(text_string_to_metric_families(exposed(of_everything()).decode()))
    exposed_names = {sample.name for family in families for sample in family.samples}
    labels = {sample.name: sample.labels.keys() - {"le"} for family in families for sample in family.samples}

    queries = [target["expr"] for panel in grafana()["panels"] for target in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"campaigns_\w+", query)}

    assert len(asked) >= len(INSTRUMENTS)
    assert asked <= exposed_names
    for query in queries:
        (name,) = set(re.findall(r"campaigns_\w+", re.sub(r"_sum\b|_count\b", "_sum", query)))
        for given in re.findall(r"sum by \(([^)]*)\)", query):
            assert set(filter(None, given.replace(" ", "").split(","))) - {"le"} <= labels[name]


def test_cloudwatch_asks_for_metrics_as_they_are_printed() -> None:
    printed = {}
    for each in INSTRUMENTS:
        line = json.loads(emf(Measure(each.name, 7, dict.fromkeys(each.dimensions, "x")), NOW))
        about = line["_aws"]["CloudWatchMetrics"][0]
        printed[about["Metrics"][0]["Name"]] = (about["Namespace"], about["Dimensions"][0])

    for widget in cloudwatch_widgets():
        for row in widget["properties"]["metrics"]:
            if isinstance(row[0], dict):
                for dimensions, name in re.findall(
                    rf"{NAMESPACE}(?:,([\w,]+))?}} MetricName=\"(\w+)\"", row[0]["expression"]
                ):
                    assert printed[name] == (NAMESPACE, sorted(dimensions.split(",")))
            else:
                namespace, name, *dimensions = row[:-1]
                assert printed[name] == (namespace, dimensions[::2])


def test_what_prometheus_reads_are_the_totals() -> None:
    series = of_everything()
    series.count(Measure("ApproverResponseTime", 90))
    families = {each.name: each for each in text_string_to_metric_families(exposed(series).decode())}
    samples = {
        (each.name, each.labels.get("le")): each.value
        for each in families[name_of(BY_NAME["ApproverResponseTime"])].samples
    }

    name = "campaigns_approver_response_time_seconds"
    assert samples[f"{name}_count", None] == 2
    assert samples[f"{name}_sum", None] == 97
    assert (samples[f"{name}_bucket", "5.0"], samples[f"{name}_bucket", "15.0"]) == (0, 1)
    assert (samples[f"{name}_bucket", "60.0"], samples[f"{name}_bucket", "+Inf"]) == (1, 2)


def test_the_command_lists_every_metric() -> None:
    out = io.StringIO()

    assert main([], out=out) == 0

    assert [line.split()[0] for line in out.getvalue().splitlines()] == list(BY_NAME)
