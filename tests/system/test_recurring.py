"""Templates against Prefect's own scheduler: a real server and worker, schedules that fire often, a long downtime."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from campaigns.model.base import derived_id
from campaigns.model.library.template import Occurrence, OccurrenceStatus, Template
from campaigns.model.vocabulary import DAYS
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from deployments.local.stack import LocalStack, seed
from tests.flows.conftest import TENANT, sample
from tests.system.test_crash import eventually, prefect

STARTED, SKIPPED = OccurrenceStatus.STARTED, OccurrenceStatus.SKIPPED
MANY_RUNS = 300
"""Seconds for a dozen runs on a busy machine."""
DOWN = timedelta(weeks=2, hours=1)
"""So far what Prefect has scheduled is put back: the third of its weekly runs was due half an hour ago then."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("stack")) as running:
        running.logs.mkdir(parents=True, exist_ok=True)
        running.start_server()
        for module in ("blocks", "pool"):
            running.run(module, "-m", f"deployments.engine.{module}")
        running.start_worker()
        for name in ("build-campaign", "recurring-campaign"):  # all of them take half a minute
            running.run("deploy", "-m", "prefect", "--no-prompt", "deploy", "--name", name)
        seed(running.env, TENANT)
        yield running


@pytest.fixture(scope="module")
def store(stack: LocalStack) -> Store:
    return Store(SQLiteTable(stack.home / "store.db"))


