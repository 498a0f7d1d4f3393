"""Who speaks, where, and with which share of the posts (domain.md section 3)."""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, Strict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from campaigns.model.base import BlankIsNone, Lines, Maybe, PersonaId, Unique, Wire, card, optional
from campaigns.model.terms.per_platform import PerPlatform, each_platform
from campaigns.model.vocabulary import PLATFORMS, DistributionMode, Platform

WEIGHT_TOLERANCE: Final = 0.001

Weight = Annotated[float, Strict(), Field(ge=0, le=1)]


def weights_sum_to_one(weights: list[float]) -> bool:
    # Decimal of the shortest text: 0.1 + 0.2 + 0.7 is 1, not 0.9999999999999999.
    total = sum((Decimal(repr(weight)) for weight in weights), Decimal(0))
    return abs(total - 1) <= Decimal(str(WEIGHT_TOLERANCE))


@each_platform(Weight)
class PlatformWeights(PerPlatform[float]):
    """A share for each platform, together 1."""


def _drop_null_weights(value: Any) -> Any:
    return {key: weight for key, weight in value.items() if weight is not None} if isinstance(value, dict) else value


_NoNullWeights = BeforeValidator(_drop_null_weights)
"""null and missing are the same thing, in the one map of a brief too."""


class Distribution(Wire):
    """How the posts are shared out over personas and platforms."""

    mode: DistributionMode = Field(
        default="balanced",
        title="Shares",
        description="balanced: equal shares. weighted: name every selected one. custom: name some, the rest get none.",
    )
    persona_weights: Annotated[Maybe[dict[PersonaId, Weight]], _NoNullWeights] = optional(
        "Persona shares", 'Persona id to share, together 1, such as {"persona_01…": 0.7, "persona_02…": 0.3}'
    )
    platform_weights: Annotated[Maybe[PlatformWeights], BlankIsNone] = optional(
        "Platform shares", "Used with weighted and custom; together 1"
    )


class Participants(Wire):
    """Who speaks, and where."""

    persona_ids: Annotated[list[PersonaId], Field(min_length=1, max_length=10), Lines, Unique] = Field(
        title="Personas", description="1 to 10 persona ids"
    )
    platforms: Annotated[list[Platform], Field(min_length=1, max_length=len(PLATFORMS)), Unique] = Field(
        title="Platforms"
    )
    distribution: Distribution = card(Distribution(), "Distribution", validate_default=True)

    @field_validator("distribution", mode="after")
    @classmethod
    def _weights_fit_the_mode(cls, value: Distribution, info: ValidationInfo) -> Distribution:
        maps: dict[str, dict[str, float]] = {}
        if value.persona_weights is not None:
            maps["personaWeights"] = dict(value.persona_weights)
        if value.platform_weights is not None:
            maps["platformWeights"] = {str(key): weight for key, weight in value.platform_weights.given().items()}
        if value.mode == "balanced" and maps:
            raise PydanticCustomError(
                "weights_not_allowed", "mode balanced takes no weights; choose weighted or custom"
            )
        if value.mode == "weighted" and not maps:
            raise PydanticCustomError("weights_required", "mode weighted needs personaWeights or platformWeights")
        selected = {"personaWeights": info.data.get("persona_ids"), "platformWeights": info.data.get("platforms")}
        for name, weights in maps.items():
            if (known := selected[name]) is None:
                continue  # its own fault is reported already
            _check_weights(name, weights, known, value.mode)
        return value


def _check_weights(name: str, weights: dict[str, float], selected: list[str], mode: DistributionMode) -> None:
    if strangers := [key for key in weights if key not in selected]:
        raise PydanticCustomError(
            "weights_unknown",
            "{name} names {keys}, which is not selected",
            {"name": name, "keys": ", ".join(strangers)},
        )
    if mode == "weighted":
        if missing := [key for key in selected if key not in weights]:
            raise PydanticCustomError(
                "weights_incomplete",
                "{name} must name every selected one; {keys} is missing",
                {"name": name, "keys": ", ".join(missing)},
            )
        if zeros := [key for key, weight in weights.items() if weight <= 0]:
            raise PydanticCustomError(
                "weights_zero",
                "{name} must give {keys} more than 0; use mode custom to leave it out",
                {"name": name, "keys": ", ".join(zeros)},
            )
    if not weights_sum_to_one(list(weights.values())):
        raise PydanticCustomError(
            "weights_sum", "{name} must add up to 1, not {total}", {"name": name, "total": f"{sum(weights.values()):g}"}
        )
