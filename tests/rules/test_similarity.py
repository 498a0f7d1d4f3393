"""Similarity: what is the same post, what is the same topic, and what merely shares words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.agents.topics import repeats
from campaigns.rules.text.similarity import (
    DUPLICATE_POST,
    duplicate_of,
    similarity,
)
from tests.rules.posts import BRIEF, GOOD

texts = st.one_of(
    st.text(max_size=80), st.lists(st.sampled_from(["bags", "Huila", "of", "the", "38", "é"])).map(" ".join)
)


@pytest.mark.parametrize(
    "other",
    [
        GOOD,
        GOOD.upper(),
        GOOD.replace(" ", "  ").replace(".", "!"),
        GOOD + " https://fernwood.example/harvest",
        GOOD.replace("this coffee", "that coffee"),
    ],
    ids=["itself", "shouted", "respaced", "with a link", "one word changed"],
)
def test_a_post_said_again_is_a_duplicate(other: str) -> None:
    assert similarity(GOOD, other) >= DUPLICATE_POST


@pytest.mark.parametrize("other", [BRIEF, "", "Order the first bags.", GOOD[: len(GOOD) // 2]])
def test_another_post_is_no_duplicate(other: str) -> None:
    assert similarity(GOOD, other) < DUPLICATE_POST


@settings(max_examples=200)
@given(one=texts, other=texts)
def test_similarity_is_symmetric_and_between_none_and_all(one: str, other: str) -> None:
    assert similarity(one, other) == similarity(other, one)
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, one) == 1


def test_the_nearest_of_several_posts_is_named() -> None:
    score, nearest = duplicate_of(GOOD, [BRIEF, GOOD.upper(), "Something else"])

    assert (score, nearest) == (1, GOOD.upper())
    assert duplicate_of(GOOD, []) == (0, "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The 38 families of Huila", "Huila's 38 families"),
        ("How we roast small batches", "how we roast a small batch"),
        ("Brewing at home", "Brewing at home!"),
        ("Fair prices paid before the harvest in Huila", "Fair prices paid before harvest: Huila"),
    ],
)
def test_a_topic_said_in_another_way_is_the_same(one: str, other: str) -> None:
    assert repeats(one, [other])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How we roast small batches", "How we brew small batches"),
        ("Coffee", "Coffee from Huila and who grows it"),
        ("The first bags", "The last bags"),
        ("", "Coffee"),
    ],
)
def test_a_topic_that_shares_words_is_another(one: str, other: str) -> None:
    assert not repeats(one, [other])
