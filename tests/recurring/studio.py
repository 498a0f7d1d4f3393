"""A store with a brand, a persona and templates, in which time is handed in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.schemas.examples import TEMPLATE
from campaigns.build.planning import plan
from campaigns.model.base import new_id
from campaigns.model.campaign import Campaign, Move
from campaigns.model.library.template import Occurrence, Template
from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.forecasts import accepted
from campaigns.operations.recurring import due_at, due_in, occur
from campaigns.rules.approval.identities import Requester
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from tests.store.samples import TENANT, a_persona

REQUESTER = Requester.given("rui@fernwood.example", "rui@fernwood.example")
BEGIN = datetime(2027, 1, 1, tzinfo=UTC)
SPRING = {
    "brief": "Every Monday we roast one lot from one farm and sell it until it is gone. Whoever picks it up hears who "
    "grew it. The drum holds sixty kilos. A bag costs nine euros. We write the roast date on each bag by hand."
}


class Series:
    """A template at work, and what became of its occurrences."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.store = Store(SQLiteTable(folder / "store.db"))
        self.persona = self.store.personas.create(a_persona())
        self.template = self.save(**changes)

    def given(self, **changes: Any) -> dict[str, Any]:
        """Return a template as a client sends it; `brief` changes fields of the brief."""
        brief = {**TEMPLATE["brief"], "participants": {"personaIds": [self.persona.id], "platforms": ["linkedin"]}}
        brief["brief"] = {**brief["brief"], "description": SPRING["brief"]}
        brief.update(changes.pop("brief", {}))
        return {**TEMPLATE, "brief": brief, **changes}

    def save(self, **changes: Any) -> Template:
        given, _ = accepted(self.store, self.given(**changes), tenant_id=TENANT, requester=REQUESTER, now=BEGIN)
        stamps = {"tenantId": TENANT, "requestedBy": "rui", "createdAt": BEGIN, "updatedAt": BEGIN}
        template = Template.model_validate({**given.to_wire(), **stamps, "id": new_id("template")})
        return self.store.templates.create(template, actor="rui")

    def at(self, scheduled: datetime, *, now: datetime | None = None, **how: Any) -> Occurrence:
        """Do what a run does that was scheduled for a moment, at a moment."""
        self.template = self.store.templates.get(TENANT, self.template.id)
        return occur(self.store, self.template, due_at(self.template, scheduled), now=now or scheduled, **how)

    def of(self, period: str, *, now: datetime, **how: Any) -> Occurrence:
        self.template = self.store.templates.get(TENANT, self.template.id)
        return occur(self.store, self.template, due_in(self.template, period), now=now, **how)

    def posts(self, occurrence: Occurrence, *, now: datetime) -> list[Post]:
        return plan(self.store, TENANT, occurrence.campaign_id, now=now)

    def end(self, occurrence: Occurrence, status: CampaignStatus, *, at: datetime) -> None:
        """Let the campaign of an occurrence end, on the way that the status machine has."""
        ways = {
            CampaignStatus.CANCELLED: [CampaignStatus.CANCELLED],
            CampaignStatus.FAILED: [CampaignStatus.FAILED],
            CampaignStatus.REJECTED: [S.GENERATING, S.AWAITING_REVIEW, S.REJECTED],
            CampaignStatus.COMPLETED: [S.GENERATING, S.AWAITING_REVIEW, S.APPROVED, S.COMPLETED],
        }
        for step in ways[status]:
            if self.store.campaigns.get(TENANT, occurrence.campaign_id).status is not step:
                self.store.campaigns.move(TENANT, occurrence.campaign_id, Move(step, "test", "test", at))

    def all(self) -> list[Occurrence]:
        found, cursor = [], None
        while True:
            page = self.store.occurrences.list(TENANT, self.template.id, limit=50, cursor=cursor)
            found += page.items
            if (cursor := page.cursor) is None:
                return found

    def campaigns(self) -> list[Campaign]:
        return self.store.campaigns.list(TENANT, limit=100).items


S = CampaignStatus
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
TUESDAY = datetime(2027, 3, 2, 9, tzinfo=UTC)
