"""Style inference: how a persona writes, read from at least five of its texts (domain.md section 6)."""

from collections.abc import Mapping
from typing import Any

from campaigns.agents.contracts import StyleInput, StyleOutput
from campaigns.agents.failures import FailureCode, agent_error, failure_of
from campaigns.agents.guarded import guarded
from campaigns.agents.prompts import style_prompt
from campaigns.agents.providers import models
from campaigns.agents.providers.asking import ask
from campaigns.agents.providers.text_model import Metered, ModelAnswer, TextModel
from campaigns.model.base import Maybe, Text300
from campaigns.model.library.persona import (
    MIN_EXAMPLES,
    NEWEST_EXAMPLES,
    ConsistencyByFeature,
    Coverage,
    InferredStyle,
    SentenceLengthPattern,
    StyleConfidence,
    StyleFeatures,
    UnitInterval,
    WritingExample,
)


class SentenceLengthAnswer(SentenceLengthPattern, ModelAnswer):
    pass


class ConsistencyAnswer(ConsistencyByFeature, ModelAnswer):
    pass


class StyleAnswer(StyleFeatures, ModelAnswer):
    """What the model says of the texts; what can be counted is not asked."""

    sentence_length_pattern: SentenceLengthAnswer
    overall_tone: Maybe[Text300] = None
    consistency_by_feature: ConsistencyAnswer
    confidence: UnitInterval


class StyleReader:
    """Reads styles with one model; keeps nothing between calls."""

    def __init__(self, model: TextModel) -> None:
        self._model = model

    def run(self, tenant_id: str, given: StyleInput | Mapping[str, Any]) -> StyleOutput:
        """Return the style of the persona, or why it is not known."""
        return guarded(self._read, self._model, tenant_id, given, takes=StyleInput, gives=StyleOutput)

    def _read(self, given: StyleInput, model: Metered) -> StyleOutput:
        examples = _countable(given)
        asked = ask(
            model,
            style_prompt(examples),
            StyleAnswer,
            lambda _: [],
            budget_left_usd=given.budget_left_usd,
            seconds_left=given.seconds_left,
        )
        if asked.error is not None or asked.value is None:
            error = asked.error or agent_error(FailureCode.INVALID_OUTPUT)
            return StyleOutput(success=False, error=failure_of(error))
        return StyleOutput(success=True, inferred_style=_style(asked.value, examples))


def _countable(given: StyleInput) -> list[WritingExample]:
    """Return the newest examples that count.

    Raises:
        AgentError: INSUFFICIENT_EXAMPLES, with `required` and `provided`.
    """
    if any(example.persona_id != given.persona_id for example in given.examples) or (
        given.persona_config.id != given.persona_id
    ):
        raise agent_error(FailureCode.INVALID_INPUT, "The examples are not all by the persona that is named.")
    kept = [example for example in given.examples if example.deleted_at is None and example.text.strip()]
    if len(kept) < MIN_EXAMPLES:
        raise agent_error(FailureCode.INSUFFICIENT_EXAMPLES, required=MIN_EXAMPLES, provided=len(kept))
    return sorted(kept, key=lambda example: (example.created_at, example.id), reverse=True)[:NEWEST_EXAMPLES]


def _style(answer: StyleAnswer, examples: list[WritingExample]) -> InferredStyle:
    values = answer.model_dump(by_alias=False)
    consistency = values.pop("consistency_by_feature")
    overall = values.pop("confidence")
    coverage = Coverage(
        example_count=len(examples),
        platform_count=len({example.platform.casefold() for example in examples}),
        intent_count=len({example.intent.casefold() for example in examples}),
    )
    confidence = StyleConfidence(overall=overall, coverage=coverage, consistency_by_feature=consistency)
    return InferredStyle.model_validate({**values, "confidence": confidence})


def run(tenant_id: str, given: StyleInput | Mapping[str, Any]) -> StyleOutput:
    """Read the style with the model of this process."""
    return StyleReader(models.model()).run(tenant_id, given)
