"""Dashboards made from the one list of metrics: a row for each question of the design, in CloudWatch and in Grafana."""

import json
from dataclasses import dataclass
from typing import Any, Final

from campaigns.telemetry.instruments import BY_NAME, NAMESPACE, Instrument
from campaigns.telemetry.prometheus import name_of
from deployments.place import ROOT

HERE: Final = ROOT / "deployments"
GRAFANA: Final = HERE / "dashboards" / "grafana.json"
WATCH: Final = HERE / "aws" / "watch.yaml"
_BEGINS: Final = "  # --- made by python -m deployments.commands.metrics --dashboards: begin\n"
_ENDS: Final = "  # --- made by python -m deployments.commands.metrics --dashboards: end\n"


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: a title, the metrics on it, and how a rate follows from them.

    Args:
        rate: (over, under): labels by which the part and the whole of a metric are chosen; as a share in percent.
    """

    title: str
    metrics: tuple[str, ...]
    stats: tuple[str, ...] = ("Sum",)
    part: dict[str, str] | None = None
    whole: tuple[dict[str, str], ...] = ()


_ENDED: Final = tuple({"Status": each} for each in ("completed", "rejected", "approval_timeout", "failed"))
_DECIDED: Final = tuple({"Outcome": each} for each in ("approved", "needs_revision", "rejected"))
PANELS: Final = (
    Panel("Execution duration", ("ExecutionDuration", "BuildDuration"), ("p50", "p95")),
    Panel("Campaigns that failed, %", ("CampaignsMoved",), part={"Status": "failed"}, whole=_ENDED),
    Panel("Checkpoints per execution", ("CheckpointsPerExecution",), ("Average",)),
    Panel("Steps completed", ("CheckpointsKept", "StepAttemptsFailed")),
    Panel("WorkflowStepDuration by step", ("WorkflowStepDuration",), ("p95",)),
    Panel("Retries", ("StepRetries", "RunsStartedAgain")),
    Panel("Failures by code", ("CampaignFailures",)),
    Panel("Rounds approved, %", ("RoundsDecided",), part={"Outcome": "approved"}, whole=_DECIDED),
    Panel("Rounds that timed out", ("RoundsTimedOut", "RoundsOpened", "DecisionsUndone", "Decisions")),
    Panel("Approvers' response time", ("ApproverResponseTime",), ("p50", "p95")),
    Panel("Parallel efficiency, %", ("ParallelEfficiency",), ("Average",)),
    Panel("Concurrency in use", ("ConcurrencyInUse",), ("Maximum",)),
    Panel("Campaigns", ("CampaignsCreated", "CampaignsMoved")),
    Panel("Model calls and tokens", ("ModelCalls", "TokensUsed")),
    Panel("Cost in US dollars", ("CostUsd",)),
    Panel("Telemetry that was dropped", ("TelemetryDropped",)),
)


def cloudwatch_widgets() -> list[dict[str, Any]]:
    """Return the widgets, two in a row."""
    return [
        {
            "type": "metric", "x": 12 * (place % 2), "y": 6 * (place // 2), "width": 12, "height": 6,
            "properties": {
                "title": panel.title, "region": "${AWS::Region}", "period": 3600, "stat": panel.stats[0],
                "metrics": _cloudwatch_rate(panel) if panel.part else _cloudwatch_metrics(panel),
            },
        }
        for place, panel in enumerate(PANELS)
    ]  # fmt: skip


def _cloudwatch_metrics(panel: Panel) -> list[Any]:
    found: list[Any] = []
    for name in panel.metrics:
        for stat in panel.stats:
            if dimensions := BY_NAME[name].dimensions:
                search = f"SEARCH('{{{NAMESPACE},{','.join(dimensions)}}} MetricName=\"{name}\"', '{stat}', 3600)"
                found.append([{"expression": search, "id": f"s{len(found)}"}])
            else:
                found.append([NAMESPACE, name, {"stat": stat, "label": f"{name} {stat}"}])
    return found


def _cloudwatch_rate(panel: Panel) -> list[Any]:
    (name,) = panel.metrics
    ids = [f"m{place}" for place in range(len(panel.whole))]
    of = ids[panel.whole.index(panel.part or {})]
    filled = " + ".join(f"FILL({each}, 0)" for each in ids)
    rate = {"expression": f"100 * FILL({of}, 0) / ({filled})", "label": panel.title, "id": "rate"}
    parts = [
        [NAMESPACE, name, *next(iter(labels.items())), {"id": each, "stat": "Sum", "visible": False}]
        for each, labels in zip(ids, panel.whole, strict=True)
    ]
    return [[rate], *parts]


_QUANTILES: Final = {"p50": 0.5, "p95": 0.95}
_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}


def grafana() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it; its data source is chosen there."""
    return {
        "title": "Campaign Orchestration",
        "uid": "campaign-orchestration",
        "schemaVersion": 39,
        "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}]},
        "panels": [
            {
                "id": place + 1, "type": "timeseries", "title": panel.title, "datasource": _SOURCE,
                "gridPos": {"x": 12 * (place % 2), "y": 8 * (place // 2), "w": 12, "h": 8},
                "targets": [
                    {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
                    for number, (query, legend) in enumerate(_queries(panel))
                ],
            }
            for place, panel in enumerate(PANELS)
        ],
    }  # fmt: skip


def _queries(panel: Panel) -> list[tuple[str, str]]:
    if panel.part is not None:
        name = name_of(BY_NAME[panel.metrics[0]])
        part = ",".join(f'{key}="{value}"' for key, value in panel.part.items())
        over = "|".join(next(iter(each.values())) for each in panel.whole)
        label = next(iter(panel.part))
        return [(f'100 * sum(increase({name}{{{part}}}[1d])) / sum(increase({name}{{{label}=~"{over}"}}[1d]))', "%")]
    return [query for name in panel.metrics for query in _queries_of(BY_NAME[name], panel.stats)]


def _queries_of(instrument: Instrument, stats: tuple[str, ...]) -> list[tuple[str, str]]:
    name, labels = name_of(instrument), ", ".join(instrument.dimensions)
    legend = f"{instrument.name} {' '.join(f'{{{{{each}}}}}' for each in instrument.dimensions)}".strip()
    if instrument.kind == "counter":
        return [(f"sum by ({labels}) (increase({name}[1h]))" if labels else f"sum(increase({name}[1h]))", legend)]
    found = []
    for stat in stats:
        if stat in _QUANTILES:
            by = ", ".join(["le", *instrument.dimensions])
            rate = f"sum by ({by}) (increase({name}_bucket[1d]))"
            found.append((f"histogram_quantile({_QUANTILES[stat]}, {rate})", f"{legend} {stat}"))
        else:
            ratio = f"sum(increase({name}_sum[1d])) / sum(increase({name}_count[1d]))"
            found.append((ratio, f"{legend} average"))
    return found


def grafana_file() -> str:
    """Return Grafana's dashboard as its file holds it."""
    return json.dumps(grafana(), indent=1, ensure_ascii=False) + "\n"


def with_numbers(template: str) -> str:
    """Return the template of the stack that watches, with CloudWatch's dashboard of the metrics in its place."""
    before, _, rest = template.partition(_BEGINS)
    _, _, after = rest.partition(_ENDS)
    widgets = ",\n".join(f"          {json.dumps(each, ensure_ascii=False)}" for each in cloudwatch_widgets())
    made = (
        "  Numbers:\n    Type: AWS::CloudWatch::Dashboard\n    Properties:\n      DashboardBody: !Sub |\n"
        f'        {{"widgets": [\n{widgets}]}}\n'
    )
    return f"{before}{_BEGINS}{made}{_ENDS}{after}"


def write_boards() -> None:
    """Write both dashboards where they are kept."""
    GRAFANA.parent.mkdir(exist_ok=True)
    GRAFANA.write_text(grafana_file())
    WATCH.write_text(with_numbers(WATCH.read_text()))
