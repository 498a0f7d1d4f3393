"""The words of a post that a comment points at. Pure."""

from collections.abc import Iterable

from campaigns.errors import Fault
from campaigns.model.approval import DecisionRequest
from campaigns.model.post import Post
from campaigns.rules.text.limits.platforms import rendered_text
from campaigns.rules.text.sentences import sentences


def sentences_of(post: Post) -> list[str]:
    """Return the sentences of a post as it is shown, each on one line."""
    return [_spaced(each) for each in sentences(_shown(post))]


def points_into(post: Post, passage: str) -> bool:
    """Whether these words stand in the post as it is shown, however they are spaced."""
    return _spaced(passage) in _spaced(_shown(post))


def passage_faults(request: DecisionRequest, posts: Iterable[Post]) -> list[Fault]:
    """Return which comments point at words that their post does not have."""
    shown = {post.id: post for post in posts}
    return [
        Fault(
            f"posts.{post_id}.passage",
            "these words do not stand in the post: quote them as they are shown",
            "PASSAGE_NOT_FOUND",
        )
        for post_id, said in request.posts.items()
        if said.passage and post_id in shown and not points_into(shown[post_id], said.passage)
    ]


def _shown(post: Post) -> str:
    return rendered_text(post.platform, post.content) if post.content else ""


def _spaced(text: str) -> str:
    return " ".join(text.split())
