"""Posts and every revision of them. The first writer of a revision wins; a repeated write returns what is stored."""

import builtins  # a method named `list` hides the type
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from campaigns.errors import ConflictError, NotFoundError, VersionConflictError
from campaigns.model.campaign import Campaign
from campaigns.model.fact import Fact
from campaigns.model.post import Post, Review
from campaigns.model.vocabulary import Platform, PostStatus
from campaigns.store.commits.leases import Lease
from campaigns.store.commits.transaction import attempts, commit, contended
from campaigns.store.items import keys
from campaigns.store.items.documents import value_of
from campaigns.store.items.post_items import post_item, replacing_posts, revision_item
from campaigns.store.tables.table import (
    ABSENT,
    Check,
    ConditionFailed,
    Delete,
    Equals,
    Put,
    Repository,
    check_bounds,
)

# A planned post is at most some 80 KB, and a write at most 4 MB with the audit entry beside.
_BATCH: Final = 25


class PostRepository(Repository):
    """Posts of a campaign. Unknown, foreign and malformed ids all answer `NotFoundError`."""

    def put_planned(self, posts: Sequence[Post], *, fence: Lease | None = None) -> list[Post]:
        """Write the posts that are not there yet and return all of these as stored, in calendar order.

        All are checked before the first is written. Killed in between, a repetition writes the rest.

        Raises:
            ItemTooLargeError: a post is above 400 KB; nothing was written.
            LeaseLostError: the fence's owner no longer holds the campaign.
        """
        writes = [Put(post_item(post), ABSENT) for post in posts]
        for write in writes:
            check_bounds([write])
        stored: dict[str, Post] = {}
        for start in range(0, len(posts), _BATCH):
            waiting = list(zip(posts, writes, strict=True))[start : start + _BATCH]
            while waiting:
                tenant_id, campaign_id = waiting[0][0].tenant_id, waiting[0][0].campaign_id
                try:
                    commit(self._table, tenant_id, campaign_id, [write for _, write in waiting], fence=fence)
                except ConditionFailed as failed:
                    found = {waiting[position][0].id: item for position, item in failed.failures.items()}
                    stored |= {post_id: value_of(item, Post) for post_id, item in found.items() if item}
                    waiting = [pair for pair in waiting if pair[0].id not in stored]
                else:
                    stored |= {post.id: post for post, _ in waiting}
                    waiting = []
        return _in_calendar_order(list(stored.values()))

    def drop_planned(
        self, tenant_id: str, campaign_id: str, post_ids: Collection[str], *, fence: Lease | None = None
    ) -> None:
        """Remove posts of a plan that nobody will build; one that has words already stays, a missing one is no error.

        Raises:
            LeaseLostError: the fence's owner no longer holds the campaign.
        """
        for post_id in post_ids:
            unwritten = Equals({"status": str(PostStatus.PLANNED), "revision": 0})
            try:
                removal = Delete(keys.post(tenant_id, campaign_id, post_id), unwritten)
                commit(self._table, tenant_id, campaign_id, [removal], fence=fence)
            except ConditionFailed:
                continue

    def get(self, tenant_id: str, campaign_id: str, post_id: str) -> Post:
        item = self._table.get(keys.post(tenant_id, campaign_id, post_id))
        if item is None:
            raise NotFoundError("post", post_id)
        return value_of(item, Post)

    def list(
        self, tenant_id: str, campaign_id: str, *, platform: Platform | None = None, persona_id: str | None = None
    ) -> list[Post]:
        """Return the posts of a campaign as of now, by time and id; none for an unknown campaign."""
        items = self._table.query(keys.campaign_partition(tenant_id, campaign_id), keys.POSTS)
        posts = [value_of(item, Post) for item in items]
        return _in_calendar_order(
            [
                post
                for post in posts
                if (platform is None or post.platform == platform) and persona_id in {None, post.persona_id}
            ]
        )

    @contended
    def save_revision(self, post: Post, *, fence: Lease | None = None) -> Post:
        """Keep revision `post.revision` for ever and make it the current post, in one transaction.

        If that revision exists, nothing is written and the stored one is returned unchanged: repeating
        a generation is harmless. The version is counted here, whatever the one given.

        Raises:
            NotFoundError: the post was never planned.
            ConflictError: a later revision is current and this one was never kept.
            LeaseLostError: the fence's owner no longer holds the campaign.
        """
        key = keys.revision(*post.campaign_ref, post.id, post.revision)
        kept = self._table.get(key)
        if kept is not None:
            return value_of(kept, Post)
        current = self.get(*post.campaign_ref, post.id)
        if current.revision > post.revision:
            raise ConflictError(f"revision {current.revision} is current", {"currentRevision": current.revision})
        saved = post.model_copy(update={"version": current.version + 1, "created_at": current.created_at})
        writes = [Put(revision_item(saved), ABSENT), Put(post_item(saved), Equals({"version": current.version}))]
        commit(self._table, *post.campaign_ref, writes, fence=fence)
        return saved

    def revisions(self, tenant_id: str, campaign_id: str, post_id: str) -> builtins.list[Post]:
        """Return every kept revision of a post, oldest first."""
        pk = keys.campaign_partition(tenant_id, campaign_id)
        return [value_of(item, Post) for item in self._table.query(pk, keys.revisions(post_id))]

    def revision(self, tenant_id: str, campaign_id: str, post_id: str, n: int) -> Post | None:
        """Return one revision as it was kept, or None: the question before a model is paid."""
        item = self._table.get(keys.revision(tenant_id, campaign_id, post_id, n))
        return value_of(item, Post) if item else None

    def rewrite(self, campaign: Campaign, posts: Sequence[Post], *, facts: Sequence[Fact], keep: bool = False) -> None:
        """Replace posts of a campaign as it was read, all or none, with audit; `keep` keeps each as a revision too.

        Raises:
            VersionConflictError: the campaign or a post was changed since it was read; nothing was written.
        """
        same = Check(keys.campaign(*campaign.ref), Equals({"version": campaign.version, "deleted": 0}))
        try:
            commit(self._table, *campaign.ref, [same, *replacing_posts(posts, keep=keep)], facts=facts)
        except ConditionFailed as failed:
            raise VersionConflictError(
                "the campaign or a post was changed since it was read: look at it, and order anew",
                {"currentVersion": campaign.version},
            ) from failed

    def review(
        self, tenant_id: str, campaign_id: str, reviews: Mapping[str, Review], *, fence: Lease | None = None
    ) -> builtins.list[Post]:
        """Set the review of each post named, leave posts that have it already, and return them in calendar order.

        In batches: repeating the call does what is left.

        Raises:
            NotFoundError: a post was never planned; those of batches before are set.
            LeaseLostError: the fence's owner no longer holds the campaign.
        """
        if not reviews:
            return []
        stored = {post.id: post for post in self.list(tenant_id, campaign_id)}
        done: dict[str, Post] = {}
        for start in range(0, len(reviews), _BATCH):
            named = builtins.list(reviews)[start : start + _BATCH]
            done |= self._reviewed(tenant_id, campaign_id, {each: reviews[each] for each in named}, stored, fence)
        return _in_calendar_order(builtins.list(done.values()))

    def _reviewed(
        self,
        tenant_id: str,
        campaign_id: str,
        reviews: Mapping[str, Review],
        stored: Mapping[str, Post],
        fence: Lease | None,
    ) -> dict[str, Post]:
        """Set the reviews of one batch in one transaction; a post that was changed since it was read is read again."""
        posts = {each: stored.get(each) or self.get(tenant_id, campaign_id, each) for each in reviews}
        for _ in attempts():
            waiting = [each for each, post in posts.items() if post.review != reviews[each]]
            changed = {each: _with_review(posts[each], reviews[each]) for each in waiting}
            writes = [Put(post_item(changed[each]), Equals({"version": posts[each].version})) for each in waiting]
            if not writes:
                return posts
            try:
                commit(self._table, tenant_id, campaign_id, writes, fence=fence)
            except ConditionFailed as failed:
                for position in failed.failures:
                    posts[waiting[position]] = self.get(tenant_id, campaign_id, waiting[position])
                continue
            return posts | changed
        raise AssertionError  # `attempts` ends by raising


def _with_review(post: Post, review: Review) -> Post:
    changes = {"review": review, "updated_at": review.at or post.updated_at, "version": post.version + 1}
    return post.model_copy(update=changes)


def _in_calendar_order(posts: list[Post]) -> list[Post]:
    return sorted(posts, key=lambda post: (post.scheduled_at, post.id))
