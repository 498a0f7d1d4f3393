"""A campaign that waits for its approver: a real store, real links, the real application, a clock of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic.alias_generators import to_camel

from api import dependencies
from api.auth.approval_limits import ApprovalLimits
from api.courier import Courier
from campaigns import wiring
from campaigns.approval.editing import edit_text
from campaigns.approval.opening import open_round
from campaigns.approval.outcomes import start_revision
from campaigns.approval.rounds import decide
from campaigns.errors import NotFoundError
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.keys.links import ApprovalLink, LinkSigner
from campaigns.model.approval import ApprovalRound, DecisionRequest
from campaigns.model.base import derived_id
from campaigns.model.campaign import Campaign, Move
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.post import (
    AssetRequirements,
    Check,
    CommentAnswer,
    ModelUsage,
    Post,
    PostContent,
    Quality,
    Reference,
)
from campaigns.model.terms.approval_terms import Approval, Approver
from campaigns.model.vocabulary import CampaignStatus, PostStatus, RoundStatus
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Table
from tests.approvals.voices import by_link
from tests.couriers import delivered_in_no_hurry
from tests.samples import sample

TENANT = "fernwood"
NOW = datetime(2027, 3, 8, 10, 30, tzinfo=UTC)
ANA = Approver(name="Ana Ribeiro", email="ana@example.com", locale="en", timezone="Europe/Lisbon")
BEN = Approver(name="Ben Sato", email="ben@example.com", locale="en", timezone="America/New_York")
CLA = Approver(name="Clara Weiß", email="clara@example.com", locale="de", timezone="Europe/Berlin")
TWO = [ANA.to_wire(), BEN.to_wire()]

LINK = "https://fernwood.example/harvest"

TEXTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "harvest.json").read_text())


def a_campaign(**changes: Any) -> Campaign:
    brief = sample("spring-harvest.json")
    brief.pop("metadata", None)
    approval = changes.pop("approval", {})
    brief["approval"] = {"approvers": [ANA.to_wire()], "expiresInHours": 96, **approval}
    system = {
        "id": derived_id("campaign", *changes.pop("seed", ("spring",))),
        "tenantId": TENANT,
        "createdAt": NOW - timedelta(hours=1),
        "updatedAt": NOW,
        "requestedBy": "marta@fernwood.example",
        "status": CampaignStatus.PLANNING,
        "planVersion": "1" * 64,
    }
    return Campaign.model_validate({**brief, **system}).model_copy(update=changes)


def some_posts(campaign: Campaign, count: int = 12) -> list[Post]:
    """Posts as the writer leaves them: good ones, one to look at, and one that nobody can approve."""
    posts = []
    for number in range(1, count + 1):
        words = TEXTS[(number - 1) % len(TEXTS)]
        platform, text = words["platform"], words["text"]
        if number > len(TEXTS):
            text = f"{text} ({number})"
        posts.append(
            Post(
                id=derived_id("post", campaign.tenant_id, campaign.id, number),
                tenant_id=campaign.tenant_id,
                campaign_id=campaign.id,
                number=number,
                persona_id=words["personaId"],
                platform=platform,
                scheduled_at=_slot(number),
                topic=text.split(".")[0][:200],
                intent="announce",
                pillar=["Where it grows", "How we roast", "Brewing at home"][number % 3],
                references=[Reference(type="url", value=LINK)] if number == 1 else [],
                asset_requirements=_asset(platform),
                content=PostContent(
                    text=text,
                    hashtags=words["hashtags"],
                    link=LINK if platform == "instagram" else None,
                    alt_text="Green coffee drying on raised beds in the morning light."
                    if platform == "instagram"
                    else None,
                    generated_at=NOW - timedelta(minutes=20),
                ),
                status=PostStatus.COMPLETED,
                quality=_quality(text),
                usage=ModelUsage(model="a hosted model", calls=1),
                created_at=NOW - timedelta(hours=1),
                updated_at=NOW - timedelta(minutes=20),
            )
        )
    return posts


def _slot(number: int) -> datetime:
    """Mornings and evenings of working days, two posts on some of them."""
    day = number - 1 - (number - 1) // 5
    week, weekday = divmod(day, 5)
    at = datetime(2027, 3, 15, 17 if number % 5 == 1 and number > 1 else 9, (number * 20) % 60, tzinfo=UTC)
    return at + timedelta(days=7 * week + weekday)


def _asset(platform: str) -> AssetRequirements:
    if platform != "instagram":
        return AssetRequirements()
    return AssetRequirements(
        image_required=True, image_description="Hands turning green coffee on a raised drying bed, low sun."
    )


def _quality(text: str) -> Quality:
    checks = []
    for said, code, severity, message in [
        ("Guaranteed", "GUARANTEE", "block", "“Guaranteed” promises a result; the brand gives no guarantees."),
        (
            "the best coffee",
            "AVOID_PHRASE",
            "warn",
            "“the best coffee” is a superlative; the brand says no superlatives.",
        ),
        ("28 percent", "UNSOURCED_NUMBER", "warn", "“28 percent” stands neither in the brief nor in the references."),
    ]:
        if (at := text.find(said)) >= 0:
            checks.append(Check(code=code, severity=severity, message=message, span=(at, at + len(said))))
    blocked = any(check.severity == "block" for check in checks)
    return Quality(score=0.5 if blocked else 0.92, checks=checks)


class Clock:
    """Time stands still until a test moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


