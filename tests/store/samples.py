"""Values for the store's tests: small, valid and different on demand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.schemas.examples import TEMPLATE
from campaigns.approval import rounds as approvals
from campaigns.approval.rounds import Decided, LinkProof, OrderProof, Voice
from campaigns.model.approval import ApprovalRound, ApproverDecision, DecisionRequest, RoundApprover
from campaigns.model.base import derived_id, new_id
from campaigns.model.campaign import Campaign
from campaigns.model.library.brand import Brand, BrandAsset
from campaigns.model.library.persona import Persona, WritingExample
from campaigns.model.library.template import Occurrence, OccurrenceStatus, Template
from campaigns.model.post import Post, PostContent, round_digest
from campaigns.model.vocabulary import Decision, PostStatus
from campaigns.store import Store
from campaigns.store.items.post_items import replacing_posts
from campaigns.store.items.round_state import round_item
from campaigns.store.tables.table import Put

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
TENANT, OTHER = "fernwood", "rival"
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def a_campaign(tenant_id: str = TENANT, **changes: Any) -> Campaign:
    brief = json.loads((SAMPLES / "conference-talks.json").read_text())
    brief.pop("metadata", None)
    system = {"id": new_id("campaign"), "tenantId": tenant_id, "createdAt": NOW, "updatedAt": NOW}
    return Campaign.model_validate({**brief, **system}).model_copy(update=changes)


def a_persona(tenant_id: str = TENANT, **changes: Any) -> Persona:
    given = json.loads((SAMPLES / "personas.json").read_text())[0]
    given = {name: value for name, value in given.items() if name not in {"id", "tenantId"}}
    system = {"id": new_id("persona"), "tenantId": tenant_id, "createdAt": NOW, "updatedAt": NOW}
    return Persona.model_validate({**given, **system}).model_copy(update=changes)


def a_brand(tenant_id: str = TENANT, **changes: Any) -> Brand:
    given = json.loads((SAMPLES / "brand.json").read_text())
    given = {name: value for name, value in given.items() if name not in {"id", "tenantId"}}
    system = {"id": new_id("brand"), "tenantId": tenant_id, "createdAt": NOW, "updatedAt": NOW}
    return Brand.model_validate({**given, **system}).model_copy(update=changes)


def an_occurrence(tenant_id: str, template_id: str, period: str = "2027-W09", **changes: Any) -> Occurrence:
    return Occurrence(
        id=derived_id("occ", tenant_id, template_id, period),
        tenant_id=tenant_id,
        template_id=template_id,
        template_version=1,
        period=period,
        scheduled_at=NOW,
        status=OccurrenceStatus.STARTED,
        campaign_id=derived_id("campaign", tenant_id, template_id, period),
        started_by="tests",
        created_at=NOW,
        updated_at=NOW,
    ).model_copy(update=changes)


def a_template(tenant_id: str = TENANT, **changes: Any) -> Template:
    system = {"id": new_id("template"), "tenantId": tenant_id, "requestedBy": "ana", "createdAt": NOW, "updatedAt": NOW}
    return Template.model_validate({**TEMPLATE, **system}).model_copy(update=changes)


def an_asset(brand: Brand, **changes: Any) -> BrandAsset:
    asset_id = new_id("asset")
    return BrandAsset(
        id=asset_id,
        tenant_id=brand.tenant_id,
        brand_id=brand.id,
        name="Logo",
        type="logo",
        category="print",
        content_type="image/png",
        file_size=4,
        sha256="a" * 64,
        storage_key=f"{brand.tenant_id}/{brand.id}/{asset_id}",
        created_at=NOW,
        updated_at=NOW,
    ).model_copy(update=changes)


def an_example(persona: Persona, number: int = 1, **changes: Any) -> WritingExample:
    return WritingExample(
        id=new_id("example"),
        tenant_id=persona.tenant_id,
        persona_id=persona.id,
        platform="Blog",
        intent="educate",
        text=f"What I wrote, number {number}.",
        created_at=NOW + timedelta(minutes=number),
    ).model_copy(update=changes)


def a_post(campaign: Campaign, number: int = 1, **changes: Any) -> Post:
    return Post(
        id=derived_id("post", campaign.tenant_id, campaign.id, number),
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        number=number,
        persona_id=campaign.participants.persona_ids[0],
        platform=campaign.participants.platforms[0],
        scheduled_at=NOW + timedelta(days=7, hours=number),
        topic=f"Topic {number}",
        intent="announce",
        created_at=NOW,
        updated_at=NOW,
    ).model_copy(update=changes)


def written(post: Post, text: str = "Hello from Huila", revision: int = 1) -> Post:
    content = PostContent(text=text, generated_at=NOW)
    return post.model_copy(update={"content": content, "status": PostStatus.COMPLETED, "revision": revision})


def a_round(campaign: Campaign, n: int = 1, *, approvers: int = 1, **changes: Any) -> ApprovalRound:
    posts = [written(a_post(campaign))]
    return ApprovalRound(
        round_id=derived_id("round", campaign.id, n),
        callback_id=f"callback-{campaign.id[-22:]}-{n}",
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        n=n,
        digest=round_digest(posts),
        posts={post.id: post.content_hash() for post in posts},
        approvers=[
            RoundApprover(
                id=f"ap-{number}", name=f"Approver {number}", email=f"a{number}@example.com", jti=f"j{number}"
            )
            for number in range(1, approvers + 1)
        ],
        opened_at=NOW,
        expires_at=NOW + timedelta(hours=168),
    ).model_copy(update=changes)


def a_decision(
    round_: ApprovalRound, approver: str = "ap-1", decision: Decision = Decision.APPROVED, **changes: Any
) -> ApproverDecision:
    return ApproverDecision(
        tenant_id=round_.tenant_id,
        campaign_id=round_.campaign_id,
        callback_id=round_.callback_id,
        round=round_.n,
        approver_id=approver,
        decided_by="Ana",
        decision=decision,
        digest=round_.digest,
        channel="link",
        attempt_id=f"attempt-{approver}",
        at=NOW + timedelta(hours=1),
    ).model_copy(update=changes)


def decide(store: Store, decision: ApproverDecision) -> Decided:
    """Record a decision as its door would, with the proof that the round as stored asks for."""
    round_ = store.approvals.round(decision.tenant_id, decision.campaign_id, decision.round)
    asked = next((each for each in round_.approvers if each.id == decision.approver_id), None)
    proof: LinkProof | OrderProof = OrderProof(decision.digest, "as agreed by phone")
    if decision.channel == "link":
        proof = LinkProof(asked.jti if asked else "nobody's", round_.opened_at, round_.expires_at, decision.digest)
    request = DecisionRequest.model_construct(
        decision=decision.decision,
        comments=decision.comments,
        callback_id=decision.callback_id,
        posts=decision.posts,
        digest=decision.digest,
    )
    voice = Voice(decision.approver_id, decision.decided_by, decision.channel, proof)
    return approvals.decide(store, round_, voice, request, attempt_id=decision.attempt_id, now=decision.at)


def put_round(store: Store, round_: ApprovalRound) -> ApprovalRound:
    """Overwrite a round with what no act makes of it."""
    stored = round_.model_copy(update={"version": round_.version + 1})
    store.table.write(Put(round_item(stored)))
    return stored


def put_post(store: Store, post: Post) -> None:
    """Replace a post, as it was read, with what no act makes of it."""
    store.table.write(*replacing_posts([post]))


def hours(count: float) -> timedelta:
    return timedelta(hours=count)
