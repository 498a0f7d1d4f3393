"""What a brief gives its posts to carry: lines, hashtags, disclosures, items, a link (domain.md section 3).

All of it is optional, and absent on the wire when it is empty: a brief that says none of it is stored, fingerprinted
and planned as before there was any.
"""

import datetime as dt
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from campaigns.model.base import (
    AssetId,
    Clean,
    HttpUrlText,
    Line500,
    Maybe,
    Text100,
    Text200,
    Text500,
    Unique,
    Wire,
    optional,
)
from campaigns.model.terms.schedule import LocalDate, before_its_end
from campaigns.model.vocabulary import PLATFORMS, Platform

MAX_ITEMS: Final = 200
EVERYWHERE: Final = "None: on all of them"

OnPlatforms = Annotated[list[Platform], Field(max_length=len(PLATFORMS)), Unique]
"""Where something holds; empty: on every platform of the campaign."""


def _https(value: str) -> str:
    if not value.casefold().startswith("https://"):
        raise PydanticCustomError("url_https", "must be a web address that starts with https://")
    return value


HttpsUrlText = Annotated[HttpUrlText, Field(max_length=1500), AfterValidator(_https)]
"""An address with room left: the parameters that tell the links of posts apart are appended to it."""


def _without(sign: str) -> BeforeValidator:
    return BeforeValidator(lambda value: value.strip().lstrip(sign) if isinstance(value, str) else value)


class Inclusion(Wire):
    """A fact or phrase with its scope: in which posts it stands, on which platforms, on which days."""

    text: Line500 = Field(title="Words")
    scope: Literal["once", "every_post"] = Field(default="every_post", title="Where it stands")
    platforms: OnPlatforms = Field(default=[], title="Platforms", description=EVERYWHERE)
    from_: Maybe[LocalDate] = optional("From", "Not before this day", alias="from")
    until: Maybe[LocalDate] = optional("Until", "Not after this day")

    @field_validator("until", mode="after")
    @classmethod
    def _ends_later(cls, value: dt.date | None, info: ValidationInfo) -> dt.date | None:
        return before_its_end(value, info.data.get("from_"))

    def holds(self, platform: Platform, day: dt.date) -> bool:
        """Whether a post on this platform and local day is within the scope."""
        return self.in_time(day) and (not self.platforms or platform in self.platforms)

    def in_time(self, day: dt.date) -> bool:
        return (self.from_ is None or self.from_ <= day) and (self.until is None or day <= self.until)


class _OnPlatforms(Wire):
    platforms: OnPlatforms = Field(default=[], title="Platforms", description=EVERYWHERE)

    def holds(self, platform: Platform) -> bool:
        """Whether posts on this platform carry it."""
        return not self.platforms or platform in self.platforms


class Hashtag(_OnPlatforms):
    """A hashtag that stands in every post."""

    tag: Annotated[Text100, _without("#＃")] = Field(title="Hashtag")


class Disclosure(_OnPlatforms):
    """What every post says of itself, such as Advertisement or #ad: its first line."""

    text: Text100 = Field(title="Words")


class Handle(Wire):
    """A name on one platform."""

    platform: Platform = Field(title="Platform")
    handle: Annotated[Text100, _without("@＠")] = Field(title="Handle")


class CampaignItem(Wire):
    """A speaker, a lot, a product, a fact: one post is about it."""

    name: Text200 = Field(title="Name")
    about: Maybe[Text500] = optional("What to say of it", "Every fact its post may use")
    link: Maybe[HttpsUrlText] = optional("Link", "Starts with https://; in place of the campaign's link")
    handles: Annotated[list[Handle], Field(max_length=len(PLATFORMS))] = Field(
        default=[], title="Handles", description="Mentioned in its post, each on its platform"
    )
    asset_id: Maybe[AssetId] = optional("Picture", "Asset of the brand that its post shows")
    alt_text: Maybe[Annotated[str, StringConstraints(min_length=1, max_length=1000), Clean]] = optional(
        "Alt text", "What the picture shows"
    )
    weight: Maybe[Annotated[float, Strict(), Field(ge=0, le=100)]] = optional(
        "Weight", "Heavier ones come first; without weights the order of the list holds"
    )

    def handle_on(self, platform: Platform) -> str | None:
        """Return its handle on a platform, None: it has none there."""
        return next((each.handle for each in self.handles if each.platform == platform), None)


class TrackedLink(Wire):
    """The link of every post, told apart by post in the statistics of the site (`utm_…`)."""

    url: HttpsUrlText = Field(title="Link", description="Starts with https://; its query stays")
    campaign: Maybe[Annotated[str, StringConstraints(min_length=1, max_length=100), Clean]] = optional(
        "Campaign in the statistics", "utm_campaign; empty: the campaign's name"
    )


class Near(Wire):
    """A key date as it stands to the day of a post."""

    label: Text100
    date: dt.date
    when: Literal["ahead", "today", "over"]


class Given(Wire):
    """What one post was given to carry, made by code with the calendar.

    Attributes:
        about: the key date that it is about, by its label.
        key_dates: all key dates of the campaign.
        item: the item that it is about.
        hashtags: stand in it, without `#`.
        disclosures: stand in its first lines.
        not_said: inclusions of every post of other days: what is true on one day only.
        link: stands below it.
    """

    about: Maybe[Text100] = None
    key_dates: list[Near] = []
    item: Maybe[CampaignItem] = None
    hashtags: list[Text100] = []
    disclosures: list[Text100] = []
    not_said: list[Line500] = []
    link: Maybe[HttpUrlText] = None

    @property
    def near(self) -> Near | None:
        """The key date that the post is about."""
        return next((each for each in self.key_dates if each.label == self.about), None)

    @property
    def over(self) -> list[Near]:
        return [each for each in self.key_dates if each.when == "over"]


def _empty_is_none(value: Any) -> Any:
    return None if value == [] else value


EmptyIsNone = BeforeValidator(_empty_is_none)
"""An empty list is a missing one: neither leaves a trace on the wire."""
