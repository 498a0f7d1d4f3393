"""The closed lists of the domain (domain.md section 2): one name, one spelling, everywhere.

Choices that people make in a form are `Literal`s (Prefect's form draws them as selects); statuses,
which only the system sets, are `StrEnum`s.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, get_args

from campaigns.model.platforms import PLATFORM_FILES

PLATFORMS: Final = tuple(PLATFORM_FILES)
PLATFORM_NAMES: Final = {platform: rules.name for platform, rules in PLATFORM_FILES.items()}
if TYPE_CHECKING:
    Platform = str
else:  # the list is closed, and it is the files that close it
    Platform = Literal[PLATFORMS]

Objective = Literal["awareness", "education", "conversion", "event", "launch"]
Intent = Literal["announce", "educate", "opinion", "invite_discussion", "social_proof", "reminder"]
Audience = Literal["executives", "professionals", "consumers", "technical", "creative"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = get_args(Day)
DistributionMode = Literal["balanced", "weighted", "custom"]
Source = Literal["wizard", "api", "import", "ui", "schedule"]
ReferenceType = Literal["url", "assetId"]
BrandAssetType = Literal["logo", "template", "image", "document"]
DefaultAsset = Literal["none", "image", "video"]
LinkPolicy = Literal["allowed", "discouraged", "never"]
UsePolicy = Literal["none", "sparing", "allowed"]
CompetitorMentionPolicy = Literal["avoid", "neutral_only", "allowed"]
ApprovalMode = Literal["auto_approve", "require_review_below_threshold", "always_review"]
OnTimeout = Literal["reject", "approve", "extend"]
Provenance = Literal["campaign", "brand", "persona", "system"]
Severity = Literal["block", "warn"]


class Decision(StrEnum):
    """What an approver can say of a campaign."""

    APPROVED = "approved"
    REJECTED = "rejected"
    NEEDS_REVISION = "needs_revision"


class CampaignStatus(StrEnum):
    PLANNING = "planning"
    GENERATING = "generating"
    AWAITING_REVIEW = "awaiting_review"
    NEEDS_REVISION = "needs_revision"
    APPROVED = "approved"
    COMPLETED = "completed"
    REJECTED = "rejected"
    APPROVAL_TIMEOUT = "approval_timeout"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PostStatus(StrEnum):
    """How far the words of a post are."""

    PLANNED = "planned"
    GENERATING = "generating"
    COMPLETED = "completed"
    NEEDS_REVIEW = "needs_review"
    FAILED = "failed"
    SKIPPED = "skipped"


class ReviewState(StrEnum):
    """What people said of a post; independent of its `PostStatus`."""

    NONE = "none"
    PENDING = "pending"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    REJECTED = "rejected"
    EXPIRED = "expired"


class RoundStatus(StrEnum):
    """Where an approval round is."""

    PENDING = "pending"
    DECIDED = "decided"
    TIMED_OUT = "timed_out"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


class BrandStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    ARCHIVED = "archived"


class AnalysisStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILURE = "failure"
