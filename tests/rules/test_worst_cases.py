"""What a hostile text costs: every check and parser of the rules is linear in it, at the full size of a post."""

from __future__ import annotations

import difflib
from typing import Any

import pytest

from campaigns.model.post import MAX_TEXT
from campaigns.rules.text import figures, language, matching, phrases, similarity
from campaigns.rules.text.limits import platforms
from campaigns.rules.text.word_diff import MOST_STEPS, BoundedMatcher, word_diff
from tests.rules.posts import checked
from tests.worst_cases import MOST_GROWTH, growth, text_of

# The default of `checked`, and what reaches the checks that a brand has to ask for.
STRICT: dict[str, Any] = {
    "avoid_topics": ["layoffs at suppliers"],
    "avoid_words": ["cheap thing"],
    "avoid_phrases": ["best ever"],
    "cta_aggressiveness": "low",
}


def forget() -> None:
    for cached in (
        matching.fold,
        figures._figures_in,
        phrases.tokens_of,
        language._hits,
        platforms._links_in,
        similarity._grams,
    ):
        cached.cache_clear()


def all_checks(text: str) -> None:
    forget()
    checked(text, siblings=[text[: len(text) // 2]], **STRICT)


@pytest.mark.parametrize(
    "pump",
    [
        "\n",
        "\t\n",
        "1\n",
        "1 ",
        "+49 ",
        ".",
        "'1",
        "DE89 3704",
        "not guaranteed ",
        "order ",
        "@a ",
        "a.com ",
        "{{",
        "! ",
    ],
)
def test_all_checks_together_grow_with_the_length_of_a_text_and_not_with_its_square(pump: str) -> None:
    assert growth(all_checks, lambda size: f"a{text_of(pump, size - 2)}b", MAX_TEXT) < MOST_GROWTH


def test_a_term_out_of_a_text_is_made_an_expression_only_where_its_pieces_stand() -> None:
    forget()
    matching._pattern.cache_clear()

    checked(" ".join(f"100 % a{number}" for number in range(2000)), **STRICT)

    assert matching._pattern.cache_info().misses < 1000


# --- what changed ---------------------------------------------------------------------------------------

REPEATED = {
    "letters": ("a " * 500, "a b " * 250),
    "letters, at the full size": ("a " * 32_000, "a b " * 16_000),
    "lines": ("a\n" * 500, "a\nb\n" * 250),
    "lines, at the full size": ("a\n" * 32_000, "a\nb\n" * 16_000),
    "signs": ("!" * 3000, "!?" * 1500),
    "two words": ("yes no " * 4000, "no no yes " * 3000),
}


@pytest.mark.parametrize(("old", "new"), REPEATED.values(), ids=REPEATED)
def test_a_comparison_gives_up_before_it_takes_long(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[BoundedMatcher] = []
    begin = BoundedMatcher.__init__

    def begun(self: BoundedMatcher, *texts: list[str]) -> None:
        begin(self, *texts)
        looked_at.append(self)

    monkeypatch.setattr(BoundedMatcher, "__init__", begun)
    searched = 0
    search = difflib.SequenceMatcher.find_longest_match

    def counted(self: Any, alo: int, ahi: int, blo: int, bhi: int) -> Any:
        nonlocal searched
        searched += sum(len(self.b2j.get(word, ())) for word in self.a[alo:ahi])
        return search(self, alo, ahi, blo, bhi)

    monkeypatch.setattr(difflib.SequenceMatcher, "find_longest_match", counted)

    assert word_diff(old, new) == [("removed", old), ("added", new)]
    assert looked_at
    assert searched <= 2 * MOST_STEPS


def test_a_long_post_is_still_compared_word_by_word() -> None:
    words = ["the" if number % 15 == 0 else f"word{number % 400}" for number in range(1000)]
    old, new = " ".join(words), " ".join([*words[:401], "quite", "other", *words[403:]])

    changes = [piece.change for piece in word_diff(old, new)]

    assert changes.count("same") >= 2
    assert sum(len(piece.text) for piece in word_diff(old, new) if piece.change == "removed") < 40


@pytest.mark.parametrize(
    "texts", [("", ""), ("a", ""), ("", "a"), ("a\nb c", "a\n\nb d"), ("x y", "z y"), *REPEATED.values()]
)
def test_the_pieces_are_the_two_texts(texts: tuple[str, str]) -> None:
    pieces = word_diff(*texts)

    assert "".join(piece.text for piece in pieces if piece.change != "added") == texts[0]
    assert "".join(piece.text for piece in pieces if piece.change != "removed") == texts[1]
