"""Complete: what the approvers decided takes effect, once."""

from datetime import UTC, datetime

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from campaigns.approval.outcomes import apply, approved_posts, decided_by
from campaigns.approval.rounds import Outcome
from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store import Store
from campaigns.wiring import get_store
from tasks.checkpoints.receipts import receipted
from tasks.engine.lease import fence
from tasks.engine.policies import step
from tasks.showing.board import settle, show
from tasks.showing.events import tell
from tasks.steps import AskedRound, Completion, SavedCampaign


@step(
    "complete",
    called="complete the campaign",
    returns=Completion,
    inputs=lambda parameters: {"round": parameters["asked"].n, "outcome": str(parameters["outcome"])},
)
def complete_campaign(campaign: SavedCampaign, asked: AskedRound, outcome: Outcome) -> Completion:
    """Give effect to the outcome of the last round and say how the campaign ended.

    Raises:
        IntegrityError: the stored posts are not the ones that were approved; nothing is handed over.
    """
    store, place = get_store(), campaign.ref
    stored = store.campaigns.get(*place)
    if stored.status not in AT_REST:  # else it took effect where it was decided
        stored = apply(store, *place, asked.n, outcome, now=datetime.now(UTC), fence=fence(campaign))
    tell("review.decided", *place, campaign.name, round=asked.n, outcome=str(outcome))
    tell(str(stored.status), *place, campaign.name, round=asked.n)
    return completion_of(store, stored)


def completed(campaign: SavedCampaign, asked: AskedRound, outcome: Outcome) -> Completion:
    """Return how the campaign ended, as the store says."""
    end = receipted(complete_campaign, lambda end: _is_ended(campaign, end), campaign, asked, outcome)
    show(campaign, "plan", "posts", "review", "cost", "campaign", "outcome")
    show(campaign, "decision", n=asked.n)
    settle()
    return end


def _is_ended(campaign: SavedCampaign, end: Completion) -> bool:
    return get_store().campaigns.get(*campaign.ref).status == end.status


def final_state(completion: Completion) -> State[None]:
    """Return the state of the run: a rejection is a result, only what is broken is Failed."""
    if completion.status == CampaignStatus.FAILED:
        return Failed(name=completion.name, message=completion.message)
    return Completed(name=completion.name, message=completion.message)


def completion_of(store: Store, campaign: Campaign) -> Completion:
    """Return how a campaign at rest ended."""
    round_ = store.approvals.current_round(*campaign.ref)
    by = decided_by(store, round_) if round_ else ""
    match campaign.status:
        case CampaignStatus.COMPLETED:
            posts = store.posts.list(*campaign.ref)
            approved = len(approved_posts(posts))
            name, message = "Approved", f"Approved by {by or 'policy'}: {approved} of {len(posts)} posts go out"
        case CampaignStatus.REJECTED:
            name, message = "Rejected", f"Rejected by {by}"
        case CampaignStatus.APPROVAL_TIMEOUT:
            name, message = "Timed out", "Nobody decided in time; an operator can reopen the campaign"
        case CampaignStatus.CANCELLED:
            name, message = "Cancelled", "The campaign was cancelled"
        case CampaignStatus.FAILED:
            reason = campaign.last_error.message if campaign.last_error else "the campaign has failed"
            name, message = "Failed", f"{reason}; retry-campaign lets it go on"
        case _:
            reason = campaign.last_error.message if campaign.last_error else f"the campaign is {campaign.status}"
            name, message = "Failed", reason
    return Completion(status=campaign.status, name=name, message=message)
