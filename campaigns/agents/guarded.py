"""The door of every agent: what comes in is checked, nothing is thrown out, and what was paid is always told."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from campaigns.agents.contracts import AgentOutput, PlannerInput, StyleInput, WriterInput
from campaigns.agents.failures import FailureCode, agent_error, failure_of
from campaigns.agents.providers.text_model import Metered, TextModel
from campaigns.errors import AgentError
from campaigns.model.base import Wire
from campaigns.model.faults import faults_of

log = logging.getLogger(__name__)

I = TypeVar("I", PlannerInput, WriterInput, StyleInput)  # noqa: E741 - input and output
O = TypeVar("O", bound=AgentOutput)  # noqa: E741 - as above


def guarded(
    act: Callable[[I, Metered], O],
    model: TextModel,
    tenant_id: str,
    given: I | Mapping[str, Any],
    *,
    takes: type[I],
    gives: type[O],
) -> O:
    """Check the input, act, and return every failure as an output, with what the model cost until then."""
    metered = Metered(model)
    try:
        value = given if isinstance(given, takes) else takes.model_validate(given)
    except ValidationError as error:
        faults = [fault.to_wire() for fault in faults_of(error)]
        return gives(success=False, error=failure_of(agent_error(FailureCode.INVALID_INPUT, errors=faults)))
    try:
        _require_tenant(tenant_id, value)
        return act(value, metered).model_copy(update={"usage": metered.usage})
    except AgentError as error:
        failure = error
    except Exception as error:
        # The caller must go on with the other posts. Only the kind is told: the words may hold content.
        log.exception("agent failed")
        failure = agent_error(FailureCode.AGENT_ERROR, kind=type(error).__name__)
    return gives(success=False, usage=metered.usage, error=failure_of(failure))


def _require_tenant(tenant_id: str, given: Wire) -> None:
    """Refuse an input in which anything belongs to somebody else, before a word of it is used.

    Raises:
        AgentError: TENANT_MISMATCH.
    """
    for name in type(given).model_fields:
        value = getattr(given, name)
        for part in value if isinstance(value, list) else [value]:
            owner = part if name == "tenant_id" else getattr(part, "tenant_id", tenant_id)
            if owner != tenant_id:
                raise agent_error(FailureCode.TENANT_MISMATCH, part=name)
