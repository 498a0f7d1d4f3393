"""Disguises: what is written so that no list finds it is read as it is meant, and marked where it stands."""

from __future__ import annotations

import pytest

from campaigns.rules.text.disguise import undisguised
from tests.rules.posts import checked, findings, marked

CYRILLIC_A = "\u0430"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("g-u-a-r-a-n-t-e-e-d now", "guaranteed now"),
        ("see B r e w l y, and us", "see Brewly, and us"),
        ("gu@r4nteed", "guaranteed"),
        (f"c{CYRILLIC_A}re", "care"),
        ("guaran-\nteed", "guaranteed"),
        ("you cannot\n  lose", "you cannot lose"),
        ("#BestInTown", "#Best In Town"),
    ],
)
def test_a_disguise_is_taken_off(written: str, meant: str) -> None:
    plain = undisguised(written)

    assert plain is not None
    assert plain.text == meant


@pytest.mark.parametrize(
    "text",
    [
        "We paid them in October, before the harvest.",
        "A B2B fair, 4K video and a 100 % stake",
        "Write to us @fernwood",
        "In the U.S. and a-b-c",
        "Снова весна",
        "One line.\nAnother line",
        "A tag for #fernwood",
    ],
)
def test_what_wears_no_disguise_is_left_alone(text: str) -> None:
    assert undisguised(text) is None


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("It is g.u.a.r.a.n.t.e.e.d to work.", "GUARANTEE", "g.u.a.r.a.n.t.e.e.d"),
        ("Gu@ranteed to work.", "GUARANTEE", "Gu@ranteed"),
        ("The offer: fr3e\nshipping!", "CLAIM", "fr3e\nshipping"),
        ("Better than St@rbucks.", "COMPETITOR", "St@rbucks"),
        ("A word on #StarbucksCoffee", "COMPETITOR", "Starbucks"),
        ("What a sh1tty day.", "PROFANITY", "sh1tty"),
        ("What a sh**ty day.", "PROFANITY", "sh**ty"),
        ("What the f*ck.", "PROFANITY", "f*ck"),
    ],
)
def test_what_is_said_in_disguise_is_found_and_marked_as_it_is_written(text: str, code: str, said: str) -> None:
    assert said in marked(checked(text, sources=[]), text, code)


def test_words_and_topics_to_avoid_are_found_in_disguise() -> None:
    found = checked("A j-o-u-r-n-e-y to p0litics", avoid_words=["journey"], avoid_topics=["politics"], avoid_phrases=[])

    assert {"block AVOID_WORD", "block AVOID_TOPIC"} <= set(findings(found))


@pytest.mark.parametrize(
    "text", ["The team* is here.\n* All of it.", "So **much** better", "Our Leser*innen", "5 * 3 a*b"]
)
def test_a_star_is_no_oath(text: str) -> None:
    assert "block PROFANITY" not in findings(checked(text))


def test_a_tag_that_the_brief_gives_is_sourced() -> None:
    assert checked("Meet us at #FreeShippingDay", sources=["Our tag is #FreeShippingDay"]).checks == []


def test_nothing_is_found_twice() -> None:
    text = "Guaranteed to work, #FernwoodCoffee"

    assert marked(checked(text, sources=[]), text, "GUARANTEE") == ["Guaranteed"]


@pytest.mark.parametrize(
    "text",
    [
        "Half of the afternoon went into cleaning.",
        "Congratulations to our neighbours on the award!",
        "The doctor next door came by.",
        "The award goes to our friends.",
    ],
)
def test_an_idiom_claims_nothing(text: str) -> None:
    assert checked(text).checks == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Half of our customers agree.", "warn UNSOURCED_NUMBER"),
        ("We won another award.", "block CLAIM"),
        ("Dentists recommend it.", "warn HEALTH"),
    ],
)
def test_a_claim_in_the_same_words_is_one(text: str, code: str) -> None:
    assert code in findings(checked(text))
