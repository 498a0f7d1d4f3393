"""Matching: words, phrases and topics are found in any dress, and not inside other words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.rules.text.matching import contains, fold, spans_of, topic_span

letters = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=["Cc"]), max_size=40)


def found(term: str, text: str) -> list[str]:
    return [text[start:end] for start, end in spans_of(term, text)]


@pytest.mark.parametrize(
    ("term", "text", "places"),
    [
        ("art", "start, art, ART!", ["art", "ART"]),
        ("cheap", "cheaper", []),
        ("risk-free", "risk free, riskfree, risk‑free", ["risk free", "riskfree", "risk‑free"]),
        ("100 %", "100% but not 1100 %", ["100%"]),
        ("game changer", "a game\nchanger and a GAME-CHANGER", ["game\nchanger", "GAME-CHANGER"]),
        ("café", "CAFE Café cafe\u0301", ["CAFE", "Café", "cafe\u0301"]),
        ("can't fail", "can’t fail", ["can’t fail"]),
        ("straße", "STRASSE", ["STRASSE"]),
        ("guarantee", "𝐠𝐮𝐚𝐫𝐚𝐧𝐭𝐞𝐞 gua\u00adrantee", ["𝐠𝐮𝐚𝐫𝐚𝐧𝐭𝐞𝐞", "gua\u00adrantee"]),
        ("保障", "我们保障你", ["保障"]),
        ("보장", "품질을 보장합니다", ["보장"]),
        ("мой", "мои мой", ["мой"]),
        ("C++", "learn c++ now", ["c++"]),
        ("1-2 days", "12 days or 1 - 2 days", ["1 - 2 days"]),
        ("“best”.", "the best one", ["best"]),
        ("...", "well...", []),
        ("", "anything", []),
    ],
)
def test_a_term_is_found_in_any_dress(term: str, text: str, places: list[str]) -> None:
    assert found(term, text) == places


@settings(max_examples=300)
@given(before=letters, after=letters, term=st.sampled_from(["Café crème", "risk-free", "100 %", "Straße"]))
def test_a_term_between_spaces_is_found_whatever_surrounds_it(before: str, after: str, term: str) -> None:
    text = unicodedata.normalize("NFC", f"{before} {term} {after}")

    assert contains(text, term)
    assert contains(text.upper(), term)


@settings(max_examples=300)
@given(text=st.text(max_size=60))
def test_every_folded_character_knows_where_it_came_from(text: str) -> None:
    folded = fold(text)

    assert len(folded.text) + 1 == len(folded.origin)
    assert list(folded.origin) == sorted(folded.origin)
    assert all(0 <= index < len(text) for index in folded.origin[:-1])


@pytest.mark.parametrize(
    ("topic", "text", "place"),
    [
        ("politics", "Politics is everywhere.", "Politics"),
        ("discounts", "A discount!", "discount"),
        ("layoffs at suppliers", "Our supplier had a layoff.", "supplier had a layoff"),
        ("politics, religion", "On religion.", "religion"),
        ("weight loss or dieting", "A word on dieting", "dieting"),
        ("weight loss", "The weight. The loss.", None),
        ("health", "Healthy food", None),
        ("of the", "the end of the day", "of the"),
    ],
)
def test_a_topic_is_touched_by_its_words_in_one_sentence(topic: str, text: str, place: str | None) -> None:
    span = topic_span(topic, text)

    assert (text[span[0] : span[1]] if span else None) == place
