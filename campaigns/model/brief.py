"""The brief: all that a person says about a campaign (domain.md section 3).

One model for HTTP, the Prefect form and schedules. The form draws the JSON schema, so the fields
stand in the order of the form, carry a title, and avoid what Prefect's form draws badly (null
members, discriminated unions, times). What needs the clock, the brand or the personas is not
checked here but at submission (`campaigns.rules.submission`).
"""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    Strict,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from campaigns.model.base import (
    BlankIsNone,
    BrandId,
    Clean,
    HttpUrlText,
    Line500,
    Lines,
    Maybe,
    Text50,
    Text100,
    Text200,
    Wire,
    card,
    optional,
)
from campaigns.model.platforms import PLATFORM_FILES, PlatformRules
from campaigns.model.terms.approval_terms import Approval
from campaigns.model.terms.given import (
    MAX_ITEMS,
    CampaignItem,
    Disclosure,
    EmptyIsNone,
    Hashtag,
    Inclusion,
    TrackedLink,
)
from campaigns.model.terms.key_dates import MAX_KEY_DATES, KeyDate, PlatformTimes, labelled_once, named_once
from campaigns.model.terms.participants import (
    Participants,
    Weight,
    weights_sum_to_one,
)
from campaigns.model.terms.per_platform import PerPlatform, each_platform, title_of
from campaigns.model.terms.schedule import (
    Schedule,
)
from campaigns.model.vocabulary import PLATFORMS, Objective, Source


class CallToAction(Wire):
    """What the reader is asked to do. Leave all three empty for a campaign without one."""

    type: Text50 = Field(title="Kind", description="For example: shop, register, book_demo")
    text: Text200 = Field(title="Words", description="For example: Order the first bags")
    url: Maybe[HttpUrlText] = optional("Link", "Starts with https://")


class Brief(Wire):
    """What the campaign is about."""

    description: Annotated[str, StringConstraints(min_length=10, max_length=2000), Clean] = Field(
        title="What is it about?",
        description="Two to ten sentences: what, for whom, why now. Every fact the posts may use.",
    )
    objective: Objective = Field(title="Objective")
    cta_waived: StrictBool = Field(
        default=False,
        title="No call to action",
        description="A conversion or an event needs a call to action; switch this on to go without.",
    )
    primary_cta: Annotated[Maybe[CallToAction], BlankIsNone] = optional(
        "Call to action", "What the reader is asked to do", alias="primaryCTA", validate_default=True
    )

    @field_validator("primary_cta", mode="after")
    @classmethod
    def _objective_needs_a_cta(cls, value: CallToAction | None, info: ValidationInfo) -> CallToAction | None:
        objective = info.data.get("objective")
        if value is None and objective in {"conversion", "event"} and not info.data.get("cta_waived"):
            raise PydanticCustomError(
                "cta_required",
                "is required for the objective {objective}; give one, or set ctaWaived to true",
                {"objective": objective},
            )
        return value


class CadenceOverrides(Wire):
    """How often, over the whole campaign: all platforms and personas together."""

    min_posts_per_week: Maybe[Annotated[StrictInt, Field(ge=0, le=200)]] = optional(
        "Posts per week, at least", "Whole campaign, all platforms together; empty: from the brand"
    )
    max_posts_per_week: Maybe[Annotated[StrictInt, Field(ge=1, le=200)]] = optional(
        "Posts per week, at most", "Whole campaign, all platforms together; empty: from the brand"
    )
    max_posts_per_day: Maybe[Annotated[StrictInt, Field(ge=1, le=50)]] = optional(
        "Posts per day, at most", "Whole campaign, all platforms together; empty: 2"
    )

    @field_validator("max_posts_per_week", mode="after")
    @classmethod
    def _max_not_below_min(cls, value: int | None, info: ValidationInfo) -> int | None:
        least = info.data.get("min_posts_per_week")
        if value is not None and least is not None and value < least:
            raise PydanticCustomError(
                "cadence_order",
                "must be at least minPostsPerWeek {least}, not {value}",
                {"least": least, "value": value},
            )
        return value


class Pillar(Wire):
    """A theme the campaign keeps coming back to, with its share of the posts."""

    name: Text100 = Field(title="Pillar")
    weight: Weight = Field(title="Share", description="0 to 1; all pillars together 1")


