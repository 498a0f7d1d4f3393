"""The gate: may this be done to an approval round, and what is to be written? Pure; the only place that says so.

    decide    somebody says what they think of what they were shown
    undo      what was said is taken back
    draft     what is typed is kept for its author
    revoke    a link becomes worthless
    replace   a link becomes worthless and another one is good: the same person's, or another person's
    resend    whoever has not decided gets the link again
    extend    the approvers get more time
    edit      a post of the open round gets other words
    expire    the time is over
    close     the words are written again without a decision
    ask       a round is opened, and the next one (`require_askable`, `is_put_again`)

The store reads a `Case`, asks one of these, and writes the `Change` only if the case still holds; otherwise it
reads again and asks again. So nothing that was read earlier, and nobody at a door, has a say. Whatever an act
does, at its end the decisions that stand are asked whether the round is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import ValidationError

from campaigns.errors import (
    AlreadyDecidedError,
    AnswerTakenBackError,
    CodeRequiredError,
    ConflictError,
    Fault,
    FaultsError,
    NotFoundError,
    RoundClosedError,
    RoundExpiredError,
    SelfApprovalError,
    StaleReviewError,
    TooLateToUndoError,
)
from campaigns.model.approval import (
    ApprovalRound,
    ApproverDecision,
    Channel,
    DecisionRequest,
    ReviewDraft,
    RoundApprover,
)
from campaigns.model.approval_terms import Approval, Approver
from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.fact import Fact
from campaigns.model.faults import faults_of
from campaigns.model.post import Post, round_digest
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.rules.approval.decisions import (
    LAST_CALL,
    blocked_posts,
    contradictions,
    decision_faults,
    expires_at,
    extends,
    outcome_of,
    timeout_outcome,
    unapprovable_posts,
    undo_until,
)
from campaigns.rules.approval.identities import Requester, called, folded, is_requesters_name, speaker

LONGEST_OPEN: Final = timedelta(days=60)
"""From now: a link can be made for that long and a day more."""


# --- who speaks, and how that is known ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkProof:
    """A verified link: which one, for how long, and the digest of what it was made for (none on links of before).

    `code` says that its holder typed the code that was sent to the approver's address.
    """

    jti: str
    issued_at: datetime
    expires_at: datetime
    digest: str | None
    code: bool = False


@dataclass(frozen=True, slots=True)
class FormProof:
    """The form of one pause in Prefect: the round that it asked about and the digest that it showed.

    Prefect knows no users: `typed` is the name or address that somebody typed, `decide_as` what they chose.
    """

    round: int
    digest: str
    typed: str
    decide_as: Literal["approver", "operator"]


@dataclass(frozen=True, slots=True)
class OrderProof:
    """An order of an operator, or of a policy: why, and the digest of what was stored when it was given.

    `operator` is the operator's own name, whomever the order is for; "" where it is a policy's. `instead_of` is
    the approver whom it is for, as asked when it was given; None: all.
    """

    digest: str
    reason: str
    operator: str = ""
    instead_of: RoundApprover | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, by which way, how that is known, and from where (a fingerprint, never an address)."""

    approver_id: str
    name: str
    channel: Channel
    proof: LinkProof | FormProof | OrderProof
    client: str | None = None


