"""Decisions over JSON: the bearer approval token says who and what for."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.auth.approval_limits import Limits, Network, wrong_token
from api.auth.limits import too_many
from api.dependencies import Links, Now, TheCourier, TheStore
from api.http.json_bodies import JsonRoute
from api.http.problems import documented, problem
from api.schemas.wire import SchemaOf, checked
from campaigns.approval.invitations import Invitation, invitation
from campaigns.approval.rounds import decide
from campaigns.errors import ApprovalLinkError, NotFoundError
from campaigns.keys.links import LinkClaims, LinkSigner
from campaigns.model.approval import Channel, DecisionRequest
from campaigns.model.base import Wire, content_hash
from campaigns.rules.approval.decisions import undo_until
from campaigns.store import Store

router = APIRouter(route_class=JsonRoute, prefix="/campaigns", tags=["approvals"])
_bearer = HTTPBearer(auto_error=False, scheme_name="approvalToken", description="The token of an approval link")


class Receipt(Wire):
    """What was recorded. `outcome` is missing while others are still to decide.

    Where approval goes in stages, `stage` is the one that was asked, and `nextStage` the one that is asked now.

    Until `settlesAt`, where a campaign has seconds to undo, the decision can be taken back on the review page.
    """

    message: str
    campaign_id: str
    decision: str
    decided_by: str
    decided_at: str
    round: int
    repeated: bool
    outcome: str | None = None
    stage: str | None = None
    next_stage: str | None = None
    settles_at: str | None = None


async def holder(
    campaign_id: str,
    links: Links,
    now: Now,
    limits: Limits,
    network: Network,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
) -> LinkClaims:
    """Return what the approval token says; as a dependency it comes before anything is said about the body.

    A coroutine, since it only computes: a plain function would cost every decision one more thread.
    """
    if credentials is None:
        raise problem("UNAUTHENTICATED", "send the approval token: Authorization: Bearer <token>")
    try:
        claims = links.verify(credentials.credentials, now=now)
    except ApprovalLinkError:
        raise wrong_token(limits, network) from None
    if wait := limits.use(claims.callback_id, network):
        raise too_many(wait)
    if claims.campaign_id != campaign_id:
        raise NotFoundError("approval", campaign_id)
    return claims


@router.post(
    "/{campaign_id}/approve",
    response_model=Receipt,
    summary="Decide with an approval token",
    responses=documented(401, 404, 409, 410, 422, 429, 503),
)
def approve(
    campaign_id: str,
    given: Annotated[dict[str, Any], SchemaOf(DecisionRequest), Body(title="DecisionRequest")],
    claims: Annotated[LinkClaims, Depends(holder)],
    store: TheStore,
    links: Links,
    now: Now,
    limits: Limits,
    network: Network,
    courier: TheCourier,
) -> dict[str, Any]:
    """Record the decision of the approver whom the token was made for, then wake the run.

    The same decision again answers with the same receipt and `repeated`; another one with 409.
    """
    request = checked(DecisionRequest, given)
    if claims.callback_id != request.callback_id:
        raise NotFoundError("approval", campaign_id)
    try:
        found = invitation(store, claims, now=now)
    except ApprovalLinkError:
        raise wrong_token(limits, network) from None
    receipt = record(store, found, request, channel="api", client=client_of(links, network), now=now)
    # Nobody waits for it: the bell may fail or take its time, the decision stands.
    courier.deliver(*found.round.campaign_ref)
    return receipt.to_wire()


def record(
    store: Store,
    found: Invitation,
    request: DecisionRequest,
    *,
    channel: Channel,
    client: str,
    now: datetime,
    proven: bool = False,
) -> Receipt:
    """Record a decision. What follows from it (the bell, receipts) is in the outbox: deliver it afterwards.

    `proven` says that whoever sends it typed the code that was sent to the approver's address.

    Raises:
        CodeRequiredError: the campaign asks for a code.
        GoneError, ConflictError, FaultsError: nothing was recorded, and why.
    """
    voice = found.voice(channel, name=request.decided_by, client=client, code=proven)
    # Without an attempt id of the client, the same words about the same content are the same attempt.
    shown = request.digest or found.claims.digest
    attempt = request.attempt_id or content_hash([found.claims.jti, shown, request.to_wire()])[:32]
    decided = decide(store, found.round, voice, request, attempt_id=attempt, now=now)
    stored = decided.decision
    until = undo_until(decided.round, stored)
    return Receipt(
        message="your decision is recorded",
        campaign_id=stored.campaign_id,
        decision=stored.decision,
        decided_by=stored.decided_by,
        decided_at=stored.at.isoformat(),
        round=stored.round,
        repeated=decided.repeated,
        outcome=decided.round.outcome,
        stage=decided.round.stage.name if decided.round.stage else None,
        next_stage=decided.round.stage.next_name if decided.round.stage else None,
        settles_at=until.isoformat() if until else None,
    )


def client_of(links: LinkSigner, network: str) -> str:
    """Return what the audit keeps of where somebody came from."""
    return links.fingerprint(network)
