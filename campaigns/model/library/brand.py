"""Whose campaign it is: the brand, its rules and its assets (domain.md section 8)."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from campaigns.model.base import (
    AssetId,
    BrandId,
    Clean,
    HttpUrlText,
    Instant,
    Lines,
    Maybe,
    TenantId,
    Text50,
    Text100,
    Text200,
    Text500,
    Text1000,
    Unique,
    Wire,
)
from campaigns.model.terms.participants import weights_sum_to_one
from campaigns.model.terms.per_platform import PerPlatform, each_platform
from campaigns.model.vocabulary import (
    PLATFORMS,
    ApprovalMode,
    Audience,
    BrandAssetType,
    BrandStatus,
    CompetitorMentionPolicy,
    DefaultAsset,
    LinkPolicy,
    Platform,
    UsePolicy,
)


class VoiceGuidelines(Wire):
    tone: Annotated[list[Text50], Field(min_length=1, max_length=10), Lines]
    style: Annotated[list[Text50], Field(min_length=1, max_length=10), Lines]
    messaging: Annotated[list[Text100], Field(min_length=1, max_length=10), Lines]


class VisualIdentity(Wire):
    color_palette: Annotated[list[Text50], Field(min_length=1, max_length=10)]
    typography: Annotated[list[Text100], Field(min_length=1, max_length=5)]
    imagery: Annotated[list[Text100], Field(min_length=1, max_length=10)]


class ContentStandards(Wire):
    quality_requirements: Annotated[list[Text100], Field(min_length=1, max_length=10)]
    restrictions: Annotated[list[Text200], Field(max_length=20)] = []
    avoid_topics: Annotated[list[Text100], Field(max_length=20), Lines] = []
    avoid_phrases: Annotated[list[Text100], Field(max_length=20), Lines] = []


class PlatformDefaults(Wire):
    """A brand's house rules on one platform."""

    default_asset: DefaultAsset
    link_policy: LinkPolicy
    emoji_policy: UsePolicy
    hashtag_policy: UsePolicy
    typical_cadence_per_week: Annotated[int, Field(ge=0, le=21)]


@each_platform(PlatformDefaults, lambda _: None)
class PlatformDefaultsByPlatform(PerPlatform[PlatformDefaults]):
    """A brand's house rules, platform by platform."""


class PlatformGuidelines(Wire):
    enabled: Annotated[list[Platform], Field(min_length=1, max_length=len(PLATFORMS)), Unique]
    defaults: PlatformDefaultsByPlatform = PlatformDefaultsByPlatform()


class AudienceProfile(Wire):
    segments: Annotated[list[Text100], Field(max_length=10)] = []
    excluded: Annotated[list[Text100], Field(max_length=10)] = []


class BrandPillar(Wire):
    name: Text100
    weight: Maybe[Annotated[float, Field(ge=0, le=1)]] = None


class ClaimsPolicy(Wire):
    """What may be claimed; the system's default is the strictest (domain.md section 9)."""

    no_guarantees: bool = True
    no_performance_numbers_unless_provided: bool = True
    require_source_for_stats: bool = True
    competitor_mention_policy: CompetitorMentionPolicy = "avoid"


class LibraryCta(Wire):
    type: Text50
    text: Text200
    default_url: Maybe[HttpUrlText] = None


class BrandApprovalPolicy(Wire):
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.7
    mode: ApprovalMode = "always_review"


class BrandInput(Wire):
    """What a client says of a brand."""

    name: Text100
    ethos: Text1000
    core_values: Annotated[list[Text200], Field(min_length=1, max_length=10)]
    primary_audience: Audience
    voice_guidelines: VoiceGuidelines
    visual_identity: VisualIdentity
    content_standards: ContentStandards
    platform_guidelines: PlatformGuidelines
    audience_profile: AudienceProfile = AudienceProfile()
    pillars: Annotated[list[BrandPillar], Field(max_length=10)] = []
    claims_policy: ClaimsPolicy = ClaimsPolicy()
    competitors: Annotated[list[Text100], Field(max_length=50), Lines] = []
    handles: Annotated[list[Text100], Field(max_length=50), Lines] = []
    cta_library: Annotated[list[LibraryCta], Field(max_length=20)] = []
    approval_policy: BrandApprovalPolicy = BrandApprovalPolicy()

    @field_validator("pillars", mode="after")
    @classmethod
    def _all_weighted_or_none(cls, value: list[BrandPillar]) -> list[BrandPillar]:
        weights = [pillar.weight for pillar in value if pillar.weight is not None]
        if weights and len(weights) != len(value):
            raise PydanticCustomError("weights_mixed", "either every pillar has a weight or none has")
        if weights and not weights_sum_to_one(weights):
            raise PydanticCustomError(
                "weights_sum", "the weights must add up to 1, not {total}", {"total": f"{sum(weights):g}"}
            )
        names = [pillar.name.casefold() for pillar in value]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise PydanticCustomError("not_unique", "names {item} twice", {"item": twice})
        return value


class Brand(BrandInput):
    """A stored brand."""

    id: BrandId
    tenant_id: TenantId
    status: BrandStatus = BrandStatus.ACTIVE
    created_at: Instant
    updated_at: Instant
    deleted_at: Maybe[Instant] = None
    version: Annotated[int, Field(ge=1)] = 1


class Sizing(Wire):
    min_width: Maybe[Annotated[int, Field(ge=1)]] = None
    max_width: Maybe[Annotated[int, Field(ge=1)]] = None
    min_height: Maybe[Annotated[int, Field(ge=1)]] = None
    max_height: Maybe[Annotated[int, Field(ge=1)]] = None

    @model_validator(mode="after")
    def _min_not_above_max(self) -> Self:
        for side in ("width", "height"):
            least, most = getattr(self, f"min_{side}"), getattr(self, f"max_{side}")
            if least is not None and most is not None and least > most:
                raise PydanticCustomError("sizing_order", "the least {side} is above the most", {"side": side})
        return self


class UsageRules(Wire):
    placement: Maybe[Text500] = None
    sizing: Maybe[Sizing] = None
    restrictions: Annotated[list[Text200], Field(max_length=10)] = []


MAX_ASSET_BYTES = 10 * 1024 * 1024


class BrandAssetInput(Wire):
    """What a client says of an uploaded file."""

    name: Text200 = Field(title="Name")
    type: BrandAssetType
    category: Text100
    tags: Annotated[list[Text50], Field(max_length=20), Lines] = []
    usage_rules: UsageRules = UsageRules()


class BrandAsset(BrandAssetInput):
    """A stored asset. Where its bytes lie is not told to clients."""

    id: AssetId
    tenant_id: TenantId
    brand_id: BrandId
    content_type: Annotated[str, StringConstraints(pattern=r"^(image/(jpeg|png|webp|gif)|application/pdf)$")]
    file_size: Annotated[int, Field(ge=1, le=MAX_ASSET_BYTES)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    storage_key: Annotated[str, StringConstraints(max_length=1024), Clean]
    created_at: Instant
    updated_at: Instant
    deleted_at: Maybe[Instant] = None
    version: Annotated[int, Field(ge=1)] = 1
