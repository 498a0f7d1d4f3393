"""What can go wrong with a model, by what to do about it.

One table: the agents build their errors from it, the tasks retry by it, people are told by it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import Field

from campaigns.errors import AgentError
from campaigns.model.base import Maybe, Wire


class FailureCode(StrEnum):
    """The `code` of an agent's error: public and stable."""

    THROTTLED = "THROTTLED"
    MODEL_TIMEOUT = "MODEL_TIMEOUT"
    MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"
    INSUFFICIENT_EXAMPLES = "INSUFFICIENT_EXAMPLES"
    AGENT_ERROR = "AGENT_ERROR"
    REFUSED = "REFUSED"
    CONTENT_FILTERED = "CONTENT_FILTERED"
    INVALID_OUTPUT = "INVALID_OUTPUT"
    INVALID_INPUT = "INVALID_INPUT"
    REQUEST_REJECTED = "REQUEST_REJECTED"
    MODEL_WITHDRAWN = "MODEL_WITHDRAWN"
    ACCESS_DENIED = "ACCESS_DENIED"
    TENANT_MISMATCH = "TENANT_MISMATCH"
    BRAND_NOT_FOUND = "BRAND_NOT_FOUND"
    PERSONA_NOT_FOUND = "PERSONA_NOT_FOUND"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
    TRIED_TOO_OFTEN = "TRIED_TOO_OFTEN"


class Remedy(NamedTuple):
    """Whether the same call may help later, what it means, and what a person does."""

    retryable: bool
    meaning: str
    action: str


_WAIT: Final = "Wait; the step is tried again. When the campaign failed, retry it later."
_WITHOUT_IT: Final = "The other posts go on without it. When the campaign failed, retry it."
_OTHER_WORDS: Final = (
    "The other posts go on without it. When the campaign failed, change `brief` or `messaging` and retry the campaign."
)

REMEDIES: Final[Mapping[FailureCode, Remedy]] = {
    FailureCode.THROTTLED: Remedy(
        True,
        "The model has too many requests just now.",
        "Wait; the step is tried again, with fewer posts at a time. When the campaign failed, retry it later.",
    ),
    FailureCode.MODEL_TIMEOUT: Remedy(
        True,
        "The model did not answer in time.",
        "Wait; the step is tried again. When the campaign failed, retry it later, with more time where the model needs"
        " it (`CAMPAIGNS_PLANNING_TIMEOUT_SECONDS`, `CAMPAIGNS_POST_TIMEOUT_SECONDS`,"
        " `CAMPAIGNS_MODEL_TIMEOUT_SECONDS`).",
    ),
    FailureCode.MODEL_UNAVAILABLE: Remedy(True, "The model's service does not work just now.", _WAIT),
    FailureCode.INSUFFICIENT_EXAMPLES: Remedy(
        True, "The persona has too few writing examples.", "Add writing examples and start the analysis again."
    ),
    # An error that nobody knows may pass: it is tried again.
    FailureCode.AGENT_ERROR: Remedy(
        True,
        "The agent itself failed.",
        "The step is tried again. When the campaign failed, read the log, then retry it.",
    ),
    FailureCode.REFUSED: Remedy(False, "The model refused to write this.", _OTHER_WORDS),
    FailureCode.CONTENT_FILTERED: Remedy(
        False, "The content filter of the model's service stopped the text.", _OTHER_WORDS
    ),
    FailureCode.INVALID_OUTPUT: Remedy(
        False, "The model did not give a usable answer, asked again with the list of faults.", _WITHOUT_IT
    ),
    FailureCode.INVALID_INPUT: Remedy(
        False, "The agent was given an incomplete input.", "Read the log of the run, then retry the campaign."
    ),
    FailureCode.REQUEST_REJECTED: Remedy(
        False,
        "The model's service does not accept the request.",
        "Correct the model's name and limits in the settings and retry the campaign.",
    ),
    FailureCode.MODEL_WITHDRAWN: Remedy(
        False, "The model does not exist, or no longer.", "Set another model and retry the campaign."
    ),
    FailureCode.ACCESS_DENIED: Remedy(
        False,
        "The model's service denies access.",
        "Correct credentials, model access or quota of the account and retry the campaign.",
    ),
    FailureCode.TENANT_MISMATCH: Remedy(
        False,
        "The input holds another tenant's data.",
        "Nothing was sent to the model; the alarm `tampering` tells operators.",
    ),
    FailureCode.BRAND_NOT_FOUND: Remedy(
        False, "The campaign's brand is missing.", "Change the campaign's brand and retry the campaign."
    ),
    FailureCode.PERSONA_NOT_FOUND: Remedy(
        False, "A persona of the campaign is missing.", "Change the participants and retry the campaign."
    ),
    FailureCode.BUDGET_EXCEEDED: Remedy(
        False, "The next model call could break the campaign's budget.", "Raise `budgetUSD` and retry the campaign."
    ),
    FailureCode.TRIED_TOO_OFTEN: Remedy(
        False,
        "The post was tried as often as a post may be, and each process that tried it ended before the model answered.",
        _WITHOUT_IT,
    ),
}


class AgentFailure(Wire):
    """Why an agent has no result; `retryable` says whether the same call may help later."""

    code: FailureCode
    message: str = Field(max_length=1000)
    retryable: bool
    details: Maybe[dict[str, Any]] = None


def agent_error(code: FailureCode, message: str = "", **details: Any) -> AgentError:
    """Return the error of this code; without words of its own it says what the table says."""
    remedy = REMEDIES[code]
    return AgentError(code, (message or remedy.meaning)[:1000], remedy.retryable, details)


def failure_of(error: AgentError) -> AgentFailure:
    """Return the error as the outputs of the agents carry it."""
    return AgentFailure(
        code=FailureCode(error.reason), message=error.message, retryable=error.retryable, details=error.details or None
    )
