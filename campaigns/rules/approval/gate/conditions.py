"""What must hold for an act on a round, whichever it is, and what its end is asked: is the round complete?"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from campaigns.errors import (
    AlreadyDecidedError,
    CodeRequiredError,
    ConflictError,
    Fault,
    FaultsError,
    NotFoundError,
    RoundClosedError,
    RoundExpiredError,
    SelfApprovalError,
    StaleReviewError,
)
from campaigns.model.approval import ApprovalRound, ApproverDecision, RoundApprover
from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.fact import Fact
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.rules.approval.decisions import asked_again, outcome_of, undo_until
from campaigns.rules.approval.gate.case import Case, FormProof, LinkProof, OrderProof, Voice
from campaigns.rules.approval.identities import Requester, called, folded, is_requesters_name, speaker
from campaigns.rules.approval.stages import ended


def require_known(case: Case, voice: Voice) -> None:
    """Refuse who was not asked, whose link was revoked, and a form of another round."""
    if isinstance(voice.proof, FormProof) and voice.proof.round != case.round.n:
        raise StaleReviewError(
            f"the form asks about round {voice.proof.round}, this is round {case.round.n}",
            {"digest": case.round.digest, "round": case.round.n},
        )
    asked = case.asked(voice.approver_id)
    if isinstance(voice.proof, FormProof):
        # Asked again: whoever the name meant when it was read may have been revoked or replaced since.
        meant, _ = speaker(case.round, voice.proof.typed, voice.proof.decide_as)
        if meant != voice.approver_id:
            raise RoundClosedError("the approvers were changed since: open the form again", {"replaced": True})
    whom = voice.proof.instead_of if isinstance(voice.proof, OrderProof) else None
    if whom and (asked is None or asked.revoked or (asked.name, asked.email) != (whom.name, whom.email)):
        # The order is for a person, not for whoever is asked under this id by now.
        raise RoundClosedError(f"{whom.name} is not asked any more: look who is, and order anew", {"replaced": True})
    if isinstance(voice.proof, LinkProof):
        if asked is None:
            raise NotFoundError("approver", voice.approver_id)
        if asked.revoked:
            raise RoundClosedError("this link was revoked", {"revoked": True})


def require_answerable(case: Case, voice: Voice, now: datetime) -> None:
    """Refuse what comes too late: the round, the campaign or the link is over.

    Raises:
        RoundExpiredError, RoundClosedError, AlreadyDecidedError.
    """
    round_, proof = case.round, voice.proof
    if case.campaign.deleted_at or CampaignStatus.CANCELLED in {case.campaign.status, str(round_.status)}:
        raise RoundClosedError("the campaign was cancelled", {"status": "cancelled"})
    passed_on = round_.stage is not None and round_.stage.next is not None  # what followed was another stage's
    if (case.latest > round_.n and not passed_on) or round_.status is RoundStatus.SUPERSEDED:
        raise RoundClosedError("a newer version was sent", {"supersededBy": round_.superseded_by or case.latest})
    require_current_link(case, voice)
    if round_.status is RoundStatus.TIMED_OUT:
        raise expired(round_.expires_at)
    if isinstance(proof, LinkProof) and now >= proof.expires_at:
        raise expired(proof.expires_at)
    if round_.status is RoundStatus.DECIDED:
        raise already_decided(case.decisions[-1]) if case.decisions else RoundClosedError("this round is decided")
    if now >= round_.expires_at:
        raise expired(round_.expires_at)
    if case.campaign.status in AT_REST:
        raise RoundClosedError(
            f"the campaign is {case.campaign.status}: nobody is asked until an operator lets it go on",
            {"status": str(case.campaign.status)},
        )


def require_current_link(case: Case, voice: Voice) -> None:
    """Refuse a link that was replaced: another person may be asked by now.

    Raises:
        RoundClosedError.
    """
    asked = case.asked(voice.approver_id)
    if isinstance(voice.proof, LinkProof) and asked is not None and voice.proof.jti != asked.jti:
        raise RoundClosedError("a newer link was sent", {"replaced": True})


def require_entitled(case: Case, voice: Voice) -> None:
    """Refuse a requester where that is agreed, and an approver's voice without the code that the campaign asks for."""
    asked = case.asked(voice.approver_id)
    if case.campaign.approval.prevent_self_approval and voice.channel != "policy":
        if asked is not None and Requester.of(case.campaign).is_person(asked):
            raise SelfApprovalError("whoever asked for the campaign may not decide on it")
        if (typed := _typed(voice, asked)) and is_requesters_name(case.campaign, typed, case.round.approvers):
            raise SelfApprovalError(
                "whoever asked for the campaign may not decide on it; another of this name types the e-mail address"
            )
    if asked is not None:
        _require_own_name(case, voice, asked)
        require_code(case, voice)


