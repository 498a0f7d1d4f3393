"""Build a campaign: from a brief to posts that a person has approved.

    save -> plan -> generate (one per post) -> ask -> wait -> complete
                        ^       ^                      |
                        |       └── the next stage ────┤
                        └──── revise what was asked ───┘

The body runs again from its first line after every wait, crash or retry. Every effect is in a task
whose result is kept; the body only hands values on.
"""

# No `from __future__ import annotations`: `serve()` hands a flow on without the names that its annotations need.

from prefect import flow, unmapped
from prefect.client.schemas.objects import State

from campaigns.errors import LeaseLostError
from campaigns.model.base import TenantId
from flows.approval_gate import wait_for_decision
from flows.naming import run_name
from tasks.ask import asked_in
from tasks.checkpoints.taken import together
from tasks.complete import completed, final_state
from tasks.engine.failure import note_failure
from tasks.engine.lease import building, give_way, require_ordered
from tasks.engine.telling import telling
from tasks.forms.brief_form import BriefForm, RequestedBy
from tasks.generate import generate_post, lost, require_settled, unwritten
from tasks.outcome import GOES_ON, Outcome, current_round
from tasks.own_run import end_without_work, saved_campaign
from tasks.plan import planned
from tasks.revise import revised
from tasks.showing.events import tell_failure
from tasks.steps import PlannedPost, SavedCampaign


@flow(name="build-campaign", flow_run_name=run_name, on_failure=[note_failure, tell_failure], persist_result=False)
def build_campaign(
    tenant_id: TenantId, campaign: BriefForm = None, campaign_id: str = "", requested_by: RequestedBy = ""
) -> State[None]:
    """Build one campaign and end with its outcome.

    Args:
        tenant_id: Whose campaign it is.
        campaign: The brief. Name, description, objective, personas, platforms, time zone and dates are required.
        campaign_id: Only for a campaign that is stored already (the API fills this in): its id, and no brief.
        requested_by: Your e-mail address, or Ana <ana@example.com>; needed where the requester may not decide.
    """
    with telling(tenant_id, campaign_id):
        saved = saved_campaign(tenant_id, campaign_id, campaign, requested_by)
        if (end := end_without_work(saved)) is not None:
            return end
        try:
            with building(saved):
                return _build(saved)
        except LeaseLostError as lost:
            return give_way(lost)


def _build(saved: SavedCampaign) -> State[None]:
    plan = planned(saved)
    _write(saved, plan.posts)

    asked = asked_in(saved, current_round(saved))
    while (outcome := wait_for_decision(saved, asked)) in GOES_ON:
        if outcome is Outcome.NEEDS_REVISION:
            revision = revised(saved, asked)
            if not revision.posts:
                break
            _write(saved, revision.posts)
        asked = asked_in(saved, asked.n + 1)

    return final_state(completed(saved, asked, outcome))


def _write(saved: SavedCampaign, posts: list[PlannedPost]) -> None:
    """Write all posts at once; those the model had no time for get a second chance when the rush is over."""
    if left := unwritten(saved, posts):
        with together():
            _write_together(saved, left)


def _write_together(saved: SavedCampaign, posts: list[PlannedPost]) -> None:
    drafts = generate_post.map(posts, campaign=unmapped(saved))
    require_ordered(saved, drafts)
    left = [post for post, draft in zip(posts, drafts, strict=True) if not draft.state.is_completed()]
    if again := lost(drafts, saved):
        behind = [post for post in posts if post.id in again]
        rewritten = generate_post.with_options(refresh_cache=True).map(behind, campaign=unmapped(saved))
        require_ordered(saved, rewritten)
        left += [post for post, draft in zip(behind, rewritten, strict=True) if not draft.state.is_completed()]
    require_settled(generate_post.map(left, campaign=unmapped(saved)))