def _wired(terms: dict[str, Any]) -> dict[str, Any]:
    return {to_camel(name): value for name, value in terms.items()}


@dataclass
class Scene:
    """One campaign, up to its approval round, and the door that its approvers come through."""

    store: Store
    signer: LinkSigner
    home: Path
    clock: Clock = field(default_factory=Clock)
    campaign: Campaign = field(default_factory=a_campaign)
    base_url: str = "http://testserver"
    _app: FastAPI | None = None

    def another(self, seed: str) -> Scene:
        """A scene beside this one: same store, door and clock, another campaign."""
        return replace(self, campaign=a_campaign(seed=(seed,)))

    def stand_up(self, *, posts: int | Sequence[Post] = 12, **approval: Any) -> Scene:
        """Store brand, personas, campaign and posts, and open round 1."""
        self.prepare(posts=posts, **approval).ask(1)
        return self

    def prepare(self, *, posts: int | Sequence[Post] = 12, **approval: Any) -> Scene:
        """Store brand, personas, campaign and posts; nobody is asked yet."""
        if approval:
            known = {} if "stages" in approval else self.campaign.approval.to_wire()
            terms = Approval.model_validate({**known, **_wired(approval)})
            self.campaign = self.campaign.model_copy(update={"approval": terms})
        stamps = {"tenantId": TENANT, "createdAt": NOW, "updatedAt": NOW}
        brand = Brand.model_validate({**sample("brand.json"), **stamps})
        try:
            self.store.brands.get(TENANT, brand.id)
        except NotFoundError:
            self.store.brands.create(brand)
            for each in sample("personas.json"):
                self.store.personas.create(Persona.model_validate({**each, **stamps}))
        self.store.campaigns.create(self.campaign, actor="marta", at=NOW)
        self.store.posts.put_planned(some_posts(self.campaign, posts) if isinstance(posts, int) else posts)
        self.move(CampaignStatus.GENERATING)
        for post in self.posts():
            self.store.posts.save_revision(post)
        return self

    def move(self, to: CampaignStatus) -> None:
        self.store.campaigns.move(TENANT, self.campaign.id, Move(to, "test", "scene", self.clock.now, idempotent=True))

    def ask(self, n: int) -> ApprovalRound:
        return open_round(self.store, TENANT, self.campaign.id, n, default_approver=ANA, now=self.clock.now)

    def posts(self) -> list[Post]:
        return self.store.posts.list(TENANT, self.campaign.id)

    def round(self, n: int | None = None) -> ApprovalRound:
        current = self.store.approvals.current_round(TENANT, self.campaign.id)
        assert current is not None
        return current if n is None else self.store.approvals.round(TENANT, self.campaign.id, n)

    def link(self, approver: int = 1, n: int | None = None) -> ApprovalLink:
        round_ = self.round(n)
        return self.signer.sign(round_, round_.approvers[approver - 1], now=self.clock.now)

    def url(self, approver: int = 1, n: int | None = None) -> str:
        return self.link(approver, n).url(self.base_url)

    def decide(self, approver: int = 1, **request: Any) -> None:
        """Decide as an approver would, without the page."""
        round_ = self.round()
        asked = round_.approvers[approver - 1]
        wanted = DecisionRequest.model_validate({"callbackId": round_.callback_id, "decision": "approved", **request})
        decide(
            self.store, round_, by_link(round_, approver, code=True), wanted,
            attempt_id=f"attempt-{asked.id}-{round_.version}", now=self.clock.now,
        )  # fmt: skip

    def rewrite(self, post: Post, text: str, answer: str = "", comment: str = "") -> Post:
        """Store other words for a post, as a revision would."""
        assert post.content is not None
        changed = post.model_copy(
            update={
                "content": post.content.model_copy(update={"text": text}),
                "revision": post.revision + 1,
                "quality": _quality(text),
                "comment_answers": [CommentAnswer(comment=comment, answer=answer)] if answer else [],
                "updated_at": self.clock.now,
            }
        )
        return self.store.posts.save_revision(changed)

    def edit(self, number: int, text: str) -> Post:
        """Give a post under review another text, as an operator does."""
        campaign = self.store.campaigns.get(TENANT, self.campaign.id)
        return edit_text(self.store, campaign, number, text, actor="marta", reason="a typo", now=self.clock.now)

    def next_round(self, texts: dict[int, tuple[str, str]]) -> ApprovalRound:
        """Rewrite what the last round asked for (number: text and answer), and ask again."""
        n = self.round().n
        asked = start_revision(self.store, TENANT, self.campaign.id, n, now=self.clock.now)
        for post in asked:
            text, answer = texts[post.number]
            self.rewrite(post, text, answer, post.review.comment or "")
        return self.ask(n + 1)

    def app(self) -> FastAPI:
        """The application on this scene's store and clock, made once."""
        if self._app is None:
            self._app = self._made_app()
        return self._app

    def _made_app(self) -> FastAPI:
        from api.app import create_app

        app = create_app()
        app.state.store = self.store
        app.state.links = self.signer
        app.state.courier = Courier(self.store, patience_seconds=0, clock=self.clock)
        app.state.approval_limits = ApprovalLimits(uses_per_minute=100_000, wrong_per_minute=100_000)

        async def now() -> datetime:
            return self.clock.now

        app.dependency_overrides[dependencies.clock] = now
        return app

    def browser(self, **headers: str) -> TestClient:
        client = TestClient(self.app(), base_url=self.base_url, headers={"Origin": self.base_url, **headers})
        # What the courier does in no hurry is done before the test looks.
        client.event_hooks = {"response": [lambda _: delivered_in_no_hurry(self.app().state.courier)]}
        return client

    def code_of_list(self, approver: int = 1) -> str:
        """Return the code that was sent last for the list of an approver of this round."""
        round_ = self.round()
        asked = round_.approvers[approver - 1]
        code = self.store.codes.get(round_, asked.id)
        assert code is not None
        return self.signer.one_time_code(asked, code.issued_at)

    def audit(self) -> list[str]:
        return [entry.action for entry in self.store.audit.entries(TENANT, self.campaign.id)]


