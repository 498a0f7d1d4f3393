"""A deployment with a schedule gets its runs: Prefect's server and its database library work together."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.schedules import Cron
from prefect.server.schemas.schedules import CronSchedule

from campaigns.model.library.template import Recurrence
from campaigns.rules.recurrence.rule import Calendar
from flows.housekeeping import housekeeping


def test_the_server_makes_the_runs_of_a_schedule(prefect_server: str) -> None:
    deployment_id = housekeeping.to_deployment(name="each-minute", schedule=Cron("* * * * *")).apply()
    with get_client(sync_client=True) as client:
        # What the scheduler does every minute; by hand, so that nobody waits for it.
        client._client.post(f"/deployments/{deployment_id}/schedule", json={"min_runs": 3}).raise_for_status()

        runs = client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])))

    assert len(runs) >= 3
    assert all(run.auto_scheduled for run in runs)


@pytest.mark.parametrize(
    ("zone", "skipped"),
    [
        ("Africa/Cairo", date(2027, 4, 30)), ("Asia/Beirut", date(2027, 3, 28)), ("America/Santiago", date(2027, 9, 5)),
        ("America/Havana", date(2027, 3, 14)), ("Europe/Lisbon", date(2027, 3, 28)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", ["00:00", "00:30", "01:30", "02:30", "23:59"])
@pytest.mark.parametrize("rule", ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=FR,SU", "FREQ=MONTHLY;BYDAY=SU,FR"])
def test_the_runs_of_prefects_schedule_are_for_each_time_that_it_comes(
    rule: str, at: str, zone: str, skipped: date
) -> None:
    """Also where the clocks skip its time: Prefect's run comes before the gap then, on the day before."""
    hours, minutes = at.split(":")
    calendar = Calendar(Recurrence(rrule=rule, at=at, starts_on=date(2027, 1, 1)), zone)
    days = {"FREQ=DAILY": "*"}.get(rule, "fri,sun")
    schedule = CronSchedule(cron=f"{int(minutes)} {int(hours)} * * {days}", timezone=zone)
    from_ = datetime.combine(skipped - timedelta(days=9), time(), tzinfo=ZoneInfo(zone))

    runs = asyncio.run(schedule.get_dates(n=12, start=from_))

    assert [calendar.at(run) for run in runs] == calendar.next(from_ - timedelta(seconds=1), 12)