def zone_where_it_is_noon() -> str:
    """Return a zone in which neither the day nor the week ends while a test runs."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}"  # its sign is turned round


def local(moment: datetime) -> datetime:
    ahead = int(zone_where_it_is_noon().removeprefix("Etc/GMT") or 0)
    return moment - timedelta(hours=ahead)


def save(store: Store, name: str, rrule: str, **changes: Any) -> Template:
    """Store a template that was due two hours ago by the hour of day, in a zone where it is noon."""
    now = datetime.now(UTC)
    stamps = {"tenantId": TENANT, "requestedBy": "ana", "createdAt": now, "updatedAt": now}
    given = {**sample("templates.json")[0], "id": derived_id("template", name), "name": name, **stamps}
    given["brief"]["schedule"]["timezone"] = zone_where_it_is_noon()
    given["brief"]["schedule"]["allowedDaysOfWeek"] = list(DAYS)
    given["brief"]["cadenceOverrides"] = {"minPostsPerWeek": 0, "maxPostsPerWeek": 1}
    at = f"{local(now) - timedelta(hours=2):%H:%M}"
    given["recurrence"] = {"rrule": rrule, "at": at, "startsOn": "2026-01-01"}
    given["policies"] = {"overlap": "allow", "leadHours": 48, **changes.pop("policies", {})}
    return store.templates.create(Template.model_validate({**given, **changes}), actor="ana")


def add_schedule(stack: LocalStack, schedule: dict[str, Any], template: str) -> str:
    """Give `recurring-campaign` one more schedule with parameters of its own, as its dialog in the UI does."""
    deployment = prefect(stack, "GET", "/deployments/name/recurring-campaign/recurring-campaign")["id"]
    schedules, slug = f"/deployments/{deployment}/schedules", uuid4().hex
    given = {"active": True, "schedule": schedule, "parameters": {"tenant_id": TENANT, "template": template}}

    def made() -> str | None:
        known = {each["slug"]: each["id"] for each in prefect(stack, "GET", schedules)}
        if slug not in known:  # a server that writes runs at the same moment may say to come again
            sent(stack, "POST", schedules, [{**given, "slug": slug}])
        return known.get(slug)

    return f"{schedules}/{eventually(made, bool)}"


def is_gone(stack: LocalStack, schedule: str) -> bool:
    """Delete a schedule, and with it the runs that have not begun."""
    return sent(stack, "DELETE", schedule) in {204, 404}


def sent(stack: LocalStack, method: str, path: str, body: Any = None) -> int:
    url = f"{stack.prefect_url}/api{path}"
    return httpx.request(method, url, json=body, auth=("campaigns", stack.password), timeout=30).status_code


def runs(stack: LocalStack, template: str) -> list[dict[str, Any]]:
    """Return the runs that schedules made for a template, in the order in which they are due."""
    body = {"flows": {"name": {"any_": ["recurring-campaign"]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 200}
    found = prefect(stack, "POST", "/flow_runs/filter", body)
    return [each for each in found if each["auto_scheduled"] and each["parameters"]["template"] == template]


def ended(stack: LocalStack, template: str) -> list[str]:
    return [each["state"]["name"] for each in runs(stack, template) if each["state"]["type"] in {"COMPLETED", "FAILED"}]


def occurrences(store: Store, template: Template) -> list[Occurrence]:
    found = store.occurrences.list(TENANT, template.id, limit=50).items
    return sorted(found, key=lambda each: each.scheduled_at)


def campaigns_of(store: Store, template: Template) -> list[str]:
    return [
        each.id
        for each in store.campaigns.list(TENANT, limit=100).items
        if each.occurrence and each.occurrence.template_id == template.id
    ]


def test_two_schedules_that_fire_every_few_seconds_make_one_campaign(stack: LocalStack, store: Store) -> None:
    template = save(store, "Every few seconds", "FREQ=DAILY")
    schedules = [add_schedule(stack, {"interval": seconds}, template.name) for seconds in (6, 9)]

    eventually(lambda: ended(stack, template.name), lambda found: len(found) >= 8, seconds=MANY_RUNS)
    for each in schedules:
        eventually(lambda each=each: is_gone(stack, each), bool)  # type: ignore[misc]  # mypy cannot infer it

    names = Counter(ended(stack, template.name))
    assert names["Started"] == 1
    assert set(names) == {"Started", "Exists"}
    (made,) = occurrences(store, template)
    assert (made.period, made.status) == (f"{local(datetime.now(UTC)):%Y-%m-%d}", STARTED)
    assert campaigns_of(store, template) == [made.campaign_id]


def test_after_three_missed_weeks_each_template_goes_on_by_its_own_policy(stack: LocalStack, store: Store) -> None:
    weekly = f"FREQ=WEEKLY;BYDAY={DAYS[local(datetime.now(UTC)).weekday()][:2].upper()}"
    later = {"anchor": "scheduled_time", "offset": "P28D", "length": "P7D"}
    latest = save(store, "Latest only", weekly)
    none = save(store, "None of them", weekly, policies={"catchUp": "skip"})
    every = save(store, "All of them", weekly, policies={"catchUp": "all"}, window=later)
    soon = local(datetime.now(UTC)) + timedelta(minutes=30)
    cron = {"cron": f"{soon.minute} {soon.hour} * * {soon:%w}", "timezone": zone_where_it_is_noon()}
    for template in (latest, latest, none, every):  # one of them has two schedules
        add_schedule(stack, cron, template.name)
    eventually(
        lambda: [len(runs(stack, each.name)) for each in (latest, none, every)], lambda found: found == [6, 3, 3]
    )

    server = stack.processes.pop("server")
    server.terminate()
    server.wait(30)
    weeks_pass(stack.home / "prefect" / "prefect.db")
    stack.start_server()

    # Those of the weeks to come are made anew meanwhile, and have not ended.
    eventually(
        lambda: [len(ended(stack, each.name)) for each in (latest, none, every)],
        lambda found: found == [6, 3, 3],
        seconds=MANY_RUNS,
    )
    assert told(store, latest) == [(SKIPPED, "OVERTAKEN"), (SKIPPED, "OVERTAKEN"), (STARTED, None)]
    assert told(store, none) == [(SKIPPED, "OVERTAKEN"), (SKIPPED, "OVERTAKEN"), (SKIPPED, "MISSED")]
    assert told(store, every) == [(STARTED, None)] * 3
    assert [len(campaigns_of(store, each)) for each in (latest, none, every)] == [1, 0, 3]
    assert Counter(ended(stack, latest.name)) == {"Skipped": 4, "Started": 1, "Exists": 1}


def told(store: Store, template: Template) -> list[tuple[OccurrenceStatus, str | None]]:
    return [(each.status, each.code) for each in occurrences(store, template)]


def weeks_pass(database: Path) -> None:
    """Let a server find its schedule as after a long downtime: what it has scheduled was due that much earlier."""
    with sqlite3.connect(database) as opened:
        waiting = opened.execute(
            "SELECT id, expected_start_time, next_scheduled_start_time FROM flow_run "
            "WHERE state_type = 'SCHEDULED' AND auto_scheduled"
        ).fetchall()
        assert waiting
        for run, *times in waiting:
            earlier = [f"{datetime.fromisoformat(each) - DOWN:%Y-%m-%d %H:%M:%S.%f}" for each in times]
            opened.execute(
                "UPDATE flow_run SET expected_start_time = ?, next_scheduled_start_time = ?, "
                "idempotency_key = idempotency_key || ' earlier' WHERE id = ?",
                (*earlier, run),
            )
            state, details = opened.execute(
                "SELECT id, state_details FROM flow_run_state WHERE flow_run_id = ? ORDER BY timestamp DESC", (run,)
            ).fetchone()
            kept = json.loads(details)
            kept["scheduled_time"] = (datetime.fromisoformat(kept["scheduled_time"]) - DOWN).isoformat()
            opened.execute("UPDATE flow_run_state SET state_details = ? WHERE id = ?", (json.dumps(kept), state))
    opened.close()
