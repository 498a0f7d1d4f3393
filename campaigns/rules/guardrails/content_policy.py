"""What the words of one persona on one platform have to obey, already merged (domain.md section 13).

The guardrails know nothing of where a rule came from: brand, brief and persona meet in this value.
"""

from campaigns.model.base import Maybe, Wire
from campaigns.model.brief import CallToAction
from campaigns.model.library.brand import ClaimsPolicy
from campaigns.model.library.persona import Level
from campaigns.model.vocabulary import LinkPolicy, Platform, UsePolicy


class ContentPolicy(Wire):
    """The merged rules for posts of one persona on one platform.

    Lists keep the order in which they were merged. What belongs to a single post (required
    inclusions, whether it needs the call to action, its references, its visual) is read from the post.

    Attributes:
        link_policy: the brand's for this platform, else the system's; so are `emoji_policy` (the
            stricter of brand and persona) and `hashtag_policy`.
        avoid_words: the persona's `language.avoid`.
        avoid_phrases: the brand's `contentStandards.avoidPhrases`.
        avoid_topics: union of persona, campaign and brand.
        claims: what may be claimed; the legal checks follow from it.
        forbidden: kinds of claims that the brand's restrictions rule out even where the brief makes them: `health`,
            `superlative`, `offer` (see `restrictions`).
        competitors: the brand's competitors by name.
        known_handles: handles that may be mentioned, without `@` (the brand's); handles that stand in
            `sources` are known too.
        allowed_hosts: hosts a link may lead to, such as `shop.example.com` (call to action, brand);
            their subdomains, and the hosts of links in `sources` and in the post's references, too.
        cta: the call to action of the campaign, null without one.
        cta_aggressiveness: the persona's; `low` means at most one soft call to action.
        sources: texts from which figures, addresses and handles may come: the brief's description, its
            first and last day, the required inclusions. The call to action, and what the post itself was
            given (its inclusions and references), count without being named here.
        language: ISO 639-1 code of the brief's language (`guess_language` of its description); null when
            it is not known, then not checked.
        timezone: the campaign's zone, IANA: a post may name its own day and hour.
    """

    platform: Platform
    link_policy: LinkPolicy
    emoji_policy: UsePolicy
    hashtag_policy: UsePolicy
    avoid_words: list[str] = []
    avoid_phrases: list[str] = []
    avoid_topics: list[str] = []
    claims: ClaimsPolicy = ClaimsPolicy()
    forbidden: list[str] = []
    competitors: list[str] = []
    known_handles: list[str] = []
    allowed_hosts: list[str] = []
    cta: Maybe[CallToAction] = None
    cta_aggressiveness: Level = "medium"
    sources: list[str] = []
    language: Maybe[str] = None
    timezone: str = "UTC"
