"""Every citation of a page of docs/design leads to a section, and to a rule where it names one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DESIGN = ROOT / "docs" / "design"
ROOMS = ("flows", "tasks", "api", "campaigns", "deployments", "tests")
CITATION = re.compile(
    r"\b(?P<page>\w+)\.md (?:sections? )?(?P<sections>\d+(?:(?:,| and| to) \d+)*)"
    r"(?:, (?:rules?|dut(?:y|ies)) (?P<rules>\d+(?:(?:, | and |-)\d+)*))?"
)
# Papers of the people who build this; they are not here.
ELSEWHERE = re.compile(r"\b(?:reliability|experience|design|house|faults|style|prefect-notes)\.md\b")


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        if path != Path(__file__):
            yield str(path.relative_to(ROOT)), re.sub(r"\s+#?\s*", " ", path.read_text("utf-8"))


def numbers(said: str) -> set[int]:
    """Read `1, 3 and 13`, `5 to 7` and `1-3`."""
    found: set[int] = set()
    for part in re.split(r",| and ", said):
        first, *last = (int(each) for each in re.split(r" to |-", part.strip()))
        found.update(range(first, (last or [first])[0] + 1))
    return found


def sections(page: str) -> dict[int, str]:
    parts = re.split(r"^## (\d+)\. ", (DESIGN / f"{page}.md").read_text("utf-8"), flags=re.MULTILINE)
    return {int(number): text for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def broken(text: str) -> list[str]:
    found = [match[0] for match in ELSEWHERE.finditer(text)]
    for cited in CITATION.finditer(text):
        known = sections(cited["page"]) if (DESIGN / f"{cited['page']}.md").exists() else {}
        wanted = numbers(cited["sections"])
        rules = {int(n) for s in wanted for n in re.findall(r"^(\d+)\. ", known.get(s, ""), flags=re.MULTILINE)}
        if not wanted <= known.keys() or not numbers(cited["rules"] or str(min(rules, default=0))) <= (rules or {0}):
            found.append(cited[0])
    return found


def test_every_citation_is_resolved() -> None:
    assert {name: wrong for name, text in sources() if (wrong := broken(text))} == {}


def test_every_section_is_cited() -> None:
    cited = {(c["page"], n) for _, text in sources() for c in CITATION.finditer(text) for n in numbers(c["sections"])}

    unread = [
        (page.stem, n) for page in DESIGN.glob("[!R]*.md") for n in sections(page.stem) if (page.stem, n) not in cited
    ]

    assert unread == []


@pytest.mark.parametrize(
    "text",
    [
        "domain.md section 12", "domain.md section 99", "(domain.md 14, rule 24)", "domain.md sections 13 and 19",
        "nowhere.md section 1", "process.md section 5, duty 6", "see reliability.md 3.2", "domain.md section 1, rule 1",
    ],
)  # fmt: skip
def test_a_citation_that_leads_nowhere_is_found(text: str) -> None:
    assert broken(text)


@pytest.mark.parametrize(
    "text", ["domain.md sections 5 to 8.", "(domain.md 14, rules 1-3)", "process.md section 5, duties 3 and 4"]
)
def test_a_citation_that_leads_somewhere_is_not(text: str) -> None:
    assert broken(text) == []
