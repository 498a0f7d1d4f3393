"""A post, and a revision of it that is kept, as items of the table."""

from __future__ import annotations

from campaigns.model.post import Post
from campaigns.store import keys
from campaigns.store.documents import item_of
from campaigns.store.table import Item


def post_item(post: Post) -> Item:
    key = keys.post(post.tenant_id, post.campaign_id, post.id)
    return item_of(key, "post", post, version=post.version, revision=post.revision, status=str(post.status))


def revision_item(post: Post) -> Item:
    return item_of(keys.revision(post.tenant_id, post.campaign_id, post.id, post.revision), "revision", post)
