"""What was found: each with the text that was hard, by growth; and that the search itself finds what is there."""

from __future__ import annotations

import re
from functools import partial

import pytest

from campaigns.agents.providers.offline import style
from campaigns.logs import redacted
from campaigns.rules.text import matching
from campaigns.rules.text.limits import platforms, x_length
from tests.hostile.attack import SIEVE, worst
from tests.hostile.found import expressions, named_in_vain, python_re_models, readers
from tests.worst_cases import MOST_GROWTH, growth, text_of


@pytest.mark.parametrize(
    ("work", "piece"),
    [
        (redacted, "eyJ"),
        (redacted, "eyJaaaaa."),
        (style._LIST.search, "\n"),
        (style._LIST.search, " \n"),
        (platforms.handles_in, "@["),
        (platforms.handles_in, "@[a](urn:li:a:b"),
        (x_length._LATIN_HEAD.search, "-"),
        (x_length._LATIN_HEAD.search, "a."),
        (lambda topic: matching.topic_span(topic, "Cups."), " "),
    ],
)
def test_what_was_hard_once_grows_with_the_length_of_a_text(work: object, piece: str) -> None:
    assert growth(work, lambda size: f"a{text_of(piece, size - 2)}!", 32 * 1024) < MOST_GROWTH  # type: ignore[arg-type]


def test_half_a_token_is_hidden_and_a_word_that_looks_like_one_is_not() -> None:
    assert redacted(f"got eyJ{'a' * 60}") == "got [redacted]"
    assert redacted("got eyJhbGciOi.eyJzdWIi.c2ln") == "got [redacted]"
    assert redacted("got a moneyjournal") == "got a moneyjournal"


def test_the_search_finds_every_expression_and_reader_and_none_that_backtracks_in_pydantic() -> None:
    assert len(expressions()) > 100
    assert len(readers()) > 80
    assert python_re_models() == []
    assert named_in_vain() == set()


def test_the_search_finds_an_expression_that_grows() -> None:
    assert worst(re.compile(r"\s*x").search, partial(text_of, " "), 2 * SIEVE)
    assert worst(re.compile(r"(?:a+)+x").search, partial(text_of, "a"), 2 * SIEVE)
    assert not worst(re.compile(r"\d+").search, partial(text_of, "a"), 2 * SIEVE)
