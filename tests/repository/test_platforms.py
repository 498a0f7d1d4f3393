"""A platform is known in every place that needs it; a missing one is named."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pytest

from campaigns.agents import money
from campaigns.agents.offline import post
from campaigns.model import brand, brief, participants
from campaigns.model.vocabulary import PLATFORM_NAMES, PLATFORMS
from campaigns.rules.merge.defaults import PLATFORM_DEFAULTS
from campaigns.rules.text.platforms import platform_book

FILTER = r"\.f-(\w+):checked\) :is\(\.post:not\(\.\1\)"
REVIEW = Path(__file__).parents[2] / "api" / "review"


def in_file(name: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (REVIEW / name).read_text("utf-8")))


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("the names that people read", PLATFORM_NAMES),
        ("campaigns/rules/platforms.json", platform_book().platforms),
        ("PlatformDefaultsByPlatform of a brand", brand.PlatformDefaultsByPlatform.model_fields),
        ("ForceVisuals of a brief", brief.ForceVisuals.model_fields),
        ("PlatformWeights of a brief", participants.PlatformWeights.model_fields),
        ("the system's defaults", PLATFORM_DEFAULTS),
        ("the tokens of a post", money._POST_OUT),
        ("the offline writer", post._EXTRAS),
        ("the signs of the review page", in_file("templates/icons.html", r'id="p-(\w+)"')),
        (
            "the filters of the review page",
            in_file("static/approval.css", FILTER),
        ),
    ],
)
def test_every_platform_is_known_in(place: str, known: Collection[str]) -> None:
    assert set(known) == set(PLATFORMS), f"{place}: docs/adding.md says what goes there"
