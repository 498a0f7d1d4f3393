"""What approvers said in a round, sorted by what it is about: the writer answers it, the next page shows it. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from campaigns.model.approval import ApproverDecision


class Remark(NamedTuple):
    """A comment and who made it; `post_id` is None for one on the whole campaign.

    `passage` quotes the words that it is about; None: all of them.
    """

    by: str
    text: str
    post_id: str | None = None
    passage: str | None = None

    @property
    def pointed(self) -> str:
        return pointed(self.passage, self.text)


def pointed(passage: str | None, comment: str) -> str:
    """Return a comment behind the words that it is about."""
    return f"“{passage}”: {comment}" if passage and comment else comment


def remarks_on(post_id: str, decisions: Sequence[ApproverDecision]) -> list[Remark]:
    """Return the comments on one post, in the order they were sent."""
    return [
        Remark(each.decided_by, said.comment, post_id, said.passage)
        for each in decisions
        if (said := each.posts.get(post_id)) is not None and said.comment
    ]


def overall_remarks(decisions: Sequence[ApproverDecision]) -> list[Remark]:
    """Return the comments on the campaign as a whole."""
    return [Remark(each.decided_by, each.comments) for each in decisions if each.comments]


def other_remarks(post_id: str, decisions: Sequence[ApproverDecision]) -> list[Remark]:
    """Return the comments of the round that are not on this post: on the whole first, then on other posts."""
    on_others = [
        Remark(each.decided_by, said.comment, other)
        for each in decisions
        for other, said in each.posts.items()
        if other != post_id and said.comment
    ]
    return [*overall_remarks(decisions), *on_others]


def joined(remarks: Sequence[Remark]) -> str:
    """Return comments as one text; several voices are named, each with the words it is about, one is not."""
    if len(remarks) == 1:
        return remarks[0].text
    return "\n".join(f"{remark.by}: {remark.pointed}" for remark in remarks)
