"""The posts of a campaign as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, Response

from api.auth.identity import Caller, needs
from api.dependencies import KnownParameters, Now, TheStore
from api.http.problems import documented
from api.schemas.wire import CampaignView, PostView, campaign_body, post_body
from campaigns.approval.outcomes import approved_posts
from campaigns.build.export import csv_of, ics_of
from campaigns.build.submission import personas_of
from campaigns.model.base import Instant, Wire
from campaigns.model.campaign import Campaign
from campaigns.model.persona import Persona
from campaigns.model.post import Post

router = APIRouter(
    prefix="/campaigns",
    tags=["campaigns"],
    responses=documented(400, 401, 403, 413, 422, 429, 500, 503),
    dependencies=[KnownParameters],
)

Reader = Annotated[Caller, Depends(needs("campaigns:read"))]


class ExportBody(Wire):
    """A campaign with its posts, as JSON."""

    exported_at: Instant
    campaign: CampaignView  # type: ignore[valid-type]  # made at run time
    posts: list[PostView]  # type: ignore[valid-type]  # made at run time


@router.get(
    "/{campaign_id}/export",
    summary="Its posts as a file",
    response_model=ExportBody,
    responses={
        **documented(404),
        200: {
            "description": "The file",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "text/calendar": {"schema": {"type": "string"}},
            },
        },
    },
)
def export_posts(
    campaign_id: str,
    caller: Reader,
    store: TheStore,
    now: Now,
    format_: Annotated[Literal["csv", "json", "ics"], Query(alias="format")] = "json",
    posts: Annotated[Literal["approved", "all"], Query(description="Those that go out, or all of them")] = "approved",
) -> Response:
    """Return the posts as a download: CSV for spreadsheets (no cell is a formula), iCalendar, or JSON."""
    campaign = store.campaigns.get(caller.tenant_id, campaign_id)
    found = store.posts.list(campaign.tenant_id, campaign.id)
    if posts == "approved":
        found = approved_posts(found)
    if format_ != "json":
        return posts_file(
            format_, campaign, found, personas_of(store, campaign.tenant_id, campaign.participants.persona_ids)
        )
    body = {
        "exportedAt": now.isoformat(),
        "campaign": campaign_body(campaign),
        "posts": [post_body(post) for post in found],
    }
    return JSONResponse(body, headers=_as_download(campaign, format_))


def posts_file(
    format_: Literal["csv", "ics"], campaign: Campaign, posts: Sequence[Post], personas: Mapping[str, Persona]
) -> Response:
    """Return posts as a download: a table or a calendar."""
    written = csv_of if format_ == "csv" else ics_of
    media_type = "text/csv" if format_ == "csv" else "text/calendar"
    return Response(written(campaign, posts, personas), media_type=media_type, headers=_as_download(campaign, format_))


def _as_download(campaign: Campaign, format_: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{campaign.id}.{format_}"'}
