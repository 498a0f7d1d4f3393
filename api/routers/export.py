"""The posts of a campaign as a file."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from api.auth.identity import Caller, needs
from api.dependencies import Now, TheStore, resource
from api.http.problems import documented
from api.schemas.stages import StageState, stage_states
from api.schemas.wire import CampaignView, PostView, body_of
from campaigns.approval.outcomes import approved_posts
from campaigns.approval.standing import approved_by, stages_of
from campaigns.build.export import csv_of, ics_of
from campaigns.build.submission import personas_of
from campaigns.model.base import Instant, Maybe, Wire
from campaigns.model.campaign import Campaign
from campaigns.model.library.persona import Persona
from campaigns.model.post import Post

router = resource("campaigns", "/campaigns")

Reader = Annotated[Caller, Depends(needs("campaigns:read"))]


class ExportBody(Wire):
    """A campaign with its posts, as JSON."""

    exported_at: Instant
    campaign: CampaignView  # type: ignore[valid-type]  # made at run time
    posts: list[PostView]  # type: ignore[valid-type]  # made at run time
    stages: Maybe[list[StageState]] = Field(default=None, description="What each stage said, where approval has stages")


@router.get(
    "/{campaign_id}/export",
    summary="Its posts as a file",
    response_model=ExportBody,
    responses={
        **documented(404),
        200: {
            "description": "The file",
            "content": {"text/csv": {"schema": {"type": "string"}}, "text/calendar": {"schema": {"type": "string"}}},
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
    found = store.posts.list(*campaign.ref)
    if posts == "approved":
        found = approved_posts(found)
    latest = store.approvals.current_round(*campaign.ref)
    if format_ != "json":
        personas = personas_of(store, campaign.tenant_id, campaign.participants.persona_ids)
        return posts_file(format_, campaign, found, personas, approved_by(store, latest))
    stages = [each.to_wire() for each in stage_states(stages_of(store, latest) if latest else [])]
    body = {
        "exportedAt": now.isoformat(),
        "campaign": body_of(campaign),
        "posts": [body_of(post) for post in found],
        **({"stages": stages} if stages else {}),
    }
    return JSONResponse(body, headers=_as_download(campaign, format_))


def posts_file(
    format_: Literal["csv", "ics"],
    campaign: Campaign,
    posts: Sequence[Post],
    personas: Mapping[str, Persona],
    stages: Mapping[str, Sequence[str]],
) -> Response:
    """Return posts as a download: a table, with the stages that approved each, or a calendar."""
    headers = _as_download(campaign, format_)
    if format_ == "csv":
        return Response(csv_of(campaign, posts, personas, stages), media_type="text/csv", headers=headers)
    return Response(ics_of(campaign, posts, personas), media_type="text/calendar", headers=headers)


def _as_download(campaign: Campaign, format_: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{campaign.id}.{format_}"'}
