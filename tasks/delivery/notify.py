"""Sends the notices of the outbox, once by every channel; failures are kept there, audited, and never fatal."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns import correlation
from campaigns.approval.codes import LIFETIME as CODE_LASTS
from campaigns.approval.messages.events import told_to_prefect
from campaigns.approval.messages.list_notices import digest, list_code, list_link
from campaigns.approval.messages.notice_kinds import (
    CODE,
    DIGEST,
    LIST_CODE,
    LIST_LINK,
    NOTE,
    OF_A_PERSON,
    RECEIPT,
    REMINDER,
    TEAM,
    personal,
)
from campaigns.approval.messages.notices import Notice, Occasion, to_approver, to_team
from campaigns.build.submission import brand_of
from campaigns.errors import StoreUnavailableError
from campaigns.keys.lists import LIST_LIFETIME
from campaigns.mail_server import mailbox
from campaigns.model.approval import ApprovalRound, RoundApprover
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import RoundStatus
from campaigns.rules.approval.decisions import still_asked
from campaigns.rules.approval.identities import Requester, folded
from campaigns.settings import get_settings
from campaigns.store import Fact, OutboxEntry, Store
from campaigns.wiring import get_link_signer, get_list_links
from tasks.delivery.channels import NoticeNotSentError, NoticeRefusedError, Sent, reaches_one_person, send

log = logging.getLogger("campaigns.approval.notices")

_Waiting = tuple[Campaign, ApprovalRound, RoundApprover]
"""What a digest is still about."""


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
    waiting: list[_Waiting] = []
    if entry.kind == DIGEST:
        entry = _of_one_person(store, entry, _asked(occasion, entry), now)
        waiting = _still_waiting(store, entry, now)
    notice = _notice(store, occasion, entry, waiting, now)
    if notice is None:
        return True
    about = [{"campaign": campaign.id, "round": round_.n, "approver": one.id} for campaign, round_, one in waiting]
    with correlation.bound(occasion.campaign.correlation_id):  # that of the campaign, whoever caused the notice
        how = _attempt(store, entry, notice, channel, now)
        if entry.kind != DIGEST:
            _sent(store, entry, how, now)
        for each in about:  # of the others it says nothing
            told = entry.model_copy(update={"subject_id": each["campaign"], "payload": {**entry.payload, **each}})
            _sent(store, told, how, now)
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
    if entry.kind in {CODE, LIST_CODE, LIST_LINK}:
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


def _sent(store: Store, entry: OutboxEntry, how: Sent, now: datetime) -> None:
    """Record that a message left; of a reminder Prefect is told too."""
    n, told = entry.payload["round"], list[OutboxEntry]()
    if entry.kind in {REMINDER, DIGEST}:
        place, approver = (entry.tenant_id, entry.subject_id, n), entry.payload["approver"]
        told = [told_to_prefect("review.reminded", *place, entry.id, at=now, approver=approver)]
    _audit(store, entry, Fact("outbox", how, now, round=n, details=_about(entry)), told)


def _about(entry: OutboxEntry) -> dict[str, str]:
    return {name: str(entry.payload[name]) for name in ("approver", "channel") if name in entry.payload} | {
        "kind": entry.kind
    }


def _audit(store: Store, entry: OutboxEntry, fact: Fact, outbox: Sequence[OutboxEntry] = ()) -> None:
    try:
        store.record(entry.tenant_id, entry.subject_id, fact, outbox=outbox)
    except StoreUnavailableError:
        # The message is out: sending it again for the sake of the entry would be worse.
        log.warning("%s of a notice is not in the audit", fact.action)


def _occasion(store: Store, entry: OutboxEntry) -> Occasion:
    settings = get_settings()
    campaign = store.campaigns.get(entry.tenant_id, entry.subject_id, deleted=True)
    n = entry.payload["round"]
    brand = brand_of(store, entry.tenant_id, campaign.brand_id)
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


def _asked(about: Occasion, entry: OutboxEntry) -> RoundApprover | None:
    return next((each for each in about.round.approvers if each.id == entry.payload.get("approver")), None)


def _of_one_person(store: Store, entry: OutboxEntry, asked: RoundApprover | None, now: datetime) -> OutboxEntry:
    """Return a digest with what is asked of the one whom it goes to, for it has that person's own links.

    Where somebody else is asked by now, in this round or in another of it, each is reminded alone.
    """
    kept, alone = list[dict[str, Any]](), list[OutboxEntry]()
    for each in entry.payload["reminders"]:
        round_ = store.approvals.round(entry.tenant_id, each["campaign"], each["round"])
        other = next((one for one in round_.approvers if one.id == each["approver"]), None)
        if asked is not None and not asked.revoked and other is not None and folded(other.email) == folded(asked.email):
            kept.append(each)
        elif other is not None and not other.revoked:
            once = ("alone", entry.due_since.isoformat())
            alone.append(personal(REMINDER, round_, other.id, *once, due_at=now, ends=each["ends"]))
    store.outbox.add(alone)
    return entry.model_copy(update={"payload": {**entry.payload, "reminders": kept}})


def _notice(
    store: Store, about: Occasion, entry: OutboxEntry, waiting: Sequence[_Waiting], now: datetime
) -> Notice | None:
    asked = _asked(about, entry)
    if entry.kind in TEAM:
        comment = _late_comment(store, entry) if entry.kind == NOTE else ""
        return to_team(entry.kind, about, approver_id=entry.payload.get("approver"), comment=comment)
    if entry.kind in OF_A_PERSON:
        return None if asked is None or asked.revoked else _of_a_person(about, entry, asked, waiting, now)
    if asked is None:
        return None
    if entry.kind == CODE:  # also for whoever has decided: it is asked for to take that back
        code = None if asked.revoked else _code(entry, asked, now)
        return None if code is None else to_approver(CODE, about, asked, code=code)
    if not _still_wanted(about, entry, asked, now):
        return None
    if entry.kind == RECEIPT:
        return to_approver(RECEIPT, about, asked)
    link = get_link_signer().sign(about.round, asked, now=now).url(get_settings().api_base_url)
    return to_approver(entry.kind, about, asked, link_url=link, renewed=bool(entry.payload.get("renewed")))


def _of_a_person(
    about: Occasion, entry: OutboxEntry, asked: RoundApprover, waiting: Sequence[_Waiting], now: datetime
) -> Notice | None:
    base_url, lists, links = get_settings().api_base_url, get_list_links(), get_link_signer()
    if entry.kind == LIST_CODE:
        code = _code(entry, asked, now)
        return None if code is None else list_code(about, asked, code=code)
    list_url = lists.url(base_url, about.round, asked, now=now)
    if entry.kind == LIST_LINK:
        return list_link(about, asked, list_url=list_url, until=now + LIST_LIFETIME)
    linked = [
        (campaign, round_, links.sign(round_, approver, now=now).url(base_url))
        for campaign, round_, approver in waiting
    ]
    return digest(about, asked, linked, list_url=list_url) if linked else None


def _code(entry: OutboxEntry, asked: RoundApprover, now: datetime) -> str | None:
    """Return the code that an entry is about; None: its time is over, or its key was revoked since."""
    links, kid = get_link_signer(), entry.payload.get("kid")
    issued_at = datetime.fromisoformat(entry.payload["issued"])
    over = now >= issued_at + CODE_LASTS or not links.reads(kid)
    return None if over else links.one_time_code(asked, issued_at, kid)


def _still_waiting(store: Store, entry: OutboxEntry, now: datetime) -> list[_Waiting]:
    """Return what a digest is still about, the one that ends first first."""
    found = []
    for each in entry.payload["reminders"]:
        place = entry.tenant_id, each["campaign"]
        campaign = store.campaigns.get(*place, deleted=True)
        round_ = store.approvals.round(*place, each["round"])
        waits_for = still_asked(round_, store.approvals.decisions(*place, each["round"]))
        approver = next((one for one in waits_for if one.id == each["approver"]), None)
        open_ = round_.status is RoundStatus.PENDING and now < round_.expires_at
        if approver is None or campaign.deleted_at or not open_:
            continue
        if each["ends"] == round_.expires_at.isoformat():
            found.append((campaign, round_, approver))
    return sorted(found, key=lambda each: (each[1].expires_at, each[0].id))


def _still_wanted(about: Occasion, entry: OutboxEntry, asked: RoundApprover, now: datetime) -> bool:
    if entry.kind == RECEIPT:
        return any(each.approver_id == asked.id for each in about.decisions)
    open_ = about.round.status is RoundStatus.PENDING and now < about.round.expires_at
    ends = entry.payload.get("ends")
    current = entry.kind != REMINDER or ends is None or ends == about.round.expires_at.isoformat()
    return open_ and current and asked in still_asked(about.round, about.decisions)


def _late_comment(store: Store, entry: OutboxEntry) -> str:
    """Return the comment that an entry names; of an entry of an older version, which names none, the latest."""
    approver, note = entry.payload.get("approver"), entry.payload.get("note")
    comments = [
        str(each.details.get("comment", ""))
        for each in store.audit.entries(entry.tenant_id, entry.subject_id)
        if each.action == "commented" and each.actor == approver and note in {None, each.details.get("note")}
    ]
    return comments[-1] if comments else ""
