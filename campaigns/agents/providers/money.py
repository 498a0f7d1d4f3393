"""What a campaign costs: an estimate before generation, a gate before each call."""

import math
from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from campaigns.agents.failures import FailureCode, agent_error
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers.prices import Priced
from campaigns.agents.providers.text_model import TextModel
from campaigns.model.base import Maybe, Wire
from campaigns.model.post import Post, Slot
from campaigns.rules.text.limits.platforms import platform_rules

# Measured on the prompts of the samples (English, 4 characters to a token): system and shared data
# together, one more slot or post, and what comes back.
_PLAN_FIXED, _PLAN_SLOT_IN, _PLAN_SLOT_OUT = 1500, 80, 90
_POST_IN: Final = 2000
_CALLS_PER_POST: Final = 1.2
"""Repairs included: one post in five is asked for twice."""

SLOTS_PER_PLAN_CALL: Final = 25
"""A longer answer would be cut off by the smaller models."""


class Estimate(Wire):
    """What a plan and its posts will probably need. `cost_usd` is null when the model's price is not known."""

    model: str
    calls: Annotated[int, Field(ge=0)]
    input_tokens: Annotated[int, Field(ge=0)]
    output_tokens: Annotated[int, Field(ge=0)]
    cost_usd: Maybe[float] = None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def estimate(slots: Sequence[Slot | Post], model: Priced) -> Estimate:
    """Return what planning and writing these slots will probably need."""
    plans = -(-len(slots) // SLOTS_PER_PLAN_CALL)
    posts = round(len(slots) * _CALLS_PER_POST)
    tokens_in = plans * _PLAN_FIXED + len(slots) * _PLAN_SLOT_IN + posts * _POST_IN
    written = sum(platform_rules(slot.platform).writing.answer_tokens for slot in slots)
    tokens_out = len(slots) * _PLAN_SLOT_OUT + round(written * _CALLS_PER_POST)
    return Estimate(
        model=model.name,
        calls=plans + posts,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost_usd=model.price(tokens_in, tokens_out),
    )


_LONG_PROMPT, _LONGEST_POST, _MOST_CALLS = 12_000, 2000, 3


def most_for_a_post(model: TextModel) -> float:
    """Return US dollars that suffice for a post with all its repairs, infinite when the price is not known."""
    price = model.price(_LONG_PROMPT, _LONGEST_POST)
    return math.inf if price is None else price * _MOST_CALLS


def require_budget(model: TextModel, prompt: Prompt, left_usd: float | None) -> None:
    """Stop before a call that could break the budget.

    Counted at its most expensive: a token for every two bytes of the prompt, and the longest answer.

    Raises:
        AgentError: BUDGET_EXCEEDED.
    """
    if left_usd is None:
        return
    price = model.price(len(str(prompt).encode()) // 2 + 500, prompt.max_tokens)
    if price is None:
        raise agent_error(
            FailureCode.BUDGET_EXCEEDED,
            f"The price of {model.name} is not known, so the budget cannot be kept: set the model's price.",
            leftUSD=left_usd,
        )
    if price > left_usd:
        raise agent_error(
            FailureCode.BUDGET_EXCEEDED,
            f"The next model call may cost ${price:.4f}; ${left_usd:.4f} of the budget are left.",
            leftUSD=left_usd,
            nextCallUSD=price,
        )