def _typed(voice: Voice, asked: RoundApprover | None) -> str:
    """Return the name under which somebody came who is not known by a link alone; "" where none was typed."""
    match voice.proof:
        case FormProof(typed=typed):
            return typed
        case OrderProof(operator=operator):
            return operator or voice.name
        case LinkProof():
            return "" if asked is not None and voice.name == asked.name else voice.name


def _require_own_name(case: Case, voice: Voice, asked: RoundApprover) -> None:
    """Refuse the name of another approver: a deputy may use the link under an own name, another approver may not."""
    if not isinstance(voice.proof, LinkProof) or called([asked], voice.name):
        return
    others = [each for each in case.round.approvers if each.id != asked.id]
    if called(others, voice.name) or folded(voice.name) in {each.id for each in others}:
        fault = Fault(
            "decidedBy",
            f"is another approver, with a link of their own: this one was sent to {asked.name}",
            "NOT_YOUR_NAME",
        )
        raise FaultsError([fault])


def require_code(case: Case, voice: Voice) -> None:
    """An operator answers with a name and a reason of their own; everybody else speaks with the code."""
    shown = isinstance(voice.proof, OrderProof) or (isinstance(voice.proof, LinkProof) and voice.proof.code)
    if case.campaign.approval.require_otp and not shown:
        raise CodeRequiredError("this campaign asks for a code by e-mail: decide on the review page")


def may_decide(campaign: Campaign, approver: RoundApprover) -> bool:
    """Whether this approver may decide: not the requester, where the campaign forbids that."""
    return not (campaign.approval.prevent_self_approval and Requester.of(campaign).is_person(approver))


def require_open(case: Case, now: datetime | None) -> None:
    """Refuse an act on a round that is over; `now` is given where an act needs time left.

    Raises:
        RoundClosedError, RoundExpiredError.
    """
    round_ = case.round
    if case.latest != round_.n or round_.status is not RoundStatus.PENDING:
        status = round_.status if round_.status is not RoundStatus.PENDING else RoundStatus.SUPERSEDED
        raise RoundClosedError(
            f"nobody is being asked at the moment: round {round_.n} is {status}", {"status": str(status)}
        )
    if now is not None and now >= round_.expires_at:
        raise expired(round_.expires_at)


def voice_to_set_aside(case: Case, approver: RoundApprover) -> ApproverDecision | None:
    """Return what an approver has said who is not asked any more; None: nothing.

    It goes with its author while that is asked again, about posts that were changed since: nobody else completes it.

    Raises:
        ConflictError: the approver has decided on all that is shown.
    """
    said = case.said_by(approver.id)
    if said is not None and not asked_again(case.round, said):
        raise ConflictError(f"{approver.name} has decided, and that stands")
    return said


def set_aside(case: Case, said: ApproverDecision, *, actor: str, reason: str, now: datetime) -> Fact:
    """Return the entry of the audit of a decision that goes with its author."""
    details = {
        "approver": said.approver_id,
        "decision": str(said.decision),
        "decidedBy": said.decided_by,
        "decidedAt": said.at.isoformat(timespec="microseconds"),
    }
    return Fact(actor, "undone", now, reason=reason, round=case.round.n, details=details)


def completed(
    round_: ApprovalRound, decisions: Sequence[ApproverDecision], *, last: ApproverDecision | None, now: datetime
) -> ApprovalRound:
    """Return the round as these decisions leave it: decided when they complete it."""
    outcome = outcome_of(round_, sorted(decisions, key=lambda one: (one.at, one.approver_id)))
    if outcome is None or last is None:
        return round_
    until = undo_until(round_, last)
    settles_at = until if until is not None and until > now else None
    decided = {"status": RoundStatus.DECIDED, "outcome": outcome, "decided_at": now, "settles_at": settles_at}
    return ended(round_, decisions, decided)


def outcome_told(after: ApprovalRound) -> Mapping[str, str]:
    return {"outcome": str(after.outcome)} if after.outcome else {}


def expired(at: datetime) -> RoundExpiredError:
    return RoundExpiredError("the time to decide is over", {"expiresAt": at.isoformat()})


def already_decided(stored: ApproverDecision) -> AlreadyDecidedError:
    return AlreadyDecidedError(
        f"{stored.decided_by} has decided: {stored.decision}",
        {
            "decision": str(stored.decision),
            "decidedBy": stored.decided_by,
            "approverId": stored.approver_id,
            "at": stored.at.isoformat(),
        },
    )
