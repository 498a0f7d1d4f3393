"""The offline writer: a model without a model. Deterministic, free, and honest about what it is.

It answers from the same prompts as every other model, through the same checks, and says only what
the brief says. Its posts call themselves drafts.

Belongs here: an answer for each task of a prompt. Does not: checks of what it says, which are those of every writer.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from campaigns.agents.fence import unfenced
from campaigns.agents.prompts import Prompt, Task
from campaigns.agents.providers.offline.plan import plan
from campaigns.agents.providers.offline.post import write
from campaigns.agents.providers.offline.style import describe
from campaigns.agents.providers.text_model import Answer, ModelAnswer
from campaigns.model.post import ModelUsage

_ANSWERS: Final[Mapping[Task, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "plan": plan,
    "write": write,
    "style": describe,
}


def compose(task: Task, prompt: str) -> dict[str, Any]:
    """Return the answer to a prompt, from the data fenced in it."""
    return _ANSWERS[task](unfenced(prompt))


class OfflineModel:
    """The embedded default (process.md section 2)."""

    name = "offline"

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:  # noqa: ARG002 - the task tells the form
        """Answer at once. Costs nothing; the tokens are what a model would have read and written, roughly."""
        text = json.dumps(compose(prompt.task, str(prompt)), ensure_ascii=False)
        usage = ModelUsage(model=self.name, input_tokens=len(str(prompt)) // 4, output_tokens=len(text) // 4)
        return Answer(text, usage)

    def price(self, input_tokens: int, output_tokens: int) -> float:  # noqa: ARG002 - it costs nothing
        return 0.0
