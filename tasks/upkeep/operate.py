"""Carries out what an operator ordered in Prefect: one act of `campaigns.operations.acts` on one campaign."""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

from campaigns.errors import Fault, FaultsError, StoreUnavailableError
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations import acts
from campaigns.operations.acts import By
from campaigns.operations.watching.consistency import Finding, check, check_outbox
from campaigns.rules.merge.defaults import MOST_POSTS_EVER
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.store.items.documents import Page
from campaigns.wiring import get_store
from tasks.checkpoints.storage import configured_storage
from tasks.delivery.deliver import deliver_now
from tasks.engine.bound import require_own_tenant

log = logging.getLogger("campaigns.operations.acts")

T = TypeVar("T")


@task(cache_policy=NO_CACHE, persist_result=False)
def carry_out(tenant_id: str, campaign_id: str, act: Callable[[Store, Campaign, datetime], str]) -> str:
    """Carry out one act and deliver what follows from it; return what it came to.

    Raises:
        StoreUnavailableError: it may or may not be done.
        CampaignError: it cannot be done; the message says why, and nothing was changed.
    """
    require_own_tenant(tenant_id)
    store, now = get_store(), datetime.now(UTC)
    done = act(store, store.campaigns.get(tenant_id, campaign_id), now)
    try:
        deliver_now(store, tenant_id, campaign_id, now=now)
    except StoreUnavailableError as error:
        log.warning("what follows from it is delivered later: %s", error)
    return done


@task(cache_policy=NO_CACHE, persist_result=False)
def turn(switch: Callable[[Store, By, datetime], str], by: By) -> str:
    """Turn the switch of all calls of the model; return what it came to.

    Raises:
        StoreUnavailableError: it may or may not be done.
        ConflictError: it is so already.
    """
    return switch(get_store(), by, datetime.now(UTC))


def retry(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    """`acts.retry`, without the checkpoints of the run that failed."""
    _forget_steps(campaign)
    return acts.retry(store, campaign, by, now)


def regenerate(store: Store, campaign: Campaign, by: By, now: datetime, *, posts: str, comment: str) -> str:
    """`acts.regenerate` of posts named as in `3, 5-7`, without the checkpoints of a run that failed."""
    numbers = _numbers(posts)
    _forget_steps(campaign)
    return acts.regenerate(store, campaign, by, now, numbers=numbers, comment=comment)


def reopen(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    """`acts.reopen`, with the approver of the settings where the campaign names none."""
    return acts.reopen(store, campaign, by, now, default_approver=get_settings().default_approver())


@task(task_run_name="verify", cache_policy=NO_CACHE, persist_result=False)
def verify(tenant_id: str, campaign_id: str) -> tuple[int, list[dict[str, str]]]:
    """Check one campaign, or for "" all of the tenant; return how many, and what does not agree, as rows.

    Raises:
        FaultsError: this worker acts for another tenant.
    """
    require_own_tenant(tenant_id)
    count, found = inconsistencies(tenant_id, campaign_id, datetime.now(UTC))
    return count, [
        {"campaign": subject, "code": finding.code, "found": finding.found}
        for subject, findings in found.items()
        for finding in findings
    ]


def inconsistencies(tenant_id: str, campaign_id: str, now: datetime) -> tuple[int, dict[str, list[Finding]]]:
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


def _forget_steps(campaign: Campaign) -> None:
    """Let every step of a failed campaign look at the store again: what is stored there is not paid for twice."""
    if campaign.status is CampaignStatus.FAILED:
        configured_storage(get_settings()).delete_campaign_checkpoints(*campaign.ref)


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
        if 1 <= first <= last <= MOST_POSTS_EVER:
            numbers.update(range(first, last + 1))
        else:
            expected = f"must be numbers from 1 to {MOST_POSTS_EVER} such as 3, 5-7, not {part.strip()[:20]!r}"
            faults.append(Fault("posts", expected, "POSTS_INVALID"))
    if faults:
        raise FaultsError(faults[:_MOST_FAULTS])
    return sorted(numbers)


_SPAN: Final = re.compile(r"(?P<first>[0-9]{1,9})( *- *(?P<last>[0-9]{1,9}))?")
_MOST_FAULTS: Final = 20
