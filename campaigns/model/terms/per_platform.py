"""Values given platform by platform: an optional field for each, because Prefect draws its form from fields."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from pydantic import create_model

from campaigns.model.base import Maybe, Wire, optional
from campaigns.model.platforms import PLATFORM_FILES, PlatformRules
from campaigns.model.vocabulary import PLATFORMS, Platform

V = TypeVar("V")
M = TypeVar("M", bound="PerPlatform[Any]")


class PerPlatform(Wire, Generic[V]):
    """One optional value for each platform; the fields come from `each_platform`."""

    def given(self) -> dict[Platform, V]:
        """Return the values that were named."""
        named = {platform: getattr(self, platform) for platform in PLATFORMS}
        return {platform: value for platform, value in named.items() if value is not None}


def title_of(rules: PlatformRules) -> str:
    return rules.form_title or rules.name


def each_platform(
    value: Any, field: Callable[[PlatformRules], Any] = lambda rules: optional(title_of(rules))
) -> Callable[[type[M]], type[M]]:
    """Give a class a field of this type for every platform; `field` makes one of what the platform's file says."""
    maybe: Any = Maybe  # what it is made of is known only now

    def made(cls: type[M]) -> type[M]:
        fields: dict[str, Any] = {name: (maybe[value], field(rules)) for name, rules in PLATFORM_FILES.items()}
        return create_model(cls.__name__, __base__=cls, __module__=cls.__module__, __doc__=cls.__doc__, **fields)

    return made