@contextmanager
def a_scene(home: Path, *, table: Table | None = None, base_url: str = "http://testserver") -> Iterator[Scene]:
    """A scene in a folder, with settings of its own for as long as it lasts."""
    ring = new_ring()
    env = {
        "CAMPAIGNS_HOME": str(home),
        "CAMPAIGNS_API_BASE_URL": base_url,
        "CAMPAIGNS_ALLOWED_HOSTS": urlsplit(base_url).hostname or "",
        "CAMPAIGNS_APPROVAL_KEYS": ring,
        "CAMPAIGNS_API_KEYS": new_ring(),
        "CAMPAIGNS_CHECKPOINT_KEYS": new_ring(),
    }
    with patch.dict(os.environ, env):
        _forget()
        try:
            yield Scene(
                Store(table or SQLiteTable(home / "store.db")), LinkSigner(KeyRing.parse(ring)), home, base_url=base_url
            )
        finally:
            _forget()


def _forget() -> None:
    get_settings.cache_clear()
    wiring.get_store.cache_clear()
    wiring.get_link_signer.cache_clear()


def untouched(scene: Scene) -> bool:
    """Whether nothing but `opened` entries came of it."""
    changed = {"opened", "created", "round_opened", "written_to_a_file"}
    return (
        scene.round().status is RoundStatus.PENDING
        and not scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
        and {entry.action for entry in scene.store.audit.entries(TENANT, scene.campaign.id) if not entry.to_status}
        <= changed
    )
