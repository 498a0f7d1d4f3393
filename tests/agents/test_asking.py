"""Asking until the answer holds: the best answer is kept, and who decides what comes next."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from campaigns.agents.failures import FailureCode, agent_error
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers.asking import MAX_ANSWER_CHARACTERS, ask, is_refusal
from campaigns.agents.providers.text_model import Answer, ModelAnswer
from campaigns.model.post import ModelUsage


class Words(ModelAnswer):
    """One text; its faults are its exclamation marks."""

    text: str


def faults_of(answer: Words) -> Sequence[str]:
    return ["an exclamation mark"] * answer.text.count("!")


class Model:
    """Gives these answers in turn: a text, or an error by its code."""

    name = "model"

    def __init__(self, *steps: str | FailureCode | Answer) -> None:
        self._steps = list(steps)
        self.heard: list[Prompt] = []

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        self.heard.append(prompt)
        step = self._steps.pop(0)
        if isinstance(step, FailureCode):
            raise agent_error(step)
        return step if isinstance(step, Answer) else Answer(step, ModelUsage(model=self.name, output_tokens=1))

    def price(self, input_tokens: int, output_tokens: int) -> float:
        return 0.0


PROMPT = Prompt("write", "Write.", "shared", "request", 100)


def text(marks: int) -> str:
    return '{"text": "bags%s"}' % ("!" * marks)


def test_the_first_answer_without_a_fault_ends_the_asking() -> None:
    model = Model(text(1), text(0))

    asked = ask(model, PROMPT, Words, faults_of, budget_left_usd=None)

    assert asked.value == Words(text="bags")
    assert asked.faults == []
    assert asked.usage.calls == 2


@pytest.mark.parametrize("marks", [(3, 1, 2), (1, 2, 3), (2, 3, 1), (1, 1, 1)])
def test_of_three_faulty_answers_the_one_with_the_fewest_faults_is_kept(marks: tuple[int, int, int]) -> None:
    asked = ask(Model(*map(text, marks)), PROMPT, Words, faults_of, budget_left_usd=None)

    assert asked.value == Words(text="bags!")
    assert asked.faults == ["an exclamation mark"]
    assert asked.error is None


def test_a_repair_that_fails_for_now_is_the_callers_to_try_again() -> None:
    asked = ask(Model(text(1), FailureCode.THROTTLED), PROMPT, Words, faults_of, budget_left_usd=None)

    assert asked.error is not None
    assert asked.error.reason == FailureCode.THROTTLED
    assert asked.usage.calls == 2


@pytest.mark.parametrize("code", [FailureCode.REFUSED, FailureCode.CONTENT_FILTERED, FailureCode.ACCESS_DENIED])
def test_a_repair_that_fails_for_good_does_not_cost_the_words_there_are(code: FailureCode) -> None:
    asked = ask(Model(text(1), code), PROMPT, Words, faults_of, budget_left_usd=None)

    assert asked.error is None
    assert asked.value == Words(text="bags!")


def test_a_repair_that_is_refused_in_words_does_not_cost_them_either() -> None:
    asked = ask(Model(text(1), "I'm sorry, but no."), PROMPT, Words, faults_of, budget_left_usd=None)

    assert asked.error is None
    assert asked.value == Words(text="bags!")


def test_an_answer_that_the_client_cannot_read_is_asked_for_again() -> None:
    model = Model(FailureCode.INVALID_OUTPUT, text(0))

    asked = ask(model, PROMPT, Words, faults_of, budget_left_usd=None)

    assert asked.value == Words(text="bags")
    assert "could not be read at all" in model.heard[1].request


def test_a_text_in_the_form_is_no_answer_when_it_was_cut_off() -> None:
    cut = Answer(text(0), ModelUsage(), cut_off=True)

    asked = ask(Model(cut, cut, cut), PROMPT, Words, faults_of, budget_left_usd=None)

    assert asked.value is None
    assert asked.error is not None
    assert asked.error.reason == FailureCode.INVALID_OUTPUT


def test_an_answer_beyond_the_bound_is_not_parsed() -> None:
    fits = '{"text": "%s"}' % ("a" * (MAX_ANSWER_CHARACTERS - 12))

    assert ask(Model(fits), PROMPT, Words, faults_of, budget_left_usd=None).value is not None
    assert ask(Model(*[f"{fits} "] * 3), PROMPT, Words, faults_of, budget_left_usd=None).value is None


@pytest.mark.parametrize(
    "said",
    ["I'm sorry, but I can't help.", "  I cannot write about this.", "I won’t do that.", "As an AI, I may not."],
)
def test_an_excuse_is_a_refusal(said: str) -> None:
    assert is_refusal(said)


@pytest.mark.parametrize(
    "said", ["I cannotate songs.", "Sorry seems to be the hardest word.", "The bags: I can wait.", ""]
)
def test_a_text_that_only_sounds_like_one_is_none(said: str) -> None:
    assert not is_refusal(said)
