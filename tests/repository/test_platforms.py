"""A platform is a file and a sign; what is missing of one is named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.model import brief
from campaigns.model.library import brand
from campaigns.model.terms import participants
from campaigns.model.vocabulary import PLATFORMS
from campaigns.rules.merge.defaults import PLATFORM_DEFAULTS

ROOT = Path(__file__).parents[2]
FILES = ROOT / "campaigns" / "model" / "platforms"
REVIEW = ROOT / "api" / "review"
NO_FIGURES = {"position", "asOf", "sources"}


def figures(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every number and ratio, and of the way to count."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if path or key not in NO_FIGURES:
                yield from figures(entry, f"{path}.{key}" if path else key)
    elif (isinstance(value, (int, float)) and not isinstance(value, bool)) or path in {"counting", "media.imageRatio"}:
        yield path


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_figure_has_a_source(platform: str) -> None:
    written = json.loads((FILES / f"{platform}.json").read_text("utf-8"))
    sources = written["sources"]
    known = set(figures(written))

    unsourced = [path for path in known if not any(path == named or path.startswith(f"{named}.") for named in sources)]
    assert not unsourced, f"{platform}.json: `sources` says nothing of {unsourced}"
    idle = [named for named in sources if named.partition(".")[0] not in written]
    assert not idle, f"{platform}.json: a source of nothing: {idle}"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_has_its_sign(platform: str) -> None:
    sign = REVIEW / "templates" / "platforms" / f"{platform}.html"

    assert sign.exists(), f"{sign.relative_to(ROOT)} is missing: the sign of {platform}, in a field of 24 by 24"
    assert sign.read_text("utf-8").startswith("<"), f"{sign.relative_to(ROOT)} draws nothing"


def test_no_sign_is_of_a_platform_without_a_file() -> None:
    signs = {sign.stem for sign in (REVIEW / "templates" / "platforms").iterdir()}

    assert not signs - set(PLATFORMS), "a file is missing in campaigns/model/platforms"


def test_the_review_page_can_filter_by_each_platform() -> None:
    style = (REVIEW / "static" / "approval.css").read_text("utf-8")

    filters = re.findall(r"\.f-on-(\d+):checked\) :is\(\.post:not\(\.on-\1\)", style)
    assert len(filters) >= len(PLATFORMS), "approval.css: one more row of .f-on-"


@pytest.mark.parametrize(
    "fields",
    [
        brand.PlatformDefaultsByPlatform.model_fields,
        brief.ForceVisuals.model_fields,
        participants.PlatformWeights.model_fields,
        PLATFORM_DEFAULTS,
    ],
    ids=["defaults of a brand", "visuals", "shares", "defaults of the system"],
)
def test_the_files_make_the_fields(fields: dict[str, Any]) -> None:
    assert list(fields) == list(PLATFORMS)


def test_no_code_names_a_platform() -> None:
    named = re.compile(rf"""["']({"|".join(PLATFORMS)})["']""")
    examples = {"api/schemas/examples.py", "api/routers/checks.py", "tasks/forms/short_form.py"}  # what a form shows
    rooms = ("campaigns", "api", "tasks", "flows")
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for room in rooms
        for file in (ROOT / room).rglob("*.py")
        if str(file.relative_to(ROOT)) not in examples
        for match in named.finditer(file.read_text("utf-8"))
    ]

    assert not found, "what is true of one platform stands in its file"
