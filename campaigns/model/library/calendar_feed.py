"""A calendar feed: an address at which calendar programs read the approved posts of a tenant, until it is revoked."""

from typing import Annotated

from pydantic import Field, StringConstraints

from campaigns.model.base import FeedId, Instant, Maybe, TenantId, Text100, Wire

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class FeedInput(Wire):
    """What a feed is for."""

    name: Text100 = Field(description="Who reads it, or where; the calendar has this name")


class CalendarFeed(FeedInput):
    """A feed as it is kept. Of its token only the SHA-256: whoever reads the table cannot read the feed."""

    id: FeedId
    tenant_id: TenantId
    token_digest: Digest
    created_by: str
    created_at: Instant
    revoked_by: Maybe[str] = None
    revoked_at: Maybe[Instant] = None
