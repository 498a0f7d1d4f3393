"""Posts, policies and rounds that the tests of the rules start from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.model.approval import ApprovalRound, ApproverDecision, PostDecision
from campaigns.model.base import derived_id
from campaigns.model.brief import CallToAction
from campaigns.model.post import Check, Post, PostContent, Quality, Slot
from campaigns.model.vocabulary import Decision
from campaigns.rules.guardrails import check_post
from campaigns.rules.guardrails.content_policy import ContentPolicy
from tests.strategies import CREATED, PERSONA_IDS, TENANT

GOES_OUT = datetime(2027, 3, 16, 8, 5, tzinfo=UTC)
OPENED = datetime(2027, 3, 1, 9, tzinfo=UTC)
CAMPAIGN = derived_id("campaign", 1)
CALLBACK = "c" * 22
DIGEST = "d" * 64

BRIEF = (
    "The first bags from the Huila cooperative arrive in the second week. We paid the 38 families in October, "
    "before the harvest. Order one of the 900 bags of 100 % arabica while they last. It takes 12 percent less water."
)
GOOD = (
    "The first bags from Huila are here. Thirty-eight families grew this coffee, and we paid them before the harvest."
)


def a_post(number: int = 1, **changes: Any) -> Post:
    fields: dict[str, Any] = {
        "id": derived_id("post", number),
        "tenant_id": TENANT,
        "campaign_id": CAMPAIGN,
        "number": number,
        "persona_id": PERSONA_IDS[0],
        "platform": "linkedin",
        "scheduled_at": GOES_OUT + timedelta(days=number - 1),
        "topic": "The first bags",
        "intent": "announce",
        "created_at": CREATED,
        "updated_at": CREATED,
    }
    return Post.model_validate(fields | changes)


def words(text: str = GOOD, **more: Any) -> PostContent:
    return PostContent.model_validate({"text": text, "generated_at": OPENED} | more)


def a_policy(**changes: Any) -> ContentPolicy:
    fields: dict[str, Any] = {
        "platform": "linkedin",
        "link_policy": "allowed",
        "emoji_policy": "allowed",
        "hashtag_policy": "allowed",
        "sources": [BRIEF],
        "cta": CallToAction(type="shop", text="Order the first bags", url="https://fernwood.example/harvest"),
        "competitors": ["Starbucks"],
        "known_handles": ["fernwood"],
        "allowed_hosts": ["fernwood.example"],
        "language": "en",
        "timezone": "Europe/Lisbon",
    }
    return ContentPolicy.model_validate(fields | changes)


def checked(
    text: str = GOOD,
    *,
    content: dict[str, Any] | None = None,
    post: dict[str, Any] | None = None,
    siblings: list[str] | None = None,
    **policy: Any,
) -> Quality:
    """Check a text as one post of the sample campaign; `policy` are changes of the policy."""
    rules = a_policy(**policy)
    slot = {
        "number": 1,
        "persona_id": PERSONA_IDS[0],
        "platform": rules.platform,
        "scheduled_at": GOES_OUT,
        "intent": "announce",
        "visual": "image" if rules.platform == "instagram" else "none",
    }
    return check_post(
        words(text, **(content or {})),
        post=Slot.model_validate(slot | (post or {})),
        policy=rules,
        siblings=siblings or [],
    )


def findings(quality: Quality) -> list[str]:
    return [f"{check.severity} {check.code}" for check in quality.checks]


def marked(quality: Quality, text: str, code: str) -> list[str]:
    """The parts of the text that checks of this code mark."""
    return [text[check.span[0] : check.span[1]] for check in quality.checks if check.code == code and check.span]


def of_quality(*codes: str) -> Quality:
    return Quality(score=0.5, checks=[Check(code=code, severity="block", message="no") for code in codes])


def a_round(number_of_posts: int = 3, **changes: Any) -> ApprovalRound:
    shown = [a_post(number, content=words(f"{GOOD} {number}")) for number in range(1, number_of_posts + 1)]
    approvers = changes.pop("approvers", 1)
    fields: dict[str, Any] = {
        "round_id": derived_id("round", 1),
        "callback_id": CALLBACK,
        "tenant_id": TENANT,
        "campaign_id": CAMPAIGN,
        "n": 1,
        "digest": DIGEST,
        "posts": {post.id: post.content_hash() for post in shown},
        "approvers": [
            {"id": f"ap-{number}", "name": f"A{number}", "email": f"a{number}@example.com", "jti": f"j{number}"}
            for number in range(1, approvers + 1)
        ],
        "opened_at": OPENED,
        "expires_at": OPENED + timedelta(days=7),
    }
    return ApprovalRound.model_validate(fields | changes)


def said(
    decision: Decision | str,
    posts: dict[int, str] | None = None,
    *,
    by: int = 1,
    minute: int = 0,
    **changes: Any,
) -> ApproverDecision:
    """What approver number `by` decides; `posts` are the verdicts of the posts that are named, by number."""
    fields: dict[str, Any] = {
        "tenant_id": TENANT,
        "campaign_id": CAMPAIGN,
        "callback_id": CALLBACK,
        "round": 1,
        "approver_id": f"ap-{by}",
        "decided_by": f"A{by}",
        "decision": decision,
        "comments": "because",
        "posts": {
            derived_id("post", number): PostDecision.model_validate({"decision": verdict})
            for number, verdict in (posts or {}).items()
        },
        "digest": DIGEST,
        "channel": "link",
        "attempt_id": f"attempt-{by}",
        "at": OPENED + timedelta(minutes=minute),
    }
    return ApproverDecision.model_validate(fields | changes)
