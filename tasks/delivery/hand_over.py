"""Hands the approved posts of a campaign to its tenant's webhook, signed, until they are taken.

At least once: the id of a message is that of its outbox entry, the same at every try, so a receiver knows what it has.
"""

import json
from datetime import datetime
from typing import Final

import httpx

from campaigns.approval.outcomes import approved_posts
from campaigns.errors import CampaignError
from campaigns.settings import get_settings
from campaigns.store import OutboxEntry, Store

SECONDS: Final = 10.0
TYPE: Final = "campaign.completed"


class HandOverError(CampaignError):
    """The webhook of the tenant did not take the posts; the outbox tries again."""

    code = "HAND_OVER_FAILED"
    retryable = True

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the webhook of the tenant {self.reason}"


def hand_over(store: Store, entry: OutboxEntry, now: datetime) -> bool:
    """Send the approved posts; return whether they were taken, False where this process knows no webhook.

    Raises:
        HandOverError: they were not, or nobody knows.
    """
    hook = get_settings().webhook_of(entry.tenant_id)
    if hook is None:
        return False
    body = body_of(store, entry)
    headers = {"content-type": "application/json", **hook.headers(entry.id, int(now.timestamp()), body)}
    try:
        # No redirect is followed: the posts go where an operator said, and nowhere else.
        answer = httpx.post(hook.url, content=body, headers=headers, timeout=SECONDS, follow_redirects=False)
    except httpx.HTTPError as error:
        raise HandOverError(f"did not answer: {type(error).__name__}") from error
    if not answer.is_success:
        raise HandOverError(f"answered {answer.status_code}")
    return True


def body_of(store: Store, entry: OutboxEntry) -> bytes:
    """Return the message: the campaign in short, and each post that goes out as the API tells it."""
    campaign = store.campaigns.get(entry.tenant_id, entry.subject_id, deleted=True)
    posts = approved_posts(store.posts.list(entry.tenant_id, entry.subject_id))
    message = {
        "type": TYPE,
        "timestamp": (campaign.completed_at or campaign.updated_at).isoformat(),
        "data": {
            "tenantId": campaign.tenant_id,
            "campaignId": campaign.id,
            "name": campaign.name,
            "timezone": campaign.schedule.timezone,
            "posts": [
                {key: value for key, value in post.to_wire().items() if key != "tenantId"}
                | {"contentHash": post.content_hash()}
                for post in posts
            ],
        },
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
