"""Sends the notices of the outbox, once by every channel; failures are kept there, audited, and never fatal."""

from __future__ import annotations

import logging
from datetime import datetime

from campaigns.approval.notice_kinds import CODE, NOTE, PERSONAL, RECEIPT, REMINDER
from campaigns.approval.notices import Notice, Occasion, to_approver, to_team
from campaigns.errors import NotFoundError, StoreUnavailableError
from campaigns.mail_server import mailbox
from campaigns.model.approval import RoundApprover
from campaigns.model.vocabulary import RoundStatus
from campaigns.rules.approval.identities import Requester
from campaigns.settings import get_settings
from campaigns.store import Fact, OutboxEntry, Store
from campaigns.wiring import get_link_signer
from tasks.delivery.channels import NoticeNotSentError, NoticeRefusedError, Sent, reaches_one_person, send

log = logging.getLogger("campaigns.approval.notices")


def send_notice(store: Store, entry: OutboxEntry, now: datetime) -> bool:
    """Send a notice, or divide it among the channels; one that nobody needs any more counts as sent.

    Raises:
        NoticeNotSentError: the channel did not take it.
    """
    channel = entry.payload.get("channel")
    if channel is None:
        _divide(store, entry, now)
        return True
    occasion = _occasion(store, entry)
    notice = _notice(store, occasion, entry, now)
    if notice is None:
        return True
    how = _attempt(store, entry, notice, channel, now)
    _audit(store, entry, Fact("outbox", how, now, round=occasion.round.n, details=_about(entry)))
    return True


def _divide(store: Store, entry: OutboxEntry, now: datetime) -> None:
    """Leave an entry for each channel: what one of them took is not sent again because another failed."""
    store.outbox.add(
        [
            OutboxEntry.about(
                entry.kind, entry.tenant_id, entry.subject_id, entry.id, channel,
                due_at=now, payload={**entry.payload, "channel": channel},
            )
            for channel in _channels(store, entry)
        ]
    )  # fmt: skip


def _channels(store: Store, entry: OutboxEntry) -> list[str]:
    """Return the channels of a campaign: those it names, of those that are set up; all of them when it names none."""
    known = get_settings().channels()
    campaign = store.campaigns.get(entry.tenant_id, entry.subject_id, deleted=True)
    if entry.kind == CODE:
        # It proves an address, so it goes there and nowhere else, whatever the campaign chose.
        if mail := [channel for channel in known if reaches_one_person(channel)]:
            return mail
        raise NoticeNotSentError("mail", "no channel that is set up reaches one person")
    chosen = [channel for channel in known if channel in campaign.approval.channels]
    return chosen or known


def _attempt(store: Store, entry: OutboxEntry, notice: Notice, channel: str, now: datetime) -> Sent:
    name = f"{entry.subject_id}-r{entry.payload['round']}-{entry.payload.get('approver', 'team')}-{entry.kind}"
    first = entry.kind == "review_request" and entry.payload["round"] == 1
    message_id = notice.thread if first else entry.id
    try:
        return send(channel, notice, name=f"{name}-{entry.id[-6:].lower()}", message_id=message_id, now=now)
    except NoticeNotSentError as error:
        # Told once while it may pass, and once more when it will not.
        if entry.attempts == 0 or isinstance(error, NoticeRefusedError):
            details = {**_about(entry), "error": error.reason}
            _audit(store, entry, Fact("outbox", "not_sent", now, round=entry.payload["round"], details=details))
        raise


def _about(entry: OutboxEntry) -> dict[str, str]:
    return {name: str(entry.payload[name]) for name in ("approver", "channel") if name in entry.payload} | {
        "kind": entry.kind
    }


def _audit(store: Store, entry: OutboxEntry, fact: Fact) -> None:
    try:
        store.record(entry.tenant_id, entry.subject_id, fact)
    except StoreUnavailableError:
        # The message is out: sending it again for the sake of the entry would be worse.
        log.warning("%s of a notice is not in the audit", fact.action)


def _occasion(store: Store, entry: OutboxEntry) -> Occasion:
    settings = get_settings()
    campaign = store.campaigns.get(entry.tenant_id, entry.subject_id, deleted=True)
    n = entry.payload["round"]
    try:
        brand = store.brands.get(entry.tenant_id, campaign.brand_id) if campaign.brand_id else None
    except NotFoundError:
        brand = None
    address = Requester.of(campaign).email or ""
    team = mailbox(address, address) or settings.operator()
    return Occasion(
        campaign=campaign,
        round=store.approvals.round(entry.tenant_id, entry.subject_id, n),
        posts=store.posts.list(entry.tenant_id, entry.subject_id),
        brand=brand,
        decisions=store.approvals.decisions(entry.tenant_id, entry.subject_id, n),
        team=(team.name, team.address),
    )


def _notice(store: Store, about: Occasion, entry: OutboxEntry, now: datetime) -> Notice | None:
    asked = next((each for each in about.round.approvers if each.id == entry.payload.get("approver")), None)
    if entry.kind not in PERSONAL:
        comment = _late_comment(store, entry) if entry.kind == NOTE else ""
        return to_team(entry.kind, about, approver_id=entry.payload.get("approver"), comment=comment)
    if asked is None or not _still_wanted(about, entry, asked, now):
        return None
    if entry.kind == RECEIPT:
        return to_approver(RECEIPT, about, asked)
    if entry.kind == CODE:
        issued_at = datetime.fromisoformat(entry.payload["issued"])
        return to_approver(CODE, about, asked, code=get_link_signer().one_time_code(asked, issued_at))
    link = get_link_signer().sign(about.round, asked, now=now).url(get_settings().api_base_url)
    return to_approver(entry.kind, about, asked, link_url=link, renewed=bool(entry.payload.get("renewed")))


def _still_wanted(about: Occasion, entry: OutboxEntry, asked: RoundApprover, now: datetime) -> bool:
    decided = any(each.approver_id == asked.id for each in about.decisions)
    if entry.kind == RECEIPT:
        return decided
    open_ = about.round.status is RoundStatus.PENDING and now < about.round.expires_at and not asked.revoked
    ends = entry.payload.get("ends")
    current = entry.kind != REMINDER or ends is None or ends == about.round.expires_at.isoformat()
    return open_ and not decided and current


def _late_comment(store: Store, entry: OutboxEntry) -> str:
    """Return the comment that an entry names; of an entry of an older version, which names none, the latest."""
    approver, note = entry.payload.get("approver"), entry.payload.get("note")
    comments = [
        str(each.details.get("comment", ""))
        for each in store.audit.entries(entry.tenant_id, entry.subject_id)
        if each.action == "commented" and each.actor == approver and note in {None, each.details.get("note")}
    ]
    return comments[-1] if comments else ""
