"""What the process that builds a campaign remembers of it, so that no post reads all posts.

Only the holder of the lease writes posts while a campaign is built, so what it has read and written itself is what is
stored. A new holder, and the same process with a new lease, reads anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from campaigns.model.post import Post
from campaigns.model.vocabulary import Platform
from campaigns.store import Lease, Store
from campaigns.store.campaign.planned_with import PlannedWith

_MOST: Final = 8
"""Leases remembered at once; a process builds one campaign, a test some."""

_remembered: OrderedDict[tuple[str, str, str, int], Memory] = OrderedDict()
_lock: Final = threading.Lock()


@dataclass(slots=True)
class Memory:
    """What is known of one campaign: by platform and id the `texts` of its posts, and the `topics`."""

    texts: dict[Platform, dict[str, str]]
    topics: dict[Platform, dict[str, str]]
    planned_with: PlannedWith | None

    def siblings(self, post: Post) -> dict[str, str]:
        """Return the words of the other posts on the same platform, by id."""
        with _lock:
            return {post_id: text for post_id, text in self.texts.get(post.platform, {}).items() if post_id != post.id}

    def other_topics(self, post: Post) -> list[str]:
        """Return what the other posts on the same platform are about."""
        with _lock:
            return [topic for post_id, topic in self.topics.get(post.platform, {}).items() if post_id != post.id]

    def note(self, post: Post) -> None:
        """Remember the words of a post that was just stored."""
        with _lock:
            self.topics.setdefault(post.platform, {})[post.id] = post.topic
            known = self.texts.setdefault(post.platform, {})
            known.pop(post.id, None)
            if post.content is not None:
                known[post.id] = post.content.text


def memory_of(store: Store, tenant_id: str, campaign_id: str, fence: Lease | None) -> Memory:
    """Return what the holder of this lease remembers, read once; without a lease it is read each time."""
    if fence is None:
        return _read(store, tenant_id, campaign_id)
    key = (fence.tenant_id, fence.campaign_id, fence.owner, fence.token)
    with _lock:
        known = _remembered.get(key)
    if known is None:
        read = _read(store, tenant_id, campaign_id)
        with _lock:
            known = _remembered.setdefault(key, read)
            while len(_remembered) > _MOST:
                _remembered.popitem(last=False)
    return known


def forget(tenant_id: str, campaign_id: str) -> None:
    """Forget a campaign: others may change its posts while its run waits, so the next use reads the store."""
    with _lock:
        for key in [key for key in _remembered if key[:2] == (tenant_id, campaign_id)]:
            del _remembered[key]


def _read(store: Store, tenant_id: str, campaign_id: str) -> Memory:
    memory = Memory({}, {}, store.planned_with.get(tenant_id, campaign_id))
    for post in store.posts.list(tenant_id, campaign_id):
        memory.note(post)
    return memory
