"""What holds when neither the campaign nor a brand says anything (domain.md section 9)."""

from typing import Final

from campaigns.model.brief import CallToAction, Pillar
from campaigns.model.library.brand import PlatformDefaults
from campaigns.model.platforms import PLATFORM_FILES
from campaigns.model.terms.schedule import PostingWindow
from campaigns.model.vocabulary import ApprovalMode, Objective, Platform

PLATFORM_DEFAULTS: Final[dict[Platform, PlatformDefaults]] = {
    name: PlatformDefaults.model_validate(rules.defaults) for name, rules in PLATFORM_FILES.items()
}

UNKNOWN_CADENCE: Final = 3
"""Posts per week on a platform for which the brand names none."""

MIN_POSTS_PER_WEEK: Final = 3
MAX_POSTS_PER_WEEK: Final = 7
MAX_POSTS_PER_DAY: Final = 2

MAX_POSTS: Final = 200
"""Posts of one campaign, at most, where no setting says otherwise."""
MOST_POSTS_EVER: Final = 500
"""What a setting may raise it to: round, decision and pages hold so many."""

WINDOW: Final = PostingWindow(start="09:00", end="17:00")

PILLARS: Final = (
    Pillar(name="Brand Awareness", weight=0.4),
    Pillar(name="Education", weight=0.3),
    Pillar(name="Engagement", weight=0.3),
)

LEARN_MORE: Final = CallToAction(type="learn_more", text="Learn more")
GET_STARTED: Final = CallToAction(type="get_started", text="Get started")
CTA: Final[dict[Objective, CallToAction]] = {
    "awareness": LEARN_MORE,
    "education": LEARN_MORE,
    "conversion": GET_STARTED,
    "event": GET_STARTED,
    "launch": LEARN_MORE,
}

CTA_KINDS: Final[dict[Objective, tuple[str, ...]]] = {
    # Kinds in a brand's library are free text: the first entry with a word that suits the objective is taken.
    "awareness": ("learn", "follow", "read", "discover", "watch"),
    "education": ("learn", "read", "guide", "download", "watch", "subscribe"),
    "conversion": ("shop", "buy", "order", "start", "trial", "sign", "demo", "subscribe", "book", "contact"),
    "event": ("register", "rsvp", "attend", "ticket", "seat", "sign", "book", "join"),
    "launch": ("shop", "order", "buy", "try", "start", "discover", "learn"),
}

APPROVAL_MODE: Final[ApprovalMode] = "always_review"
REVIEW_THRESHOLD: Final = 0.7
