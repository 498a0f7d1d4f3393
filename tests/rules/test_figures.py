"""Figures: one number in many notations, and what is no figure at all."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.rules.text.figures import Sources, figures_in


def read(text: str) -> list[str]:
    return [f"{text[figure.span[0] : figure.span[1]]} = {figure.kind}" for figure in figures_in(text)]


def sourced(claim: str, *sources: str) -> bool:
    given = Sources(figure for source in sources for figure in figures_in(source))
    claimed = figures_in(claim)
    assert claimed, f"{claim} has no figure"
    return all(given.give(figure) for figure in claimed)


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("38 families, 1,000 bags", ["38 = plain", "1,000 = plain"]),
        ("10–15 %", ["10 = percent", "15 % = percent"]),
        ("10 to 15 percent", ["10 = percent", "15 percent = percent"]),
        ("3x faster, 3 times", ["3x = times", "3 times = times"]),
        ("$1,000.50, 38 dollars", ["$1,000.50 = money", "38 dollars = money"]),
        ("USD 38, 1.000 €", ["USD 38 = money", "1.000 € = money"]),
        ("9am, 18:30, 6:30 pm, 18 Uhr", ["9am = clock", "18:30 = clock", "6:30 pm = clock", "18 Uhr = clock"]),
        ("2027-03-15, 15.03.2027", ["2027-03-15 = date", "15.03.2027 = date"]),
        ("15 March, March 15th, 2027", ["15 March = date", "March 15th, 2027 = date"]),
        ("thirty-eight families, fifteen percent", ["thirty-eight = plain", "fifteen percent = percent"]),
        ("2 million, 20k, 1.5bn", ["2 million = plain", "20k = plain", "1.5bn = plain"]),
        ("B2B, H2O, COVID-19, 24/7, 5G, v2.5", []),
        ("1️⃣ https://a.com/123 #top10 @user12 $AAPL", []),
    ],
)
def test_figures_are_read_with_their_kind(text: str, figures: list[str]) -> None:
    assert read(text) == figures


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("1,000 bags", "1000 bags"),
        ("1,234 bags", "1234 bags"),
        ("1.000 Säcke", "1000 bags"),
        ("1 000 bags", "1,000"),
        ("1'000", "1000"),
        ("1k bags", "1,000 bags"),
        ("2 million", "2,000,000"),
        ("38 families", "thirty-eight families"),
        ("thirty-eight families", "38 families"),
        ("38%", "38 percent"),
        ("38 per cent", "38 %"),
        ("thirty-eight percent", "38%"),
        ("3x", "three times"),
        ("3.5 kg", "3,5 kg"),
        ("10–15%", "between 10 and 15 percent"),
        ("$38", "38 dollars"),
        ("$38", "the price is 38"),
        ("15 March", "2027-03-15"),
        ("March 15, 2027", "15.03.2027"),
        ("since 1999", "founded 12 May 1999"),
        ("18:30", "6:30 pm"),
        ("1,700 m up", "1700 metres"),
        ("４２ people", "42"),
    ],
)
def test_a_figure_may_come_in_another_notation(claim: str, source: str) -> None:
    assert sourced(claim, source)


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("39 families", "38 families"),
        ("38%", "38 families"),
        ("38 families", "38% of families"),
        ("3x faster", "3 bags"),
        ("$38", "€38"),
        ("1.5", "15"),
        ("16 March", "15 March"),
        ("15 March 2028", "15 March 2027"),
        ("15 bags", "on 15 March"),
        ("9am", "9 bags"),
        ("3.8", "38"),
        ("2 million", "2"),
        ("#1", "one of the bags"),
    ],
)
def test_a_figure_that_says_something_else_is_not_sourced(claim: str, source: str) -> None:
    assert not sourced(claim, source)


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("Achtunddreißig Familien", "de", 38),
        ("neun von zehn", "de", 90),
        ("Trente-huit familles", "fr", 38),
        ("neuf sur dix", "fr", 90),
        ("Treinta y ocho familias", "es", 38),
        ("Nueve de cada diez", "es", 90),
        ("Two hundred and fifty bags", "en", 250),
        ("three out of four", "en", 75),
    ],
)
def test_numbers_in_words_are_read_in_the_language_of_the_text(text: str, language: str, value: int) -> None:
    (figure,) = figures_in(text, language)

    assert figure.values == {Decimal(value)}


@pytest.mark.parametrize("text", ["give it a second", "a hundred times", "the first bag", "eine Sekunde"])
def test_words_that_only_look_like_numbers_are_none(text: str) -> None:
    assert [figure for figure in figures_in(text, "en") if figure.values != {Decimal(1)}] == []


@settings(max_examples=300)
@given(number=st.integers(0, 10**9 - 1))
def test_every_notation_of_a_whole_number_is_the_same_number(number: int) -> None:
    for notation in (f"{number}", f"{number:,}", f"{number:,}".replace(",", " "), f"{number:,}".replace(",", "’")):
        (figure,) = figures_in(f"We have {notation} bags")
        assert Decimal(number) in figure.values
        assert sourced(f"{notation} bags", f"{number} bags")


@settings(max_examples=300)
@given(text=st.text("0123456789 .,%$€-:/kmx\nab", max_size=40))
def test_figures_never_overlap_and_stand_in_order(text: str) -> None:
    spans = [figure.span for figure in figures_in(text)]

    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert all(0 <= start < end <= len(text) for start, end in spans)
