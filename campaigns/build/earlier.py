"""What earlier occurrences of a template said: its next one must not say it again."""

from collections.abc import Iterator
from functools import lru_cache

from campaigns.model.campaign import Campaign
from campaigns.model.post import Post
from campaigns.model.vocabulary import Platform
from campaigns.store import Store


def earlier_topics(store: Store, campaign: Campaign) -> list[str]:
    """Return the topics of the occurrences before this one, as far as its template remembers."""
    return list(dict.fromkeys(post.topic for post in _posts(store, campaign.tenant_id, _earlier(store, campaign))))


def earlier_texts(store: Store, campaign: Campaign, platform: Platform) -> list[str]:
    """Return the words of the occurrences before this one on a platform, the oldest first."""
    if campaign.occurrence is None:
        return []
    return _texts(store, campaign.tenant_id, _earlier(store, campaign), platform)


# Asked for each post of a campaign, and those before it change no more: a correction by an approver aside.
@lru_cache(maxsize=32)
def _texts(store: Store, tenant_id: str, campaign_ids: tuple[str, ...], platform: Platform) -> list[str]:
    posts = _posts(store, tenant_id, campaign_ids)
    return [post.content.text for post in posts if post.platform == platform and post.content is not None]


def _earlier(store: Store, campaign: Campaign) -> tuple[str, ...]:
    """Return the campaigns before this one, the oldest first, as they were noted when it was claimed."""
    of = campaign.occurrence
    if of is None:
        return ()
    found = store.occurrences.find(campaign.tenant_id, of.template_id, of.period, of.n)
    return tuple(reversed(found.earlier)) if found else ()


def _posts(store: Store, tenant_id: str, campaign_ids: tuple[str, ...]) -> Iterator[Post]:
    for campaign_id in campaign_ids:
        yield from store.posts.list(tenant_id, campaign_id)
