"""Asking a model until the answer holds: strict reading, a judge, and at most two repairs.

An answer is untrusted text. It is read as JSON and nothing else, bounded in size, checked against
its form and then by the agent's own judge; each finding goes back to the model in words.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from pydantic import ValidationError

from campaigns.agents.failures import FailureCode, agent_error
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers.money import require_budget
from campaigns.agents.providers.text_model import Answer, ModelAnswer, TextModel
from campaigns.errors import AgentError
from campaigns.model.faults import faults_of
from campaigns.model.post import ModelUsage
from campaigns.model.strict_json import strict_json
from campaigns.telemetry import spans

MAX_REPAIRS: Final = 2
MAX_ANSWER_CHARACTERS: Final = 400_000
"""The longest honest answer, a Facebook post of 63 206 characters, fits several times over."""

T = TypeVar("T", bound=ModelAnswer)

Judge = Callable[[T], Sequence[str]]
"""What is wrong with an answer of the right form, in words for the model; empty: nothing."""


@dataclass
class Asked(Generic[T]):
    """What came of asking. `value` is the answer with the fewest faults, which are listed."""

    usage: ModelUsage
    value: T | None = None
    faults: list[str] = field(default_factory=list)
    error: AgentError | None = None


def ask(
    model: TextModel,
    prompt: Prompt,
    form: type[T],
    judge: Judge[T],
    *,
    budget_left_usd: float | None,
    seconds_left: float | None = None,
) -> Asked[T]:
    """Ask once, and again at most twice with the faults of the answer before.

    A failed call ends the asking: whether to try again is the caller's to decide. A repair that the
    budget forbids, or that the model refuses, does not cost the answer there is already.

    Args:
        seconds_left: for the answer and its repairs together; an answer that comes later is not waited for.
    """
    until = None if seconds_left is None else time.monotonic() + seconds_left
    asked: Asked[T] = Asked(ModelUsage(model=model.name))
    question = prompt
    for attempt in range(MAX_REPAIRS + 1):
        try:
            require_budget(model, question, _left(budget_left_usd, asked.usage))
            timed = replace(question, seconds=_seconds(until))
            asked.usage = asked.usage.plus(ModelUsage(model=model.name, calls=1))
            with spans.span("model call", model=model.name):
                answer = model.answer(timed, form)
        except AgentError as error:
            if error.reason == FailureCode.INVALID_OUTPUT:  # not even the model's client could read it
                answer = Answer("", ModelUsage(model=model.name))
            else:
                if asked.value is None or error.retryable:
                    asked.error = error
                return asked
        asked.usage = asked.usage.plus(answer.usage)
        value, faults = _read(answer, form)
        stopped = answer.stopped or (FailureCode.REFUSED if value is None and is_refusal(answer.text) else None)
        if stopped is not None:
            if asked.value is None:
                asked.error = agent_error(stopped)
            return asked
        if value is not None:
            faults = list(judge(value))
            if asked.value is None or len(faults) < len(asked.faults):
                asked.value, asked.faults = value, faults
        if not faults:
            return asked
        question = prompt.after(answer.text, faults, attempt=attempt + 2)
    if asked.value is None:
        asked.error = agent_error(FailureCode.INVALID_OUTPUT, faults=faults[:10])
    return asked


def _left(budget: float | None, spent: ModelUsage) -> float | None:
    return None if budget is None else max(0.0, budget - spent.cost_usd)


def _seconds(until: float | None) -> float | None:
    """Return what is left of the time.

    Raises:
        AgentError: MODEL_TIMEOUT, nothing is.
    """
    if until is None:
        return None
    if (left := until - time.monotonic()) <= 0:
        raise agent_error(FailureCode.MODEL_TIMEOUT)
    return left


# Where a model answers in prose instead of in the form, these openings are a refusal and not a slip.
_REFUSAL: Final = re.compile(
    r"\s*(i['’]m sorry|i am sorry|sorry,|i apologi[sz]e|i can['’]?t|i cannot|i won['’]t|i will not|i['’]m unable"
    r"|i am unable|i['’]m not able|i am not able|as an ai|unfortunately,? i)\b",
    re.IGNORECASE,
)


def is_refusal(text: str) -> bool:
    """Whether the text is an excuse instead of what was asked for."""
    return _REFUSAL.match(text[:200]) is not None


def _read(answer: Answer, form: type[T]) -> tuple[T | None, list[str]]:
    """Return the answer as a value, or what keeps it from being one."""
    text = answer.text
    if answer.cut_off:
        return None, ["The answer was cut off because it was too long. Answer more briefly."]
    if not text.strip():
        return None, ["The answer was empty, or could not be read at all."]
    if len(text) > MAX_ANSWER_CHARACTERS:
        return None, [f"The answer has {len(text)} characters; at most {MAX_ANSWER_CHARACTERS} are read."]
    try:
        parsed = strict_json(text)
    except (ValueError, RecursionError) as error:
        return None, [f"The answer is not one JSON object and nothing else: {str(error)[:200]}."]
    try:
        return form.model_validate(parsed), []
    except ValidationError as error:
        return None, [f"{fault.field}: {fault.message}" for fault in faults_of(error)]
