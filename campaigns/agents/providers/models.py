"""The model of this process: chosen by one name, built once, at first use.

    offline                                  the offline writer: deterministic, free, honest about it
    bedrock:us.anthropic.claude-…            Amazon Bedrock Converse; credentials as boto3 finds them
    anthropic:claude-…, openai:gpt-…         their APIs; keys from their usual variables
    openai-chat:<name>, with a base URL      anything that speaks chat completions, such as a local model

No model library is imported before a model other than `offline` is first used.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module

from campaigns.agents.prompts import Prompt
from campaigns.agents.providers.text_model import Answer, ModelAnswer, TextModel
from campaigns.errors import AgentError
from campaigns.model.post import OFFLINE


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How the model is reached.

    Attributes:
        name: see above.
        base_url: another address of the model's service; empty: the service's own. For Bedrock the
            AWS_ENDPOINT_URL_BEDROCK_RUNTIME of boto3 works too.
        region: for Bedrock; empty: as boto3 finds it.
        connect_timeout, read_timeout: seconds for one call.
        price_in, price_out: US dollars for a million tokens, for models without a public price.
    """

    name: str = OFFLINE
    base_url: str = ""
    region: str = ""
    connect_timeout: float = 10.0
    read_timeout: float = 120.0
    price_in: float | None = None
    price_out: float | None = None


class UnusableModel:
    """Stands in for a model that could not be built: every agent's answer then says why."""

    def __init__(self, name: str, error: AgentError) -> None:
        self.name = name
        self._error = error

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:  # noqa: ARG002 - there is no answer
        raise self._error

    def price(self, input_tokens: int, output_tokens: int) -> float:  # noqa: ARG002 - no answer, no price
        return 0.0


class ModelHandle:
    """The one model of a process, chosen before it is built and built when it is first used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._options = ModelOptions()
        self._model: TextModel | None = None

    def configure(self, options: ModelOptions) -> None:
        """Choose the model; wiring does it once, before the first post."""
        with self._lock:
            if options != self._options:
                self._options, self._model = options, None

    def name(self) -> str:
        """Return the name of the chosen model without building it: a part of checkpoint keys."""
        return self._options.name

    def model(self) -> TextModel:
        """Return the model of this process."""
        with self._lock:
            if self._model is None:
                try:
                    self._model = build(self._options)
                except AgentError as error:
                    self._model = UnusableModel(self._options.name, error)
            return self._model


_handle = ModelHandle()
configure = _handle.configure
model = _handle.model


def load(name: str) -> None:
    """Import what calls a model of this name, so that processes which are forked from this one have it.

    A name of no model is refused where the model is built.
    """
    service, _, model = name.partition(":")
    if model:
        import_module("campaigns.agents.providers.hosted")
        with suppress(ImportError):
            import_module(f"pydantic_ai.models.{service.partition('-')[0]}")


def build(options: ModelOptions) -> TextModel:
    """Return a new model for these options.

    Raises:
        AgentError: REQUEST_REJECTED, no model can be built from them.
    """
    if options.name == OFFLINE:
        from campaigns.agents.providers.offline import OfflineModel

        return OfflineModel()
    from campaigns.agents.providers.hosted import hosted_model

    return hosted_model(options)
