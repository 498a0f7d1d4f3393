"""Runs of `recurring-campaign` on a Prefect server: the time a run was scheduled for names its period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.flow_engine import run_flow
from prefect.states import Pending, Scheduled

from campaigns.build.planning import fail
from campaigns.model.base import derived_id
from campaigns.model.library.template import Template
from tests.flows.conftest import TENANT, Studio, sample


@pytest.fixture
def template(studio: Studio) -> Template:
    now = datetime.now(UTC)
    stamps = {"tenantId": TENANT, "requestedBy": "ana", "createdAt": now, "updatedAt": now}
    given = {**sample("templates.json")[0], "id": derived_id("template", 1), **stamps}
    given["recurrence"] = {"rrule": "FREQ=DAILY", "at": "00:00", "startsOn": "2026-01-01"}
    given["policies"] = {"maxLatenessHours": 200, "overlap": "allow"}
    return studio.store.templates.create(Template.model_validate(given), actor="ana")


def test_a_run_makes_up_for_the_period_before_where_the_template_wants_that(studio: Studio, template: Template) -> None:
    policies = template.policies.model_copy(update={"generation_failed": "retry_next_slot"})
    studio.store.templates.update(
        template.model_copy(update={"policies": policies}), expect_version=1, action="changed", actor="ana"
    )
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    before = f"{today - timedelta(days=1):%Y-%m-%d}"
    ran(None, template=template.id, for_period=before)
    failed = studio.store.occurrences.find(TENANT, template.id, before)
    assert failed is not None
    campaign = studio.store.campaigns.get(TENANT, failed.campaign_id)
    fail(studio.store, campaign, code="OVERLOADED", message="the model is away", retryable=True, now=today)

    ended, _ = ran(None, today, template=template.id)

    again = studio.store.occurrences.find(TENANT, template.id, before, 2)
    assert again is not None
    assert f"; {before} had failed. {before}, number 2: the campaign {again.campaign_id}" in str(ended.message)


def ran(run: Any, scheduled: datetime | None = None, **parameters: Any) -> tuple[State[Any], FlowRun]:
    """Execute a run as a worker would; return how it ended, and the run. None: make one, scheduled for a moment."""
    from flows.recurring_campaign import recurring_campaign

    with get_client(sync_client=True) as client:
        if run is None:
            deployment = recurring_campaign.to_deployment(name="test").apply()
            given = {"tenant_id": TENANT, **parameters}
            state = Scheduled(scheduled_time=scheduled) if scheduled else None
            run = client.create_flow_run_from_deployment(deployment, parameters=given, state=state)
        client.set_flow_run_state(run.id, Pending(), force=True)
        run = client.read_flow_run(run.id)
    return run_flow(recurring_campaign, flow_run=run, parameters=run.parameters, return_type="state"), run


def test_the_scheduled_time_names_the_period_whenever_the_run_begins_and_whoever_starts_another(
    studio: Studio, template: Template
) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)

    late, _ = ran(None, yesterday, template="weekly ROAST")
    period = f"{yesterday:%Y-%m-%d}"
    assert late.message is not None
    assert late.message.startswith(f"{period}: ")  # the day it was scheduled for, not today
    by_id, _ = ran(None, yesterday, template=template.id)
    by_hand, run = ran(None, template=template.id, for_period=period, requested_by="Rui")

    found = studio.store.occurrences.find(TENANT, template.id, period)
    assert found is not None
    assert (late.name, by_id.name, by_hand.name) == ("Skipped", "Skipped", "Started")  # a later one was due
    assert found.started_by == "Rui"
    again, _ = ran(run)  # Retry in the UI
    assert again.name == "Exists"
    campaign = studio.store.campaigns.get(TENANT, found.campaign_id)
    assert campaign.name == f"Weekly roast · {period}"
    assert campaign.execution_id is not None
    assert studio.run(UUID(campaign.execution_id)).name  # its run exists


def test_what_cannot_be_made_fails_with_the_reason(studio: Studio, template: Template) -> None:
    unknown, _ = ran(None, template="Nobody's")
    assert unknown.is_failed()
    assert "no template" in str(unknown.message)
    persona = studio.store.personas.get(TENANT, sample("templates.json")[0]["brief"]["participants"]["personaIds"][0])
    away = persona.model_copy(update={"is_active": False})
    studio.store.personas.update(away, expect_version=persona.version)

    refused, _ = ran(None, template=template.id)

    assert (refused.name, refused.is_failed()) == ("Refused", True)
    assert "is not active" in str(refused.message)
