"""Carries out what an operator ordered in Prefect: one act on one campaign, told in one sentence."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from campaigns.approval.editing import edit_text
from campaigns.errors import Fault, FaultsError, StoreUnavailableError
from campaigns.model.approval_terms import Approver
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import CampaignStatus, Decision
from campaigns.operations import acts as operations
from campaigns.operations.acts import By
from campaigns.operations.cancelling import cancel
from campaigns.operations.consistency import Finding, check, check_outbox
from campaigns.rules.approval.gate import due_before
from campaigns.rules.calendar.demand import MAX_POSTS
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.store.documents import Page
from campaigns.wiring import get_store
from tasks.checkpoints.storage import configured_storage
from tasks.delivery.deliver import deliver_now

log = logging.getLogger("campaigns.operations.acts")

T = TypeVar("T")


def retry(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    if campaign.status is CampaignStatus.FAILED:
        _forget_steps(campaign)
    moved = operations.retry(store, campaign, by, now=now)
    return f"the campaign is {moved.status} again, with a new run"


def regenerate(store: Store, campaign: Campaign, by: By, now: datetime, *, posts: str, comment: str) -> str:
    numbers = _numbers(posts)
    if campaign.status is CampaignStatus.FAILED:
        _forget_steps(campaign)
    operations.regenerate(store, campaign, by, numbers=numbers, comment=comment, now=now)
    return f"posts {', '.join(map(str, numbers))} are written again"


def edit(store: Store, campaign: Campaign, by: By, now: datetime, *, post: int, text: str) -> str:
    edited = edit_text(store, campaign, post, text, actor=by.actor, reason=by.reason, now=now)
    found = [f"{check.code}: {check.message}" for check in edited.quality.checks] if edited.quality else []
    return f"post {post} has another text" + (f"; its checks found {'; '.join(found)}" if found else "")


def reopen(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    settings = get_settings()
    default = Approver(name=settings.default_approver_name, email=settings.default_approver_email)
    round_ = operations.reopen(store, campaign, by, default_approver=default, now=now)
    return f"round {round_.n} is open until {round_.expires_at:%d %b %Y %H:%M UTC}"


def resend(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    names = operations.resend(store, campaign, by, now=now)
    return f"the link goes to {', '.join(names)} again" if names else "everybody has decided"


def replace(store: Store, campaign: Campaign, by: By, now: datetime, *, approver: str, name: str, email: str) -> str:
    asked = operations.replace(
        store, campaign, by, approver=approver.strip(), name=name.strip(), email=email.strip(), now=now
    )
    return f"the old link is worthless, a new one goes to {asked.name} <{asked.email}>"


def revoke(store: Store, campaign: Campaign, by: By, now: datetime, *, approver: str) -> str:
    round_ = operations.revoke(store, campaign, by, approver=approver.strip(), now=now)
    told = f"the link of {approver.strip()} is worthless"
    return f"{told}, and round {round_.n} came to {round_.outcome}" if round_.outcome else told


def extend(store: Store, campaign: Campaign, by: By, now: datetime, *, hours: int) -> str:
    round_ = operations.extend(store, campaign, by, hours=hours, now=now)
    told = f"round {round_.n} is open until {round_.expires_at:%d %b %Y %H:%M UTC}"
    late = due_before(round_, store.posts.list(campaign.tenant_id, campaign.id), round_.expires_at)
    if not late:
        return told
    numbers, first = ", ".join(str(post.number) for post in late), min(post.scheduled_at for post in late)
    lost = f"posts {numbers} do not go out unless approved before they are due"
    return f"{told}; {lost}, the first at {first:%d %b %Y %H:%M UTC}"


def call_off(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    cancel(store, campaign.tenant_id, campaign.id, actor=by.actor, reason=by.reason, now=now)
    return "the campaign is cancelled, its links are closed"


def decide(
    store: Store, campaign: Campaign, by: By, now: datetime, *, decision: str, comment: str, approver: str
) -> str:
    round_ = operations.decide_for(
        store, campaign, by, decision=Decision(decision), comment=comment, approver=approver, now=now
    )
    return f"round {round_.n} came to {round_.outcome}" if round_.outcome else f"round {round_.n} waits for others"


def redeliver(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    kinds = operations.redeliver(store, campaign, by, now=now)
    return f"tried again: {', '.join(kinds)}"


def roll_back(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    numbers = operations.roll_back(store, campaign, by, now=now)
    return f"posts {', '.join(map(str, numbers))} went back" if numbers else "there was nothing to undo"


def verify(tenant_id: str, campaign_id: str, now: datetime) -> tuple[int, dict[str, list[Finding]]]:
    """Check one campaign, or for "" all of the tenant; return how many, and what does not agree by what it is about."""
    store = get_store()
    campaigns = [store.campaigns.get(tenant_id, campaign_id)] if campaign_id else _all(store.campaigns.list, tenant_id)
    found = {campaign.id: check(store, campaign, now=now) for campaign in campaigns}
    for persona in [] if campaign_id else _all(store.personas.list, tenant_id):
        found[persona.id] = list(check_outbox(store, tenant_id, persona.id, now=now))
    return len(campaigns), {one: findings for one, findings in found.items() if findings}


def _all(listing: Callable[..., Page[T]], tenant_id: str) -> list[T]:
    page = listing(tenant_id)
    found = page.items
    while page.cursor is not None:
        page = listing(tenant_id, cursor=page.cursor)
        found += page.items
    return found


ACTS: Final[Mapping[str, Callable[..., str]]] = {
    "retry": retry,
    "regenerate": regenerate,
    "edit": edit,
    "reopen": reopen,
    "resend": resend,
    "replace": replace,
    "revoke": revoke,
    "extend": extend,
    "cancel": call_off,
    "decide": decide,
    "redeliver": redeliver,
    "roll back": roll_back,
}


def act(what: str, tenant_id: str, campaign_id: str, by: By, now: datetime, **arguments: object) -> str:
    """Carry out one act and deliver what follows from it; return what it came to.

    Raises:
        StoreUnavailableError: it may or may not be done.
        CampaignError: it cannot be done; the message says why, and nothing was changed.
    """
    store = get_store()
    campaign = store.campaigns.get(tenant_id, campaign_id)
    told = ACTS[what](store, campaign, by, now, **arguments)
    try:
        deliver_now(store, tenant_id, campaign_id, now=now)
    except StoreUnavailableError as error:
        log.warning("what follows from it is delivered later: %s", error)
    return told


def _forget_steps(campaign: Campaign) -> None:
    """Let every step look at the store again: what is stored there is not paid for twice."""
    configured_storage(get_settings()).delete_campaign_checkpoints(campaign.tenant_id, campaign.id)


def _numbers(posts: str) -> list[int]:
    """Return the post numbers in a text such as `3, 5-7`, sorted, each once.

    Raises:
        FaultsError: with every part that is no number or range of a campaign's posts; no list is built for it.
    """
    numbers: set[int] = set()
    faults: list[Fault] = []
    for part in posts.split(","):
        span = _SPAN.fullmatch(part.strip())
        first, last = (int(span["first"]), int(span["last"] or span["first"])) if span else (0, 0)
        if 1 <= first <= last <= MAX_POSTS:
            numbers.update(range(first, last + 1))
        else:
            expected = f"must be numbers from 1 to {MAX_POSTS} such as 3, 5-7, not {part.strip()[:20]!r}"
            faults.append(Fault("posts", expected, "POSTS_INVALID"))
    if faults:
        raise FaultsError(faults[:_MOST_FAULTS])
    return sorted(numbers)


_SPAN: Final = re.compile(r"(?P<first>[0-9]{1,9})( *- *(?P<last>[0-9]{1,9}))?")
_MOST_FAULTS: Final = 20
