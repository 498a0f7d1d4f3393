"""The short form: names instead of ids, in step with the table, and a worker that acts for one tenant only."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError

from campaigns.build.by_name import by_name
from campaigns.errors import BadBriefError
from campaigns.model.base import derived_id
from campaigns.settings import get_settings
from flows.build_campaign import build_campaign
from tasks.engine.server.runs import start_run
from tasks.forms.short_form import brief_of_short
from tasks.upkeep.choices import FULL, keep_choices
from tests.flows.conftest import TENANT, Studio, one_week

SHORT: dict[str, Any] = {
    "name": "First bags",
    "about": "The first bags from Huila arrive in the second week, from 38 families. They know who grew it.",
    "objective": "conversion",
    "brand": "Fernwood Coffee Roasters",
    "personas": ["Ines Carvalho"],
    "platforms": ["linkedin"],
    "timezone": "Europe/Lisbon",
    "approver": "Ana",
    "approverEmail": "ana@fernwood.example",
}


def started(parameters: dict[str, Any], name: str = "build-campaign/start-campaign") -> UUID:
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(name)
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters).id


def schema(name: str) -> dict[str, Any]:
    with get_client(sync_client=True) as client:
        return dict(client.read_deployment_by_name(name).parameter_openapi_schema)


def test_a_form_allows_what_its_deployment_is_filled_in_with(studio: Studio) -> None:
    given = {"tenant_id": "another", "campaign": {"brand": "A brand that is not stored yet", "personas": ["Nobody"]}}
    build_campaign.to_deployment(name="sample-campaign", parameters=given).apply()

    keep_choices(studio.store, [TENANT])

    form = schema("build-campaign/sample-campaign")["properties"]
    assert form["tenant_id"]["enum"] == sorted([TENANT, "another"])
    assert "A brand that is not stored yet" in form["campaign"]["properties"]["brand"]["enum"]


def test_the_short_form_is_in_step_with_the_table_and_starts_a_campaign(studio: Studio) -> None:
    build_campaign.to_deployment(name="start-campaign").apply()
    build_campaign.to_deployment(name="build-campaign").apply()

    changed = keep_choices(studio.store, [TENANT])

    assert {"build-campaign/start-campaign", "build-campaign/build-campaign"} <= set(changed)
    assert keep_choices(studio.store, [TENANT]) == []
    form = schema("build-campaign/start-campaign")["properties"]
    assert form["tenant_id"]["enum"] == [TENANT]
    assert {name: field["title"] for name, field in form.items()} == {
        "tenant_id": "Tenant", "campaign": "Campaign", "requested_by": "Requested by",
    }  # fmt: skip
    fields = form["campaign"]["properties"]
    assert len(fields) <= 12
    assert all(field["title"] for field in fields.values())
    assert fields["brand"]["enum"] == ["", "Fernwood Coffee Roasters"]
    assert fields["brand"]["default"] == "Fernwood Coffee Roasters"  # the only one
    assert "default" not in fields["personas"]
    assert fields["personas"]["items"]["enum"] == ["Ines Carvalho", "Tomás Okafor"]
    persona = next(each for each in studio.store.personas.list(TENANT).items if each.name == "Ines Carvalho")
    renamed = persona.model_copy(update={"name": "Ines Pinto"})
    studio.store.personas.update(renamed, expect_version=persona.version)
    assert "build-campaign/start-campaign" in keep_choices(studio.store, [TENANT])
    with pytest.raises(PrefectHTTPStatusError):  # Prefect itself refuses the name of before
        started({"tenant_id": TENANT, "campaign": SHORT})

    run_id = started({"tenant_id": TENANT, "campaign": {**SHORT, "personas": ["Ines Pinto"]}})
    assert studio.attempt(run_id).name == "Suspended"

    campaign = studio.store.campaigns.get(TENANT, derived_id("campaign", run_id))
    assert campaign.participants.persona_ids == [persona.id]
    assert campaign.brand_id is not None
    assert campaign.brief.cta_waived
    assert [approver.name for approver in campaign.approval.approvers] == ["Ana"]
    run = studio.run(run_id)
    assert run.name == f"First bags · {TENANT}"
    assert {f"tenant:{TENANT}", f"campaign:{campaign.id}", f"correlation:{run_id}"} <= set(run.tags)


def test_the_full_form_takes_names_and_the_ids_of_a_brief_for_the_api(studio: Studio) -> None:
    build_campaign.to_deployment(name="build-campaign").apply()
    keep_choices(studio.store, [TENANT])
    fields = schema(FULL)["properties"]["campaign"]["properties"]
    brief = one_week()
    named = {**brief, "brandId": "Fernwood Coffee Roasters"}
    named["participants"] = {**brief["participants"], "personaIds": ["Ines Carvalho"]}

    assert fields["brandId"]["enum"] == ["Fernwood Coffee Roasters", brief["brandId"]]
    offered = fields["participants"]["properties"]["personaIds"]["items"]["enum"]
    assert offered[:2] == ["Ines Carvalho", "Tomás Okafor"]
    assert set(brief["participants"]["personaIds"]) <= set(offered[2:])
    for each in (brief, named):
        assert started({"tenant_id": TENANT, "campaign": each}, FULL)
    with pytest.raises(PrefectHTTPStatusError):
        started({"tenant_id": TENANT, "campaign": {**brief, "brandId": "Nobody"}}, FULL)


def test_the_api_starts_campaigns_of_tenants_that_no_form_offers(studio: Studio) -> None:
    build_campaign.to_deployment(name="build-campaign").apply()
    keep_choices(studio.store, [TENANT])
    assert schema(FULL)["properties"]["tenant_id"]["default"] == TENANT

    run_id = start_run(FULL, tenant_id="acme", campaign_id=derived_id("campaign", "acme"), tags=[])

    assert studio.run(run_id).parameters["tenant_id"] == "acme"


def test_a_worker_of_one_tenant_takes_no_other(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    build_campaign.to_deployment(name="start-campaign").apply()
    monkeypatch.setenv("CAMPAIGNS_TENANT", "acme")
    get_settings.cache_clear()
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("build-campaign/start-campaign")
        client.request(
            "PATCH", "/deployments/{id}", path_params={"id": deployment.id}, json={"enforce_parameter_schema": False}
        )

    ended = studio.attempt(started({"tenant_id": TENANT, "campaign": SHORT}))

    assert ended.is_failed()
    assert "acts for no other tenant" in str(ended.message)
    assert studio.store.campaigns.list(TENANT).items == []


def test_names_that_are_unknown_or_stand_for_two_are_told(studio: Studio) -> None:
    assert by_name(studio.store, TENANT, {"brandId": "fernwood coffee  ROASTERS"})["brandId"].startswith("brand_")
    brief = brief_of_short({**SHORT, "brand": "Nobody", "personas": ["Ines Carvalho", "X"]}, date(2027, 3, 3))

    assert (brief["schedule"]["startDate"], brief["schedule"]["endDate"]) == ("2027-03-15", "2027-03-28")
    with pytest.raises(BadBriefError) as caught:
        by_name(studio.store, TENANT, brief)
    assert {fault.field: fault.code for fault in caught.value.faults} == {
        "brandId": "BRAND_UNKNOWN",
        "participants.personaIds[1]": "PERSONA_UNKNOWN",
    }
    with pytest.raises(BadBriefError) as caught:
        brief_of_short({"about": "short"}, date(2027, 3, 3))
    assert {fault.field for fault in caught.value.faults} == {"name", "about", "objective", "personas"}
