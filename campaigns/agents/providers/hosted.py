"""A model that somebody hosts, through pydantic-ai. Imported only when such a model is used.

One call is one request: the repairs are ours (`asking.py`) and the retries are the task's, so every
retry built into pydantic-ai, botocore and the providers' clients is off.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, Final, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import CachePoint, ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters, infer_model
from pydantic_ai.models.bedrock import BedrockModelSettings
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers import Provider, infer_provider
from pydantic_ai.providers.bedrock import BedrockProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from campaigns.agents.failures import FailureCode, agent_error
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers.beginnings import Beginnings
from campaigns.agents.providers.hosted_failures import failure_from
from campaigns.agents.providers.models import ModelOptions
from campaigns.agents.providers.prices import PriceList
from campaigns.agents.providers.text_model import Answer, ModelAnswer
from campaigns.model.post import ModelUsage

T = TypeVar("T")

_PARALLEL_CALLS: Final = 50
"""Connections kept: what the task runner maps at once is decided there."""

_CACHE, _LARGE_CACHE = 1024, 4096
"""Tokens from which on a beginning is cached: of most models, and of those that want more."""
_LARGE_CACHES: Final = ("haiku-4-5", "opus-4-5", "opus-4-6")
_CHARACTERS_PER_TOKEN: Final = 4

_ANSWER_TOOL: Final = "final_answer"


def hosted_model(options: ModelOptions) -> HostedModel:
    """Return the model of this name.

    Raises:
        AgentError: REQUEST_REJECTED, the name is not one of a model, or the client cannot be built.
    """
    try:
        model = infer_model(options.name, provider_factory=lambda name: _provider(name, options))
    except (UserError, BotoCoreError, ValueError, ImportError) as error:
        raise agent_error(
            FailureCode.REQUEST_REJECTED, f"No model can be built from the name {options.name!r}: {error}"
        ) from error
    return HostedModel(model, options)


def _provider(name: str, options: ModelOptions) -> Provider[Any]:
    url = options.base_url or None
    if name == "bedrock":
        config = Config(
            connect_timeout=options.connect_timeout,
            read_timeout=options.read_timeout,
            retries={"total_max_attempts": 1},
            max_pool_connections=_PARALLEL_CALLS,
        )
        session = boto3.Session(region_name=options.region or None)
        return BedrockProvider(bedrock_client=session.client("bedrock-runtime", endpoint_url=url, config=config))
    # Late: each of these two clients takes a second of CPU to import.
    if url and name == "anthropic":
        from pydantic_ai.providers.anthropic import AnthropicProvider

        return AnthropicProvider(base_url=url)
    if url and name in {"openai", "openai-chat", "openai-responses"}:
        from pydantic_ai.providers.openai import OpenAIProvider

        return OpenAIProvider(base_url=url)
    return infer_provider(name)


class HostedModel:
    """One model at one service. Thread-safe: all calls run on one event loop of its own."""

    def __init__(self, model: Model, options: ModelOptions) -> None:
        self._model = model
        self._options = options
        self._beginnings = Beginnings()
        # A provider's HTTP client belongs to the event loop it first ran on.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="model-calls", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        return self._options.name

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        """Ask once; see `TextModel.answer`."""
        beginning = prompt.instructions + prompt.shared
        kept = self._worth_keeping(beginning) and self._beginnings.marked(beginning)
        mark = [CachePoint()] if kept else []
        request = ModelRequest(
            parts=[UserPromptPart([prompt.shared, *mark, prompt.request])], instructions=prompt.instructions
        )
        try:
            response = self._wait(
                model_request(
                    self._model,
                    [request],
                    model_settings=self._settings(prompt, kept=kept),
                    model_request_parameters=self._form(form),
                ),
                prompt.seconds,
            )
        except Exception as error:
            if kept:
                self._beginnings.answered(beginning, kept=False)
            raise failure_from(error) from error
        if kept:
            self._beginnings.answered(beginning, kept=True)
        return self._read(response)

    def _form(self, form: type[ModelAnswer]) -> ModelRequestParameters:
        """Return how the form is asked for: as the service's own structured output where the model has it."""
        if self._model.profile.get("supports_json_schema_output", False):
            wanted = OutputObjectDefinition(name=_ANSWER_TOOL, json_schema=form.model_json_schema(by_alias=True))
            return ModelRequestParameters(output_mode="native", output_object=wanted, allow_text_output=True)
        return ModelRequestParameters(output_mode="tool", output_tools=[_tool(form)], allow_text_output=False)

    def _worth_keeping(self, text: str) -> bool:
        """Whether a beginning is long enough for the service to cache it; a shorter mark does nothing."""
        large = any(name in self._model.model_name for name in _LARGE_CACHES)
        return len(text) // _CHARACTERS_PER_TOKEN >= (_LARGE_CACHE if large else _CACHE)

    def price(self, input_tokens: int, output_tokens: int) -> float | None:
        """See `PriceList.price`."""
        options = self._options
        return PriceList(options.name, options.price_in, options.price_out).price(input_tokens, output_tokens)

    def close(self) -> None:
        """Close the connections and the loop; a process that ends need not."""
        provider = self._model.provider
        closing = provider.client.close() if provider is not None else None
        if asyncio.iscoroutine(closing):
            self._wait(closing)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, coroutine: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            if not future.cancel():  # it ended in this moment, or the error is its own
                return future.result()
            raise agent_error(FailureCode.MODEL_TIMEOUT) from None

    def _settings(self, prompt: Prompt, *, kept: bool) -> ModelSettings:
        options = self._options
        # One clock over the whole call: a service that sends a byte now and then never times out on reading.
        settings = BedrockModelSettings(
            max_tokens=prompt.max_tokens, request_timeout=options.connect_timeout + options.read_timeout
        )
        if "bedrock" in options.name.partition(":")[0]:
            settings["bedrock_cache_instructions"] = kept and self._worth_keeping(prompt.instructions)
        else:
            settings["timeout"] = options.read_timeout
            settings["max_retries"] = 0
        return settings

    def _read(self, response: ModelResponse) -> Answer:
        calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
        texts = [part.content for part in response.parts if isinstance(part, TextPart)]
        if calls:
            args = calls[0].args
            # Bedrock hands over the parsed object; NaN stays visible to the strict reader as NaN.
            text = args if isinstance(args, str) else json.dumps(args or {}, ensure_ascii=False)
        else:
            text = "\n".join(texts)
        return Answer(
            text, self._usage(response), cut_off=response.finish_reason == "length", stopped=_stopped(response)
        )

    def _usage(self, response: ModelResponse) -> ModelUsage:
        used = response.usage
        return ModelUsage(
            model=self.name,
            calls=0,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost_usd=self._cost(response),
        )

    def _cost(self, response: ModelResponse) -> float:
        if self._options.price_in is None:
            try:
                return float(response.cost().total_price)
            except (LookupError, ValueError, AssertionError):
                return 0.0  # no public price; with a budget the gate has refused the call before
        return self.price(response.usage.input_tokens, response.usage.output_tokens) or 0.0


def _stopped(response: ModelResponse) -> FailureCode | None:
    """Return why the model, or a filter in front of it, gave no answer."""
    details = response.provider_details or {}
    if details.get("finish_reason") == "refusal" or "refusal" in details:
        return FailureCode.REFUSED
    return FailureCode.CONTENT_FILTERED if response.finish_reason == "content_filter" else None


@lru_cache(maxsize=8)
def _tool(form: type[ModelAnswer]) -> ToolDefinition:
    return ToolDefinition(
        name=_ANSWER_TOOL,
        description="The answer, in its form.",
        parameters_json_schema=form.model_json_schema(by_alias=True),
        strict=False,
    )
