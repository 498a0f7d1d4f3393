"""Adds to the words of a post what its brief gives it: disclosures, hashtags, link, handle, alt text."""

from datetime import UTC, datetime

from campaigns.model.post import PostContent
from campaigns.model.terms.given import Given
from campaigns.model.vocabulary import Platform
from campaigns.rules.text.limits.platforms import platform_rules, rendered_text, text_length
from campaigns.rules.text.matching import contains


def with_given(content: PostContent, given: Given | None, platform: Platform, *, most_hashtags: int) -> PostContent:
    """Return the words with all that was given, each once: nobody has to remember it, a model least of all.

    Args:
        most_hashtags: given ones first; of the others as many as there is room for.
    """
    if given is None:
        return content
    lines = undisclosed(content.text, given)
    handle = given.item.handle_on(platform) if given.item else None
    # What is not valid in a platform's grammar of handles is no mention there: LinkedIn has none in plain text.
    named = [handle] if handle and platform_rules(platform).mentions.form == "handle" else []
    more = [tag for tag in content.hashtags if tag.casefold() not in {each.casefold() for each in given.hashtags}]
    return content.model_copy(
        update={
            "text": "\n".join([*lines, content.text]),
            "hashtags": [*given.hashtags, *more[: max(0, most_hashtags - len(given.hashtags))]],
            "mentions": list({each.casefold(): each for each in [*named, *content.mentions]}.values()),
            "link": given.link or content.link,
            "alt_text": (given.item.alt_text if given.item else None) or content.alt_text,
        }
    )


def undisclosed(text: str, given: Given) -> list[str]:
    """Return the disclosures that do not stand in the first lines of a text, where readers look for them."""
    head = "\n".join(text.strip().splitlines()[: len(given.disclosures)])
    return [line for line in given.disclosures if not contains(head, line)]


def characters_given(given: Given | None, platform: Platform) -> int:
    """Return how many characters, as the platform counts, a post is given before anybody writes a word."""
    if given is None:
        return 0
    bare = PostContent.model_construct(
        text="x", hashtags=[], mentions=[], link=None, alt_text=None, generated_at=datetime.min.replace(tzinfo=UTC)
    )
    filled = with_given(bare, given, platform, most_hashtags=len(given.hashtags))
    return text_length(platform, rendered_text(platform, filled)) - 1
