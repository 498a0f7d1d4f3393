"""Revisions: the comments reach the writer, and each is answered."""

from __future__ import annotations

import pytest

from campaigns.agents.contracts import Revision
from campaigns.agents.fence import unfenced
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers.offline import OfflineModel
from campaigns.agents.providers.text_model import Answer, ModelAnswer
from campaigns.agents.writer import Writer
from campaigns.model.post import ModelUsage
from tests.agents.inputs import NOW, TENANT, situation


class Listener:
    """A model that remembers the question and gives a fixed answer."""

    name = "listener"

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self.heard = Prompt("write", "", "", "", 0)

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        self.heard = prompt
        return Answer(self._answer, ModelUsage(model=self.name))

    def price(self, input_tokens: int, output_tokens: int) -> float:
        return 0.0


def revised(comment: str, previous: str = "The first bags are here.", others: list[str] | None = None) -> Revision:
    return Revision(previous_text=previous, comment=comment, other_comments=others or [])


def test_the_writer_hears_the_text_before_and_every_comment() -> None:
    listener = Listener('{"text": "x"}')

    Writer(listener).run(
        TENANT, situation().writer_input(revision=revised("Name the families.", others=["Less about us.", "Warmer."]))
    )

    heard = unfenced(str(listener.heard))
    assert heard["request"]["previousText"] == "The first bags are here."
    assert heard["revision"] == {
        "comments": [
            {"number": 1, "comment": "Name the families.", "on": "this post"},
            {"number": 2, "comment": "Less about us.", "on": "other"},
            {"number": 3, "comment": "Warmer.", "on": "other"},
        ],
    }


def test_the_writer_hears_which_words_a_comment_is_about() -> None:
    listener = Listener('{"text": "x"}')
    asked = revised("Name the families.", others=["Less about us."]).model_copy(update={"passage": "first bags"})

    Writer(listener).run(TENANT, situation().writer_input(revision=asked))

    first, second = unfenced(str(listener.heard))["revision"]["comments"]
    assert (first["passage"], "passage" in second) == ("first bags", False)


def test_each_comment_has_an_answer_even_if_the_model_forgets_one_or_invents_one() -> None:
    said = (
        '{"text": "38 families. Order the first bags.", "commentAnswers":'
        ' [{"number": 2, "answer": "Took us out."}, {"number": 7, "answer": "Nobody asked."}]}'
    )

    answer = Writer(Listener(said)).run(
        TENANT, situation().writer_input(revision=revised("Name the families.", others=["Less about us."]))
    )

    assert [(each.comment, each.answer) for each in answer.comment_answers] == [
        ("Name the families.", "The writer did not say what it changed for this comment."),
        ("Less about us.", "Took us out."),
    ]


def test_without_a_revision_there_are_no_answers() -> None:
    said = '{"text": "x", "commentAnswers": [{"number": 1, "answer": "Hello."}]}'

    assert Writer(Listener(said)).run(TENANT, situation().writer_input()).comment_answers == []


LINKEDIN = situation().post(situation().slots(2)[1])


def offline(revision: Revision | None) -> tuple[str, list[str], list[str]]:
    answer = Writer(OfflineModel(), clock=lambda: NOW).run(
        TENANT, situation().writer_input(LINKEDIN, revision=revision)
    )
    assert answer.status == "needs_review"
    assert answer.content is not None
    return answer.content.text, answer.content.hashtags, [each.answer for each in answer.comment_answers]


FIRST, TAGS, _ = offline(None)


@pytest.mark.parametrize(
    ("comment", "answer"),
    [
        ("Please make it shorter.", "The offline writer shortened to what has to be in the post."),
        ("No hashtags here.", "The offline writer wrote no hashtags."),
        ("Remove “before the harvest”.", "The offline writer removed “before the harvest”."),
        (
            "Start with the red apple",
            "The offline writer put first what the brief says about it.",
        ),
        (
            "Hmm.",
            "The offline writer cannot judge this comment; it rewrote the post with other sentences of the brief.",
        ),
    ],
)
def test_the_offline_writer_changes_what_it_understands_and_says_so(comment: str, answer: str) -> None:
    text, tags, answers = offline(revised(comment, FIRST))

    assert answers == [answer]
    assert text != FIRST
    if "shorter" in comment:
        assert len(text) < len(FIRST)
    if "hashtags" in comment:
        assert (TAGS, tags) == ([], [])
    if "Remove" in comment:
        assert "before the harvest" in FIRST
        assert "before the harvest" not in text
    if "apple" in comment:
        assert "apple" in text.split(".")[0]


def test_the_offline_writer_leaves_comments_on_other_posts_to_them() -> None:
    _, _, answers = offline(revised("Please make it shorter.", FIRST, ["No hashtags in post 3."]))

    assert answers[1] == "This comment is on another post; nothing was changed for it here."


def test_the_same_revision_gives_the_same_words() -> None:
    assert offline(revised("Warmer, please.", FIRST)) == offline(revised("Warmer, please.", FIRST))


def test_a_round_of_many_long_comments_does_not_fill_the_prompt() -> None:
    listener = Listener('{"text": "38 families. Order the first bags."}')
    others = [f"{number}: {'long ' * 900}" for number in range(150)]

    answer = Writer(listener).run(TENANT, situation().writer_input(revision=revised("Warmer. " * 500, others=others)))

    shown = unfenced(str(listener.heard))["revision"]["comments"]
    assert [entry["number"] for entry in shown] == list(range(1, 31))
    assert len(shown[0]["comment"]) == 3999
    assert len(shown[1]["comment"]) == 500
    assert len(answer.comment_answers) == 151


def test_a_sign_that_names_nothing_is_left_out_and_the_words_are_kept() -> None:
    said = '{"text": "Order the first bags.", "mentions": ["@", "fernwood", "@ "], "hashtags": ["#", "#harvest"]}'

    answer = Writer(Listener(said)).run(TENANT, situation().writer_input())

    assert answer.content is not None
    assert (answer.content.mentions, answer.content.hashtags) == (["fernwood"], ["harvest"])
