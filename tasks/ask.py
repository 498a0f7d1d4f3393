"""Ask: open the approval round and send each approver a link, before the wait begins."""

from datetime import UTC, datetime

from campaigns.approval.opening import open_round
from campaigns.approval.outcomes import passed_on
from campaigns.build.planning import fail
from campaigns.errors import CampaignError
from campaigns.model.campaign import AT_REST
from campaigns.rules.approval.gate import is_put_again
from campaigns.settings import get_settings
from campaigns.store import if_there
from campaigns.wiring import get_store
from tasks.checkpoints.receipts import receipted
from tasks.delivery.deliver import deliver_now
from tasks.engine.lease import fence
from tasks.engine.policies import step
from tasks.showing.board import show
from tasks.showing.events import tell
from tasks.steps import AskedRound, SavedCampaign


class NoUsablePostError(CampaignError):
    """Not one post has words that a person could decide on."""

    code = "NO_USABLE_POST"

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.total = total

    def __str__(self) -> str:
        return f"none of {self.total} posts could be written; the posts say why"


@step(
    "ask",
    called="ask for approval, round {round_number}",
    returns=AskedRound,
    inputs=lambda parameters: {"round": parameters["round_number"]},
)
def ask_for_approval(campaign: SavedCampaign, round_number: int) -> AskedRound:
    """Open the round about exactly the posts that are stored now, and send the links.

    Raises:
        NoUsablePostError: there is nothing to decide on; the campaign is failed.
    """
    store, now, settings = get_store(), datetime.now(UTC), get_settings()
    posts = store.posts.list(*campaign.ref)
    if not any(post.usable for post in posts):
        nothing = NoUsablePostError(len(posts))
        stored = store.campaigns.get(*campaign.ref)
        if stored.status not in AT_REST:
            fail(store, stored, code=nothing.code, message=str(nothing), retryable=True, now=now, fence=fence(campaign))
        raise nothing
    round_ = open_round(
        store, *campaign.ref, round_number, default_approver=settings.default_approver(), now=now, fence=fence(campaign)
    )
    if passed_on(store, store.campaigns.get(*campaign.ref)):
        before = round_.n - 1
        tell("review.decided", *campaign.ref, campaign.name, round=before, outcome="passed_on")
    else:
        written = sum(post.usable for post in posts)
        what = "generated" if round_.n == 1 else "revised"
        tell(what, *campaign.ref, campaign.name, round=round_.n, posts=written)
    tell("review.requested", *campaign.ref, campaign.name, round=round_.n, posts=len(round_.posts))
    # A notice that cannot be sent now stays in the outbox; it never fails the run.
    deliver_now(store, *campaign.ref, now=now)
    return AskedRound(
        n=round_.n,
        digest=round_.digest,
        expires_at=round_.expires_at,
        waiting_for=_waiting_for([approver.name for approver in round_.approvers], round_.quorum),
    )


def asked_in(campaign: SavedCampaign, round_number: int) -> AskedRound:
    """Return the round of which the store says that its approvers are asked, about the same content."""
    asked = receipted(ask_for_approval, lambda asked: _is_asked(campaign, asked), campaign, round_number=round_number)
    show(campaign, "posts", "review", "cost", "campaign")
    if asked.n > 1:
        show(campaign, "diff", n=asked.n)
    return asked


def _is_asked(campaign: SavedCampaign, asked: AskedRound) -> bool:
    store = get_store()
    if (round_ := if_there(store.approvals.round, *campaign.ref, asked.n)) is None:
        return False
    stored = store.campaigns.get(*campaign.ref)
    return round_.digest == asked.digest and not is_put_again(stored, round_, reopens=False)


def _waiting_for(names: list[str], quorum: str) -> str:
    listed = ", ".join(names)
    if len(names) == 1:
        return listed
    return {"any": f"one of {listed}", "all": f"all of {listed}"}.get(quorum, f"{quorum} of {listed}")
