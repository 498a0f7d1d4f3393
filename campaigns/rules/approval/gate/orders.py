"""What operators do to an open round: revoke, replace, resend, extend."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from campaigns.errors import ConflictError, Fault, FaultsError
from campaigns.model.approval import ApprovalRound, RoundApprover
from campaigns.model.fact import Fact
from campaigns.model.faults import faults_of
from campaigns.model.post import Post
from campaigns.model.terms.approval_terms import Approval, Approver
from campaigns.model.vocabulary import RoundStatus
from campaigns.rules.approval.gate.case import Case, Change
from campaigns.rules.approval.gate.conditions import (
    completed,
    may_decide,
    outcome_told,
    require_open,
    set_aside,
    voice_to_set_aside,
)
from campaigns.rules.approval.identities import called, folded

LONGEST_OPEN: Final = timedelta(days=60)
"""From now: a link can be made for that long and a day more."""


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

    Whoever is asked again about posts that were changed leaves with what was said of the others.

    Raises:
        FaultsError: nobody of that name was asked.
        RoundClosedError, RoundExpiredError: the round is over.
        ConflictError: that approver has decided, or nobody would be left to decide.
    """
    require_open(case, now)
    asked = one_asked(case.round, approver)
    said = voice_to_set_aside(case, asked)
    rest = [each.model_copy(update={"revoked": each.revoked or each.id == asked.id}) for each in case.round.approvers]
    left = case.round.model_copy(update={"approvers": rest})
    stands = [each for each in case.decisions if each is not said]
    after = completed(left, stands, last=max(stands, key=lambda each: each.at, default=None), now=now)
    if after.status is RoundStatus.PENDING and not [each for each in _able(case) if each.id != asked.id]:
        raise _nobody_left(case)
    fact = Fact(
        actor, "link_revoked", now, reason=reason, round=case.round.n,
        details={"approver": asked.id, **outcome_told(after)},
    )  # fmt: skip
    gone = [set_aside(case, said, actor=actor, reason=reason, now=now)] if said else []
    return Change(after, facts=[*gone, fact], taken_back=said, forgotten=[asked.id], unproven=[asked.id])


def replace(
    case: Case, approver: str, *, jti: str, name: str, email: str, actor: str, reason: str, now: datetime
) -> Change:
    """Make an approver's link worthless and another one good: for the same person, or another name or address.

    Later rounds ask whom this one asks: the campaign's terms change with it. At another address is somebody who has
    read nothing: what was said by one who is asked again, about posts that were changed, goes with its author.

    Raises:
        FaultsError: nobody of that name was asked, or the new name or address cannot be.
        RoundClosedError: the round is over.
        ConflictError: that approver has decided.
    """
    require_open(case, None)
    before = one_asked(case.round, approver)
    said = voice_to_set_aside(case, before)
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
    another = folded(after.email) != folded(before.email)
    if said is not None and another:
        facts.insert(0, set_aside(case, said, actor=actor, reason=reason, now=now))
    terms = None
    if (after.name, after.email) != (before.name, before.email):
        terms = _terms_with(case, before, other)
        facts.append(Fact(actor, "changed", now, reason=reason, details={"fields": ["approval"]}))
    # Whoever is new to it has read nothing, and must not find the other's draft; a code belongs to one link.
    return Change(
        round_, facts=facts, terms=terms, taken_back=said if another else None,
        forgotten=[before.id] if another else [], unproven=[before.id],
    )  # fmt: skip


def _terms_with(case: Case, before: RoundApprover, after: Approver) -> Approval:
    terms, stage = case.campaign.approval, case.round.stage
    named_before = [
        Approver(name=each.name, email=each.email, locale=each.locale, timezone=each.timezone)
        for each in case.round.approvers
    ]
    n = stage.n if stage else 1
    asked = [after if each.email == before.email else each for each in terms.stage(n).approvers or named_before]
    changed: dict[str, Any] = {"approvers": [each.to_wire() for each in asked]}
    if terms.stages:
        stages = [each.to_wire() for each in terms.stages]
        changed = {"stages": [*stages[: n - 1], {**stages[n - 1], **changed}, *stages[n:]]}
    try:
        # Not copied but read anew: nobody is asked twice, and what is stored can be read again.
        return Approval.model_validate({**terms.to_wire(), **changed})
    except ValidationError as error:
        raise FaultsError(faults_of(error)) from error


def _able(case: Case) -> list[RoundApprover]:
    return [each for each in case.silent if may_decide(case.campaign, each)]


def _nobody_left(case: Case) -> ConflictError:
    return ConflictError(
        "nobody would be left to decide: replace the approver, or decide on behalf",
        {"currentStatus": str(case.campaign.status)},
    )


def resend(case: Case, *, actor: str, reason: str, now: datetime) -> Change:
    """Send the link again to everybody who has not decided.

    Raises:
        RoundClosedError: the round is over.
    """
    require_open(case, None)
    details = {"approvers": [each.id for each in case.silent]}
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
        ConflictError: `until` is not later than the round ends anyway, or nobody is left who may decide.
        RoundClosedError: the round is over.
    """
    require_open(case, None)
    if until > now + LONGEST_OPEN:
        raise FaultsError(
            [Fault("hours", f"a round may be open for {LONGEST_OPEN.days} days from now at most", "TOO_LATE")]
        )
    if until <= case.round.expires_at:
        raise ConflictError("that is no more time", {"expiresAt": case.round.expires_at.isoformat()})
    if not by_policy and not _able(case):
        raise _nobody_left(case)
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
