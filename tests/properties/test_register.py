"""The register of properties: all 13 are there, each once, told the same in its test and in properties.md."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| .+? \| `(.+?)` \|$", re.MULTILINE)
MARK = re.compile(r'mark\.property\(\s*(\d+),\s*"(.+?)"\s*\)')
TAG = re.compile(r"\*\*Feature: campaign-orchestration-durable, Property (\d+): (.+?)\*\*")
REGISTER = [(int(number), *rest) for number, *rest in ROW.findall((TESTS / "properties.md").read_text())]
SOURCES = {path: path.read_text() for path in sorted(TESTS.rglob("test_*.py")) if path != Path(__file__)}


def found(pattern: re.Pattern[str]) -> Counter[tuple[int, str, str]]:
    """Number, words and file of every place that fits, with how often it does."""
    return Counter(
        (int(number), words, path.name)
        for path, source in SOURCES.items()
        for number, words in pattern.findall(source)
    )  # fmt: skip


def test_the_register_holds_the_thirteen_properties_of_the_design() -> None:
    assert [number for number, *_ in REGISTER] == list(range(1, 14))


def test_each_property_is_marked_once_in_its_file_with_its_words() -> None:
    assert found(MARK) == Counter((number, words, file) for number, _, words, file in REGISTER)


def test_each_property_is_tagged_once_in_its_file_with_its_name_in_the_design() -> None:
    assert found(TAG) == Counter((number, name, file) for number, name, _, file in REGISTER)


@pytest.mark.parametrize("file", [file for *_, file in REGISTER])
def test_no_property_runs_fewer_than_a_hundred_examples(file: str) -> None:
    parts = SOURCES[TESTS / "properties" / file].split("\n\n\n")
    [marked] = [part for part in parts if MARK.search(part)]

    assert all(int(number) >= 100 for number in re.findall(r"max_examples\s*=\s*(\d+)", marked))
