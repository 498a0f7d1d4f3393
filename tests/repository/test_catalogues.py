"""The texts of approvers: the same ones in every language, each of them said somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from campaigns.texts import LANGUAGES

ROOT = Path(__file__).parents[2]
Text = str | dict[str, str]
CATALOGUES: dict[str, dict[str, Text]] = {
    language: json.loads((ROOT / "campaigns" / "texts" / f"{language}.json").read_text("utf-8"))
    for language in LANGUAGES
}
SPEAKERS = "\n".join(
    path.read_text("utf-8")
    for room in ("api", "campaigns")
    for path in (ROOT / room).rglob("*")
    if path.suffix in {".py", ".html"}
)


def filled_in(text: Text) -> set[str]:
    """Return the names of the values that a text needs."""
    forms = text.values() if isinstance(text, dict) else [text]
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_all_that_english_says_of_the_same_values(language: str) -> None:
    english, here = CATALOGUES["en"], CATALOGUES[language]

    assert (english.keys() - here.keys(), here.keys() - english.keys()) == (set(), set())
    assert [key for key in here if filled_in(here[key]) != filled_in(english[key])] == []
    assert [key for key, text in here.items() if isinstance(text, dict) and "other" not in text] == []


def composed() -> Iterator[re.Pattern[str]]:
    """Yield what keys look like that are put together where they are said: `f"done.{outcome}"`, `"view." ~ view`."""
    for key in re.findall(r'\bwords\(\s*f"((?:[a-z_.]|\{[^}]*\})+)"', SPEAKERS):
        yield re.compile(r"\w+".join(map(re.escape, re.split(r"\{[^}]*\}", key))))
    for beginning in re.findall(r'\bwords\(\s*"([a-z_.]+)" ~', SPEAKERS):
        yield re.compile(rf"{re.escape(beginning)}\w+")


def test_every_text_is_said_somewhere() -> None:
    named = set(re.findall(r'["\']([a-z_]+(?:\.[A-Za-z_]+)+)["\']', SPEAKERS))
    patterns = list(composed())

    unsaid = [key for key in CATALOGUES["en"] if key not in named and not any(p.fullmatch(key) for p in patterns)]
    assert unsaid == []
