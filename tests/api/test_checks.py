"""POST /checks: any text against platform, brand and facts, or a campaign; nothing is stored."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from api.routers.checks import EXAMPLE
from deployments.commands.check import main
from tests.api.doors import Tenant


def asked(tenant: Tenant, **changes: Any) -> Any:
    answer = tenant.client.post("/checks", json=EXAMPLE | changes)
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["details"]["errors"])


def codes(found: Any) -> list[str]:
    return [check["code"] for check in found["checks"]]


def test_a_text_is_held_against_the_facts(tenant: Tenant) -> None:
    found = asked(tenant)

    assert codes(found) == ["HEALTH", "CLAIM"]
    assert found["score"] == 0.2
    start, end = found["checks"][0]["span"]
    assert EXAMPLE["text"][start:end] == "cures headaches"
    assert found["checks"][0]["severity"] == "block"
    assert asked(tenant, text="38 families grew it.") == {"score": 1.0, "checks": []}


def test_facts_bring_their_language(tenant: Tenant) -> None:
    brief = "La cosecha de primavera viene de 38 familias de Huila. El tostador está abierto cada sábado."

    assert codes(asked(tenant, text="Nueve de cada diez vecinos vuelven.", brief=brief)) == ["UNSOURCED_NUMBER"]


def test_without_facts_every_figure_is_out_of_nowhere(tenant: Tenant) -> None:
    assert codes(asked(tenant, text="38 families grew it.", brief=None)) == ["UNSOURCED_NUMBER"]


def test_what_stands_beside_the_text_is_checked_too(tenant: Tenant) -> None:
    found = asked(tenant, text="Good coffee.", altText="image.jpg", mentions=["stranger"], link="https://evil.example")

    assert set(codes(found)) == {"ALT_TEXT", "UNKNOWN_MENTION", "LINK_DEAD_DOMAIN"}


def test_a_brand_brings_its_rules(tenant: Tenant) -> None:
    found = asked(tenant, text="A game changer, better than Starbucks.", brandId=tenant.brand_id)

    assert codes(found) == ["AVOID_PHRASE", "COMPETITOR"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"platform": "myspace"}, "platform"),
        ({"text": ""}, "text"),
        ({"personaId": "persona_01JZ0K7A3M5T9Y1C4GQVSB8WEX"}, ""),
        ({"campaignId": "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX"}, ""),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_its_field(tenant: Tenant, changes: Any, field: str) -> None:
    status, errors = asked(tenant, **changes)

    assert status == 422
    assert field in errors[0]["field"]


def test_what_the_tenant_does_not_have_is_not_found(tenant: Tenant) -> None:
    nobody = {"brief": None, "campaignId": "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX"}

    assert tenant.client.post("/checks", json=EXAMPLE | nobody).status_code == 404
    stranger = {"brandId": "brand_01JZ0K7A3M5T9Y1C4GQVSB8WEX"}
    assert tenant.client.post("/checks", json=EXAMPLE | stranger).status_code == 404


def test_the_command_says_the_same(tmp_path: Path) -> None:
    text, brief, out = tmp_path / "post.txt", tmp_path / "brief.txt", io.StringIO()
    text.write_text(str(EXAMPLE["text"]))
    brief.write_text(str(EXAMPLE["brief"]))

    ended = main(["--platform", "linkedin", "--brief", str(brief), str(text)], out=out)

    assert ended == 1
    assert "block HEALTH at 25-40" in out.getvalue()
    assert out.getvalue().splitlines()[-1] == "score 0.20"
