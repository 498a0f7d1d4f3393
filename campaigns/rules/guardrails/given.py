"""What the brief gives every post to carry, and what it may no longer say."""

from collections.abc import Iterator

from campaigns.model.post import Check
from campaigns.model.terms.given import Given
from campaigns.rules.guardrails.reading import Reading, block
from campaigns.rules.text.given import undisclosed
from campaigns.rules.text.matching import spans_of


def hashtags(post: Reading) -> Iterator[Check]:
    said = {tag.casefold() for tag in post.hashtags}
    for tag in _given(post).hashtags:
        if tag.casefold() not in said:
            yield block("HASHTAG_MISSING", f"This post has to carry #{tag} and does not.")


def disclosures(post: Reading) -> Iterator[Check]:
    for line in undisclosed(post.text, _given(post)):
        yield block("DISCLOSURE", f"This post has to say “{line}” in its first line and does not.")


def link(post: Reading) -> Iterator[Check]:
    wanted = _given(post).link
    if wanted and wanted not in [address for address, _ in post.links]:
        yield block("LINK_MISSING", f"This post has to carry the link {wanted} and does not.")


def out_of_time(post: Reading) -> Iterator[Check]:
    for words in _given(post).not_said:
        for span in spans_of(words, post.text):
            yield block("INCLUSION_OUT_OF_TIME", f"“{words}” holds on other days, not on the day of this post.", span)


def _given(post: Reading) -> Given:
    return post.post.given or Given()
