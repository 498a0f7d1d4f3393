"""The calendar for people: which shares were asked for, and how many posts each got."""

from dataclasses import dataclass
from typing import Literal

from campaigns.model.vocabulary import PLATFORM_NAMES
from campaigns.rules.calendar.building import Calendar
from campaigns.rules.merge.config import MergedConfig


@dataclass(frozen=True, slots=True)
class ShareLine:
    """One pillar, platform or persona: the asked share (0 to 1), and its posts of `total`."""

    kind: Literal["pillar", "platform", "persona"]
    name: str
    asked: float
    posts: int
    total: int

    @property
    def got(self) -> float:
        return self.posts / self.total if self.total else 0.0


def share_lines(config: MergedConfig, calendar: Calendar) -> list[ShareLine]:
    """Return a line for each pillar, platform and persona, in the order of the brief."""
    counts = calendar.summary()
    total = counts.total_posts
    pillars = [
        ShareLine("pillar", pillar.name, pillar.weight, counts.posts_per_pillar.get(pillar.name, 0), total)
        for pillar in config.pillars.value
    ]
    platforms = [
        ShareLine(
            "platform",
            PLATFORM_NAMES[rules.platform],
            rules.share.value,
            counts.posts_per_platform.get(rules.platform, 0),
            total,
        )
        for rules in config.platforms
    ]
    personas = [
        ShareLine("persona", rules.name, rules.share.value, counts.posts_per_persona.get(rules.persona_id, 0), total)
        for rules in config.personas
    ]
    return [*pillars, *platforms, *personas]
