"""A post, and a revision of it that is kept, as items of the table."""

from collections.abc import Sequence

from campaigns.model.post import Post
from campaigns.store.items import keys
from campaigns.store.items.documents import item_of
from campaigns.store.tables.table import ABSENT, Equals, Item, Put


def post_item(post: Post) -> Item:
    key = keys.post(*post.campaign_ref, post.id)
    place: dict[str, str | int] = {}
    if post.goes_out:
        place = keys.indexed("list", keys.calendar_partition(post.tenant_id), post.scheduled_at, post.id)
    return item_of(key, "post", post, version=post.version, revision=post.revision, status=str(post.status), **place)


def revision_item(post: Post) -> Item:
    return item_of(keys.revision(*post.campaign_ref, post.id, post.revision), "revision", post)


def replacing_posts(posts: Sequence[Post], *, keep: bool = False) -> list[Put]:
    """Return the writes of posts that still have the version that was read; `keep` keeps each as a revision too."""
    changed = [post.model_copy(update={"version": post.version + 1}) for post in posts]
    kept = [Put(revision_item(post), ABSENT) for post in changed if keep]
    return [*kept, *(Put(post_item(post), Equals({"version": post.version - 1})) for post in changed)]