class Messaging(Wire):
    """What the posts say, and never say."""

    pillars: list[Pillar] = Field(
        default=[], title="Pillars", description="Themes with their shares; none: the brand's", max_length=10
    )
    required_inclusions: Annotated[list[Line500], Field(max_length=20), Lines] = Field(
        default=[],
        title="Must include",
        description="Facts and phrases, each in at least one post; you can paste several lines",
    )
    campaign_avoid_topics: Annotated[list[Text200], Field(max_length=50), Lines] = Field(
        default=[],
        title="Topics to avoid",
        description="Added to what the brand and the personas avoid; you can paste several lines",
    )
    inclusions: Annotated[Maybe[list[Inclusion]], EmptyIsNone] = optional(
        "Must include, with a scope", "Once or in every post, by platform, from and until a day", max_length=20
    )
    hashtags: Annotated[Maybe[list[Hashtag]], EmptyIsNone] = optional(
        "Hashtags of every post", "Such as the official one; added to each post for you", max_length=20
    )
    disclosures: Annotated[Maybe[list[Disclosure]], EmptyIsNone] = optional(
        "Disclosures of every post", "Such as Advertisement or #ad; the first line of each post", max_length=5
    )

    def all_inclusions(self) -> list[str]:
        """Return the words of all inclusions, those with a scope too."""
        return [*self.required_inclusions, *(each.text for each in self.inclusions or [])]

    @field_validator("pillars", mode="after")
    @classmethod
    def _pillars_add_up(cls, value: list[Pillar]) -> list[Pillar]:
        names = [pillar.name.casefold() for pillar in value]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise PydanticCustomError("not_unique", "names {item} twice", {"item": twice})
        if value and not weights_sum_to_one([pillar.weight for pillar in value]):
            raise PydanticCustomError(
                "weights_sum",
                "the weights must add up to 1, not {total}",
                {"total": f"{sum(pillar.weight for pillar in value):g}"},
            )
        return value


def _visual(rules: PlatformRules) -> Any:
    return optional(
        title_of(rules), f"{rules.name} always needs media: false is refused" if rules.media.required else ""
    )


@each_platform(StrictBool, _visual)
class ForceVisuals(PerPlatform[bool]):
    """Require (true) or waive (false) a visual, platform by platform; empty: the brand's default."""


class AssetOverrides(Wire):
    """Visuals against the brand's defaults."""

    force_visuals: ForceVisuals = card(ForceVisuals(), "Visuals")


class Metadata(Wire):
    """Where the brief came from."""

    source: Source = Field(default="api", title="Source")
    external_ref: Maybe[Text200] = optional(
        "External reference", "Your own id; a second brief with the same one is the same campaign"
    )


class CampaignBrief(Wire):
    """Name, description, objective, personas, platforms, time zone and dates are required; the rest has defaults."""

    name: Text200 = Field(title="Campaign name", description="Stands in the run name and on the review page")
    brief: Brief = Field(title="Brief")
    participants: Participants = Field(title="Participants")
    schedule: Schedule = Field(title="Schedule")
    brand_id: Maybe[BrandId] = optional("Brand", "Brand id; empty: without a brand")
    cadence_overrides: CadenceOverrides = card(CadenceOverrides(), "Cadence")
    messaging: Messaging = card(Messaging(), "Messaging")
    key_dates: Annotated[Maybe[list[KeyDate]], EmptyIsNone, AfterValidator(labelled_once)] = optional(
        "Key dates", "Days that the campaign is about: reminders before, a post on each platform on the day",
        max_length=MAX_KEY_DATES,
    )  # fmt: skip
    platform_times: Annotated[Maybe[list[PlatformTimes]], EmptyIsNone, AfterValidator(named_once)] = optional(
        "Times per platform", "Days and windows of one platform, in place of those above", max_length=len(PLATFORMS)
    )
    items: Annotated[Maybe[list[CampaignItem]], EmptyIsNone] = optional(
        "Items", "Speakers, lots, products: one post each, spread over the campaign", max_length=MAX_ITEMS
    )
    tracked_link: Annotated[Maybe[TrackedLink], BlankIsNone] = optional(
        "Link of every post", "Gets utm_source, utm_medium, utm_campaign and utm_content by post"
    )
    asset_overrides: AssetOverrides = card(AssetOverrides(), "Visuals")
    approval: Approval = card(Approval(), "Approval")
    budget_usd: Maybe[Annotated[float, Strict(), Field(ge=0, le=10_000)]] = optional(
        "Budget in US dollars", "Generation stops before the model call that would break it", alias="budgetUSD"
    )
    metadata: Metadata = card(Metadata(), "Metadata")

    @field_validator("asset_overrides", mode="after")
    @classmethod
    def _media_where_they_are_needed(cls, value: AssetOverrides, info: ValidationInfo) -> AssetOverrides:
        participants = info.data.get("participants")
        for platform, forced in value.force_visuals.given().items():
            rules = PLATFORM_FILES[platform]
            wanted = participants is None or platform in participants.platforms
            if wanted and rules.media.required and not forced:
                raise PydanticCustomError(
                    "instagram_media",
                    "{platform} cannot be false: {name} publishes nothing without media",
                    {"platform": platform, "name": rules.name},
                )
        return value