# --- what is read, and what is written ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """What is stored about a round, read together. `latest` is the number of the campaign's last round.

    `used_up` says that the answer in question was recorded before and taken back.
    """

    campaign: Campaign
    round: ApprovalRound
    decisions: Sequence[ApproverDecision]
    latest: int
    used_up: bool = False

    def said_by(self, approver_id: str) -> ApproverDecision | None:
        return next((each for each in self.decisions if each.approver_id == approver_id), None)

    def asked(self, approver_id: str) -> RoundApprover | None:
        return next((each for each in self.round.approvers if each.id == approver_id), None)


@dataclass(frozen=True, slots=True)
class Change:
    """What is written, all or nothing; without `facts` and `draft` there is nothing to write.

    Args:
        round: as it is afterwards; its version is the store's to count.
        recorded: a decision that is new, `taken_back` one that is removed, and its answer used up.
        stands: the decision that was recorded before, when the same was said again.
        terms: the campaign's terms for its later rounds.
        forgotten: approvers whose drafts and codes are void.
        revision: the new words of a post, with the version of the post that was read.
        by_policy: the terms did this, nobody ordered it.
    """

    round: ApprovalRound
    facts: Sequence[Fact] = ()
    recorded: ApproverDecision | None = None
    taken_back: ApproverDecision | None = None
    stands: ApproverDecision | None = None
    terms: Approval | None = None
    forgotten: Sequence[str] = ()
    revision: Post | None = None
    draft: tuple[str, ReviewDraft] | None = None
    by_policy: bool = False

    @property
    def idle(self) -> bool:
        return not self.facts and self.draft is None


# --- decide ---------------------------------------------------------------------------------------------


def decide(
    case: Case, voice: Voice, request: DecisionRequest, *, attempt_id: str, now: datetime, order: Fact | None = None
) -> Change:
    """Record what somebody says, once; the same again is answered with what stands.

    `order` is the act of an operator that this decision is part of, for the audit.

    Raises:
        AnswerTakenBackError: this very answer was recorded before and taken back.
        AlreadyDecidedError: this voice, or for the whole round others, decided before; who, what and when.
        RoundExpiredError, RoundClosedError: too late, superseded, cancelled, or the link was revoked or replaced.
        StaleReviewError: the decision is about other content than the round shows.
        SelfApprovalError, CodeRequiredError: this voice may not decide, or not in this way.
        FaultsError: what is said cannot be recorded.
        NotFoundError: nobody of this id was asked.
    """
    if case.used_up:
        raise AnswerTakenBackError(
            "this answer was taken back: to decide anew, open the review again (or send another attemptId)",
            {"attemptId": attempt_id},
        )
    _require_known(case, voice)
    decision = _decision(case, voice, request, attempt_id, now)
    if (own := case.said_by(voice.approver_id)) is not None:
        if says_the_same(own, decision):
            return Change(case.round, stands=own)
        raise already_decided(own)  # also an attempt of before with another answer in it
    require_answerable(case, voice, now)
    _require_entitled(case, voice)
    if decision.digest != case.round.digest or request.callback_id != case.round.callback_id:
        raise StaleReviewError("the content changed since it was shown", {"digest": case.round.digest})
    if faults := [*decision_faults(case.round, request), *contradictions(case.round, decision)]:
        raise FaultsError(faults)
    after = _completed(case.round, [*case.decisions, decision], last=decision, now=now)
    details = {
        "decision": str(decision.decision),
        "decidedBy": decision.decided_by,
        "channel": decision.channel,
        "digest": decision.digest,
        **_outcome(after),
    }
    fact = Fact(voice.approver_id, "decided", now, round=case.round.n, details=details)
    return Change(after, facts=[fact, *([order] if order else [])], recorded=decision)


def _decision(case: Case, voice: Voice, request: DecisionRequest, attempt_id: str, now: datetime) -> ApproverDecision:
    return ApproverDecision(
        tenant_id=case.round.tenant_id,
        campaign_id=case.round.campaign_id,
        callback_id=case.round.callback_id,
        round=case.round.n,
        approver_id=voice.approver_id,
        decided_by=voice.name,
        decision=request.decision,
        comments=request.comments,
        posts=request.posts,
        digest=request.digest or _digest_shown(case.round, voice),
        channel=voice.channel,
        client=voice.client,
        attempt_id=attempt_id,
        at=now,
    )


def _digest_shown(round_: ApprovalRound, voice: Voice) -> str:
    """Return what the voice was shown, as its proof says.

    A link of before this was kept in links is about the present content unless that is newer than the link.
    """
    proof = voice.proof
    if proof.digest is not None:
        return proof.digest
    known = round_.changed_at is None or not isinstance(proof, LinkProof) or proof.issued_at >= round_.changed_at
    return round_.digest if known else "unknown"


def answer_id(voice: Voice, attempt_id: str) -> str:
    """Return what an answer is known by in its round: links count for themselves, other ways for all."""
    return f"{voice.approver_id}.{attempt_id}" if isinstance(voice.proof, LinkProof) else attempt_id


def answer_of(decision: ApproverDecision) -> str:
    """Return `answer_id` of the answer that a decision was recorded from."""
    by_link = decision.channel in {"link", "api"}
    return f"{decision.approver_id}.{decision.attempt_id}" if by_link else decision.attempt_id


def says_the_same(one: ApproverDecision, other: ApproverDecision) -> bool:
    """Say whether two decisions come to the same, whatever the comments."""

    def said(decision: ApproverDecision) -> tuple[Decision, dict[str, str]]:
        return decision.decision, {post: verdict.decision for post, verdict in decision.posts.items()}

    return said(one) == said(other)


# --- what every voice must hold --------------------------------------------------------------------------


def _require_known(case: Case, voice: Voice) -> None:
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
    asked = case.asked(voice.approver_id)
    if case.campaign.deleted_at or CampaignStatus.CANCELLED in {case.campaign.status, str(round_.status)}:
        raise RoundClosedError("the campaign was cancelled", {"status": "cancelled"})
    if case.latest > round_.n or round_.status is RoundStatus.SUPERSEDED:
        raise RoundClosedError("a newer version was sent", {"supersededBy": round_.superseded_by or case.latest})
    if isinstance(proof, LinkProof) and asked is not None and proof.jti != asked.jti:
        raise RoundClosedError("a newer link was sent", {"replaced": True})
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


def _require_entitled(case: Case, voice: Voice) -> None:
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
        _require_code(case, voice)


def _typed(voice: Voice, asked: RoundApprover | None) -> str:
    """Return the name under which somebody came who is not known by a link alone; "" where none was typed."""
    match voice.proof:
        case FormProof(typed=typed):
            return typed
        case OrderProof(operator=operator):
            return operator or voice.name
        case LinkProof():
            return "" if asked is not None and voice.name == asked.name else voice.name


def _require_code(case: Case, voice: Voice) -> None:
    """An operator answers with a name and a reason of their own; everybody else speaks with the code."""
    shown = isinstance(voice.proof, OrderProof) or (isinstance(voice.proof, LinkProof) and voice.proof.code)
    if case.campaign.approval.require_otp and not shown:
        raise CodeRequiredError("this campaign asks for a code by e-mail: decide on the review page")


def may_decide(campaign: Campaign, approver: RoundApprover) -> bool:
    """Whether this approver may decide: not the requester, where the campaign forbids that."""
    return not (campaign.approval.prevent_self_approval and Requester.of(campaign).is_person(approver))


# --- undo, draft ----------------------------------------------------------------------------------------


def undo(case: Case, voice: Voice, *, now: datetime, kept: ReviewDraft | None = None) -> Change:
    """Take back what an approver said; the round is open again unless the other decisions complete it alone.

    `kept` becomes the approver's draft, to go on from.

    Raises:
        NotFoundError: this approver has said nothing in this round.
        RoundClosedError: the link was revoked or replaced.
        CodeRequiredError: the campaign asks for a code, and none was shown.
        TooLateToUndoError: it has taken effect, or a newer round was opened.
    """
    said = case.said_by(voice.approver_id)
    if said is None:
        raise NotFoundError("decision", voice.approver_id)
    _require_known(case, voice)
    asked = case.asked(voice.approver_id)
    if isinstance(voice.proof, LinkProof) and asked is not None and voice.proof.jti != asked.jti:
        raise RoundClosedError("a newer link was sent", {"replaced": True})
    until = undo_until(case.round, said)
    in_work = case.campaign.status is CampaignStatus.AWAITING_REVIEW and not case.campaign.deleted_at
    if until is None or now >= until or case.latest != case.round.n or not in_work:
        raise TooLateToUndoError(
            f"the decision of {said.decided_by} has taken effect",
            {"decision": str(said.decision), "until": (until or said.at).isoformat()},
        )
    _require_code(case, voice)
    rest = [each for each in case.decisions if each is not said]
    outcome = outcome_of(case.round, rest)
    if outcome is None:
        opened: dict[str, Any] = {
            "status": RoundStatus.PENDING, "outcome": None, "decided_at": None, "settles_at": None
        }  # fmt: skip
        after = case.round.model_copy(update=opened)
    else:
        after = case.round.model_copy(update={"outcome": outcome})
    details = {
        "decision": str(said.decision),
        "decidedBy": said.decided_by,
        "decidedAt": said.at.isoformat(timespec="microseconds"),
        **_outcome(after),
    }
    fact = Fact(voice.approver_id, "undone", now, round=case.round.n, details=details)
    return Change(after, facts=[fact], taken_back=said, draft=(voice.approver_id, kept) if kept else None)


def draft(case: Case, voice: Voice, typed: ReviewDraft, *, now: datetime) -> Change:
    """Keep what an approver has typed and not sent.

    Raises:
        as `decide`; AlreadyDecidedError also when this approver has decided.
        StaleReviewError: it was typed about other content.
    """
    _require_known(case, voice)
    if (own := case.said_by(voice.approver_id)) is not None:
        raise already_decided(own)
    require_answerable(case, voice, now)
    _require_entitled(case, voice)
    if typed.digest != case.round.digest:
        raise StaleReviewError("the content changed since it was shown", {"digest": case.round.digest})
    return Change(case.round, draft=(voice.approver_id, typed))


# --- what operators do to an open round -----------------------------------------------------------------


def named(round_: ApprovalRound, name: str) -> list[RoundApprover]:
    """Return those who were asked and have this name, e-mail or id; links that were revoked do not count."""
    asked = [each for each in round_.approvers if not each.revoked]
    return called(asked, name) or [each for each in asked if each.id == folded(name)]


def one_asked(round_: ApprovalRound, name: str) -> RoundApprover:
    """Return whom a name means.

    Raises:
        FaultsError: nobody, or more than one of those who were asked.
    """
    asked = named(round_, name)
    if len(asked) != 1:
        known = ", ".join(f"{each.name} <{each.email}>" for each in round_.approvers if not each.revoked)
        if asked:
            which = Fault(
                "approver", f"is the name of several: give the e-mail address, of {known}", "AMBIGUOUS_APPROVER"
            )
            raise FaultsError([which])
        raise FaultsError([Fault("approver", f"is not one of those who were asked: {known}", "UNKNOWN_APPROVER")])
    return asked[0]


def revoke(case: Case, approver: str, *, actor: str, reason: str, now: datetime) -> Change:
    """Make one approver's link worthless; when everybody left has decided, the round is complete.

    Raises:
        FaultsError: nobody of that name was asked.
        RoundClosedError, RoundExpiredError: the round is over.
        ConflictError: that approver has decided, or nobody would be left to decide.
    """
    require_open(case, now)
    asked = one_asked(case.round, approver)
    _require_silent(case, asked)
    rest = [each.model_copy(update={"revoked": each.revoked or each.id == asked.id}) for each in case.round.approvers]
    left = case.round.model_copy(update={"approvers": rest})
    last = max(case.decisions, key=lambda said: said.at, default=None)
    after = _completed(left, case.decisions, last=last, now=now)
    if after.status is RoundStatus.PENDING and not [each for each in silent(case) if each.id != asked.id]:
        raise ConflictError(
            "nobody would be left to decide: replace the approver, or decide on behalf",
            {"currentStatus": str(case.campaign.status)},
        )
    fact = Fact(
        actor, "link_revoked", now, reason=reason, round=case.round.n,
        details={"approver": asked.id, **_outcome(after)},
    )  # fmt: skip
    return Change(after, facts=[fact], forgotten=[asked.id])


def replace(
    case: Case, approver: str, *, jti: str, name: str, email: str, actor: str, reason: str, now: datetime
) -> Change:
    """Make an approver's link worthless and another one good: for the same person, or another name or address.

    Later rounds ask whom this one asks: the campaign's terms change with it.

    Raises:
        FaultsError: nobody of that name was asked, or the new name or address cannot be.
        RoundClosedError: the round is over.
        ConflictError: that approver has decided.
    """
    require_open(case, None)
    before = one_asked(case.round, approver)
    _require_silent(case, before)
    whom = {"name": name or before.name, "email": email or before.email}
    try:
        other = Approver.model_validate({**whom, "locale": before.locale, "timezone": before.timezone})
    except ValidationError as error:
        raise FaultsError(faults_of(error)) from error
    after = before.model_copy(update={"name": other.name, "email": other.email, "jti": jti})
    if not may_decide(case.campaign, after):
        raise FaultsError(
            [Fault("email", "asked for the campaign and may not decide: name somebody else", "SELF_APPROVAL")]
        )
    others = [each for each in case.round.approvers if each.id != before.id]
    if any(folded(each.email) == folded(after.email) for each in others):
        # The round is asked, not the terms: they may have been changed since it was opened.
        raise FaultsError([Fault("email", f"{after.email} is asked in this round already", "NOT_UNIQUE")])
    round_ = case.round.model_copy(
        update={"approvers": [after if each.id == before.id else each for each in case.round.approvers]}
    )
    details = {"approver": before.id, "name": after.name}
    facts = [Fact(actor, "link_renewed", now, reason=reason, round=case.round.n, details=details)]
    terms = None
    if (after.name, after.email) != (before.name, before.email):
        terms = _terms_with(case, before, other)
        facts.append(Fact(actor, "changed", now, reason=reason, details={"fields": ["approval"]}))
    # Whoever is new to it has read nothing, and must not find the other's draft; a code belongs to one link.
    return Change(round_, facts=facts, terms=terms, forgotten=[before.id] if after.email != before.email else [])


def _terms_with(case: Case, before: RoundApprover, after: Approver) -> Approval:
    named_before = [
        Approver(name=each.name, email=each.email, locale=each.locale, timezone=each.timezone)
        for each in case.round.approvers
    ]
    asked = [after if each.email == before.email else each for each in case.campaign.approval.approvers or named_before]
    try:
        # Not copied but read anew: nobody is asked twice, and what is stored can be read again.
        return Approval.model_validate(
            {**case.campaign.approval.to_wire(), "approvers": [each.to_wire() for each in asked]}
        )
    except ValidationError as error:
        raise FaultsError(faults_of(error)) from error


def silent(case: Case) -> list[RoundApprover]:
    """Return those who have a good link and have not decided."""
    decided = {said.approver_id for said in case.decisions}
    return [each for each in case.round.approvers if each.id not in decided and not each.revoked]


def resend(case: Case, *, actor: str, reason: str, now: datetime) -> Change:
    """Send the link again to everybody who has not decided.

    Raises:
        RoundClosedError: the round is over.
    """
    require_open(case, None)
    details = {"approvers": [each.id for each in silent(case)]}
    return Change(
        case.round, facts=[Fact(actor, "links_resent", now, reason=reason, round=case.round.n, details=details)]
    )


def later(round_: ApprovalRound, hours: int, *, now: datetime) -> datetime:
    """Return when a round ends that gets so many hours more; one whose time is over gets them from now on."""
    return max(now, round_.expires_at) + timedelta(hours=hours)


def extend(
    case: Case, until: datetime, *, posts: Sequence[Post], actor: str, reason: str, now: datetime,
    by_policy: bool = False,
) -> Change:  # fmt: skip
    """Give an open round more time; the audit says which posts are lost when nobody decides before they are due.

    Raises:
        FaultsError: no link lasts that long.
        ConflictError: `until` is not later than the round ends anyway.
        RoundClosedError: the round is over.
    """
    require_open(case, None)
    if until > now + LONGEST_OPEN:
        raise FaultsError(
            [Fault("hours", f"a round may be open for {LONGEST_OPEN.days} days from now at most", "TOO_LATE")]
        )
    if until <= case.round.expires_at:
        raise ConflictError("that is no more time", {"expiresAt": case.round.expires_at.isoformat()})
    ran_out_at = (case.round.ran_out_at or now) if by_policy else case.round.ran_out_at
    after = case.round.model_copy(update={"expires_at": until, "extended": True, "ran_out_at": ran_out_at})
    details: dict[str, Any] = {"expiresAt": until.isoformat()}
    if late := due_before(case.round, posts, until):
        details["postsDueBefore"] = [post.number for post in late]
    fact = Fact(actor, "round_extended", now, reason=reason, round=case.round.n, details=details)
    return Change(after, facts=[fact], by_policy=by_policy)


def due_before(round_: ApprovalRound, posts: Sequence[Post], until: datetime) -> list[Post]:
    """Return the posts of a round that are due up to this moment: approved later, they do not go out."""
    return [post for post in posts if post.id in round_.posts and post.scheduled_at <= until]


def edit(
    case: Case, before: Post, after: Post, *, posts: Sequence[Post], actor: str, reason: str, now: datetime
) -> Change:
    """Give a post of the open round other words; the round asks about them from then on.

    Raises:
        ConflictError: the campaign is not under review, or somebody has already decided in this round.
    """
    require_undecided(case)
    if after.content_hash() == before.content_hash():
        return Change(case.round)
    shown = [after if post.id == after.id else post for post in posts if post.id in case.round.posts]
    locked = [post_id for post_id in case.round.locked if post_id != after.id]
    round_ = case.round.model_copy(update={**what_is_shown(shown), "locked": locked, "changed_at": now})
    details = {"digest": round_.digest, "posts": [after.id]}
    fact = Fact(actor, "content_changed", now, reason=reason, round=case.round.n, details=details)
    return Change(round_, facts=[fact], revision=after)


def require_undecided(case: Case) -> None:
    """Refuse an edit outside of a review, and of what somebody has decided on.

    Raises:
        ConflictError.
    """
    status = case.campaign.status
    if status is not CampaignStatus.AWAITING_REVIEW:
        raise ConflictError(
            f"the text of a post can be edited while the campaign awaits review, not while it is {status}",
            {"currentStatus": str(status)},
        )
    if case.latest != case.round.n or case.round.status is not RoundStatus.PENDING:
        raise ConflictError("nobody is being asked at the moment", {"currentStatus": str(status)})
    if case.decisions:
        raise ConflictError("somebody has already decided in this round; have posts written again instead")


def what_is_shown(posts: Sequence[Post]) -> dict[str, Any]:
    """Return the fields of a round that say what it is about."""
    return {
        "digest": round_digest(list(posts)),
        "posts": {post.id: post.content_hash() for post in posts},
        "blocked": blocked_posts(posts),
        "unapprovable": unapprovable_posts(posts),
    }


# --- the end of a round ---------------------------------------------------------------------------------


def expire(case: Case, *, posts: Sequence[Post], actor: str, now: datetime) -> Change:
    """End a round whose time is over, or give it more where that is agreed; nothing where it is not over.

    `reject` ends it undecided, `approve` approves what nobody objected to and no check blocks, `extend` gives
    the same time once more where the first post leaves any. A campaign that failed is approved by no policy.
    """
    round_ = case.round
    if round_.status is not RoundStatus.PENDING or now < round_.expires_at:
        return Change(round_)
    if extends(round_) and (until := _once_more(round_, posts, now)) is not None:
        reason = "nobody decided in time: extended once, as agreed"
        return extend(case, until, posts=posts, actor=actor, reason=reason, now=now, by_policy=True)
    outcome = None if case.campaign.status in AT_REST else timeout_outcome(round_, case.decisions)
    ran_out_at = round_.ran_out_at or now
    ended = {"status": RoundStatus.TIMED_OUT, "outcome": outcome, "decided_at": now, "ran_out_at": ran_out_at}
    details = {"outcome": str(outcome)} if outcome else {}
    fact = Fact(actor, "round_timed_out", now, round=round_.n, details=details)
    return Change(round_.model_copy(update=ended), facts=[fact], by_policy=True)


def _once_more(round_: ApprovalRound, posts: Sequence[Post], now: datetime) -> datetime | None:
    """Return the end of the same time once more; None where the first post leaves none."""
    first_post = min((post.scheduled_at for post in posts if post.id in round_.posts), default=now)
    hours = max(1, round((round_.expires_at - round_.opened_at).total_seconds() / 3600))
    until = expires_at(now, hours=hours, first_post=first_post)
    return None if first_post - LAST_CALL <= now or until <= round_.expires_at else until


def close(case: Case, *, actor: str, reason: str, now: datetime) -> Change:
    """Close a round that shows words which are written again; the next one follows, and old links say so."""
    if case.latest != case.round.n or case.round.status is not RoundStatus.PENDING:
        return Change(case.round)
    closed = {"status": RoundStatus.SUPERSEDED, "superseded_by": case.round.n + 1}
    fact = Fact(actor, "round_closed", now, reason=reason, round=case.round.n)
    return Change(case.round.model_copy(update=closed), facts=[fact])


def require_askable(campaign: Campaign, *, reopens: bool) -> None:
    """Refuse a new round for a campaign that is not at its approvers' turn.

    Raises:
        ConflictError: it is over or failed; only what timed out is reopened, and by nothing but an operator's order.
    """
    timed_out = campaign.status is CampaignStatus.APPROVAL_TIMEOUT
    if timed_out is not reopens or (not timed_out and campaign.status in AT_REST | {CampaignStatus.APPROVED}):
        raise ConflictError(f"the campaign is {campaign.status}", {"currentStatus": str(campaign.status)})


def is_put_again(campaign: Campaign, latest: ApprovalRound, *, reopens: bool) -> bool:
    """Whether a campaign that goes on is put under review with the round that it has, not with another one."""
    if latest.status in {RoundStatus.SUPERSEDED, RoundStatus.CANCELLED} or latest.outcome is Decision.NEEDS_REVISION:
        return False
    if reopens:  # the round of a reopening that died half way
        return campaign.status is CampaignStatus.APPROVAL_TIMEOUT and campaign.round < latest.n
    return campaign.status is CampaignStatus.GENERATING


# --- inside ---------------------------------------------------------------------------------------------


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


def _require_silent(case: Case, approver: RoundApprover) -> None:
    if case.said_by(approver.id) is not None:
        raise ConflictError(f"{approver.name} has decided, and that stands")


def _completed(
    round_: ApprovalRound, decisions: Sequence[ApproverDecision], *, last: ApproverDecision | None, now: datetime
) -> ApprovalRound:
    """Return the round as these decisions leave it: decided when they complete it."""
    outcome = outcome_of(round_, sorted(decisions, key=lambda one: (one.at, one.approver_id)))
    if outcome is None or last is None:
        return round_
    until = undo_until(round_, last)
    settles_at = until if until is not None and until > now else None
    decided = {"status": RoundStatus.DECIDED, "outcome": outcome, "decided_at": now, "settles_at": settles_at}
    return round_.model_copy(update=decided)


def _outcome(after: ApprovalRound) -> Mapping[str, str]:
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


Gate = Callable[[Case], Change]
"""One act, asked about what was just read."""
