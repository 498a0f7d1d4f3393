"""What a model asks for its tokens, known by its name: no client is built and no model library loaded to say it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from campaigns.model.post import OFFLINE

_MILLION: Final = 1_000_000
_LISTS: Final[Mapping[str, str]] = {"bedrock": "aws", "openai-chat": "openai", "openai-responses": "openai"}


class Priced(Protocol):
    """Whatever has a name and a price: a model, or its price list."""

    @property
    def name(self) -> str: ...

    def price(self, input_tokens: int, output_tokens: int) -> float | None:
        """Return US dollars for this many tokens, null when the price is not known."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """The price of a model by its configured name; `price_in` and `price_out`: US dollars for a million tokens."""

    name: str
    price_in: float | None = None
    price_out: float | None = None

    def price(self, input_tokens: int, output_tokens: int) -> float | None:
        """Return US dollars by the configured price, else by the public one; cache discounts are not counted on."""
        if self.name == OFFLINE:
            return 0.0
        if self.price_in is not None and self.price_out is not None:
            return (input_tokens * self.price_in + output_tokens * self.price_out) / _MILLION
        from genai_prices import Usage, calc_price

        service, _, model = self.name.partition(":")
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        try:
            return float(calc_price(usage, model, provider_id=_LISTS.get(service, service)).total_price)
        except LookupError:
            return None
