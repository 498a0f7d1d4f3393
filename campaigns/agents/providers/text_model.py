"""What the agents ask of a model, whichever it is: one question, one answer, and what it cost."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import ConfigDict

from campaigns.agents.failures import FailureCode
from campaigns.agents.prompts import Prompt
from campaigns.model.base import Wire
from campaigns.model.post import ModelUsage


class ModelAnswer(Wire):
    """Base of what a model is asked to fill in. Unknown fields are ignored: asking again costs."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, as text: nothing of it is trusted, or even parsed.

    Attributes:
        cut_off: it was longer than it might be.
        stopped: REFUSED or CONTENT_FILTERED when there is no answer for such a reason; it was paid for all the same.
    """

    text: str
    usage: ModelUsage
    cut_off: bool = False
    stopped: FailureCode | None = None


class TextModel(Protocol):
    """A model, built once per process and used from many threads."""

    @property
    def name(self) -> str:
        """The name by which the model was chosen; part of the checkpoint key."""

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        """Ask once and return the answer, which should be a JSON object of this form.

        Raises:
            AgentError: there is no answer; `reason` is a `FailureCode`, MODEL_TIMEOUT when there was none within
                `prompt.seconds`. One call, no retry of its own.
        """

    def price(self, input_tokens: int, output_tokens: int) -> float | None:
        """Return US dollars for this many tokens, null when the model's price is not known."""


class Metered:
    """A model that counts what it was paid for, whatever becomes of its answers."""

    def __init__(self, model: TextModel) -> None:
        self._model = model
        self.usage = ModelUsage(model=model.name)

    @property
    def name(self) -> str:
        return self._model.name

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        self.usage = self.usage.plus(ModelUsage(model=self.name, calls=1))
        answer = self._model.answer(prompt, form)
        self.usage = self.usage.plus(answer.usage)
        return answer

    def price(self, input_tokens: int, output_tokens: int) -> float | None:
        return self._model.price(input_tokens, output_tokens)
