"""The guardrails on posts as people write them: what a reviewer would stop, and innocent posts that look alike.

`corpus/<language>.txt` has a brief, the posts under the code that has to find them, and the innocent ones;
the other lists, such as `<language>-plain.txt`, say the like in words that were written without a look at the rules,
each problem beside an innocent post that uses the same words. The seventh and the eighth hide words: letters set apart,
signs for letters, characters that nobody sees. The ninth has the claims that authorities object to, and near misses.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from campaigns.model.post import Quality
from tests.rules.posts import checked

CORPUS: Final = Path(__file__).with_name("corpus")
LANGUAGES: Final = ("en", "de", "fr", "es")
_UNSEEN: Final = re.compile(r"\\u([0-9a-f]{4})")
"""How a list writes a character that nobody sees: \\u200b."""
LEAST_CAUGHT: Final = 0.95
MOST_BLOCKED: Final = 0.01
WRITTEN_APART: Final = {
    "": (100, 100),
    "-other-words": (76, 55),
    "-plain": (70, 49),
    "-plain-again": (59, 50),
    "-fresh": (58, 42),
    "-fourth": (53, 50),
    "-fifth": (42, 34),
    "-sixth": (23, 15),
    "-seventh": (30, 30),
    "-eighth": (30, 30),
    "-ninth": (41, 48),
}
"""How many problems and how many innocent posts a list has at least, by what its name ends with."""
EVERY_LIST: Final = pytest.mark.parametrize(
    ("language", "words", "least"),
    [(language, words, least) for language in LANGUAGES for words, least in WRITTEN_APART.items()],
)


class Sample(NamedTuple):
    language: str
    code: str
    text: str
    alt_text: str | None


def samples(language: str, words: str = "") -> list[Sample]:
    found, code, alt_text = [], "", None
    for line in CORPUS.joinpath(f"{language}{words}.txt").read_text("utf-8").splitlines():
        if head := re.fullmatch(r"== (\S+)(?: alt=(.*))?", line):
            code, alt_text = head[1], head[2]
        else:
            found.append(Sample(language, code, _UNSEEN.sub(lambda match: chr(int(match[1], 16)), line), alt_text))
    return found


def brief(language: str) -> str:
    return next(sample.text for sample in samples(language) if sample.code == "brief")


def judged(sample: Sample, **policy: object) -> Quality:
    fields = {
        "cta": None,
        "sources": [brief(sample.language), "15 March 2027", "15 April 2027"],
        "competitors": ["Brewly", "Café Rapido"],
        "known_handles": ["fernwoodcoffee"],
        "avoid_words": ["journey"],
        "avoid_phrases": ["game changer"],
        "avoid_topics": ["politics", "weight loss"],
        "emoji_policy": "sparing",
        "hashtag_policy": "sparing",
        "language": sample.language,
    }
    return checked(sample.text, content={"alt_text": sample.alt_text}, **(fields | policy))  # type: ignore[arg-type]


@EVERY_LIST
def test_what_a_reviewer_would_stop_is_found(language: str, words: str, least: tuple[int, int]) -> None:
    problems = [sample for sample in samples(language, words) if sample.code not in {"innocent", "brief"}]
    missed = [each for each in problems if each.code not in {check.code for check in judged(each).checks}]

    assert len(problems) >= least[0]
    assert len(missed) <= (1 - LEAST_CAUGHT) * len(problems), missed


@EVERY_LIST
def test_what_is_innocent_is_let_through(language: str, words: str, least: tuple[int, int]) -> None:
    innocent = [sample for sample in samples(language, words) if sample.code == "innocent"]
    blocked = {each.text: judged(each).checks for each in innocent if judged(each).blocked}

    assert len(innocent) >= least[1]
    assert len(blocked) <= MOST_BLOCKED * len(innocent), blocked


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_policy_approves_what_the_law_asks_about(language: str) -> None:
    legal = {"HEALTH", "CLAIM", "GUARANTEE", "SUPERLATIVE", "SCARCITY", "UNSOURCED_NUMBER"}
    scores = [judged(each).score for each in samples(language) if each.code in legal and judged(each).checks]

    assert max(scores) < 0.7


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Free shipping on every bag.", "CLAIM"),
        ("Our coffee cures headaches.", "HEALTH"),
        ("Only a handful of bags left.", "SCARCITY"),
        ("Our award-winning espresso.", "CLAIM"),
    ],
)
def test_what_the_brief_says_in_the_same_words_is_sourced(text: str, code: str) -> None:
    claim = Sample("en", code, text, None)

    assert code in {check.code for check in judged(claim).checks}
    assert code not in {check.code for check in judged(claim, sources=[f"We say it: {text}"]).checks}


@pytest.mark.parametrize(
    "text",
    [
        "It does not cure headaches.",
        "There is no free shipping.",
        "We never say that it is the best coffee in the world.",
        "Harvests are not guaranteed.",
        "A harvest is never without any risk.",
    ],
)
def test_what_is_denied_is_not_claimed(text: str) -> None:
    assert judged(Sample("en", "innocent", text, None)).checks == []


def test_a_claim_on_health_stays_one_where_the_brand_forbids_them() -> None:
    claim = Sample("en", "HEALTH", "Our coffee cures headaches.", None)

    found = judged(claim, sources=[claim.text], forbidden=["health"])

    assert [check.code for check in found.checks] == ["HEALTH"]


@pytest.mark.parametrize(
    ("text", "competitors"),
    [("See you later", ["Later"]), ("This is our target", ["Target"]), ("See you on Monday", ["Monday"])],
)
def test_a_word_of_the_language_is_no_competitor(text: str, competitors: list[str]) -> None:
    assert judged(Sample("en", "innocent", text, None), competitors=competitors).checks == []


@pytest.mark.parametrize(
    "text", ["Better than Monday", "We use Target", "Thanks to Later for nothing", "#Monday is better"]
)
def test_a_name_written_as_one_is_a_competitor(text: str) -> None:
    found = judged(Sample("en", "COMPETITOR", text, None), competitors=["Later", "Target", "Monday"])

    assert ("COMPETITOR" in {check.code for check in found.checks}) == (not text.startswith("#"))


@pytest.mark.parametrize(
    ("source", "text", "sourced"),
    [
        ("There are 6 talks.", "6,000 attendees already signed up", False),
        ("Open from 10 to 14.", "A bag is €14.", False),
        ("Open from 10 to 14.", "Doors close at 2 pm.", True),
        ("Open from 10 to 14.", "Ouvert de 10 h à 14 h.", True),
        ("We have 38 families.", "38家族", True),
        ("ウイラの38家族", "38家族がいます", True),
        ("ウイラの38家族", "顧客満足度99%", False),
        ("We have 38 families.", "Three out of four agree", False),
        ("75 % of them agree", "Three out of four agree", True),
    ],
)
def test_a_number_is_sourced_by_the_same_kind_of_thing(source: str, text: str, sourced: bool) -> None:
    found = judged(Sample("en", "", text, None), sources=[source], language=None)

    assert ("UNSOURCED_NUMBER" not in {check.code for check in found.checks}) == sourced


def test_a_public_suffix_is_never_a_known_host() -> None:
    asked = Sample("en", "", "Order at https://evil-shop.co.uk/deal", None)
    own = Sample("en", "", "Order at https://fernwood.co.uk/deal", None)
    brief = ["Questions go to hello@fernwood.co.uk. More at https://fernwood.co.uk"]

    assert [check.code for check in judged(asked, sources=brief).checks] == ["LINK_DEAD_DOMAIN"]
    assert judged(own, sources=brief).checks == []


@pytest.mark.parametrize(
    "text",
    [
        "春の収穫が届きました。豆は香り高く仕上がりました。今年も届きます",
        "मूल कहानी यह है कि हमने भुगतान किया",
        "NASA and UNESCO agree",
    ],
)
def test_a_script_without_capitals_does_not_shout(text: str) -> None:
    assert "SHOUTING" not in {check.code for check in judged(Sample("en", "", text, None), language=None).checks}


def test_a_name_beside_a_script_without_blanks_is_found() -> None:
    found = judged(Sample("en", "", "Brewlyより安い", None), language=None)

    assert [check.code for check in found.checks] == ["COMPETITOR"]
