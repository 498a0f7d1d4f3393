"""The days that a campaign is about, and the times at which each platform is posted on (domain.md section 3)."""

from typing import Annotated, Final, Literal

from pydantic import Field, StrictInt, field_validator
from pydantic_core import PydanticCustomError

from campaigns.model.base import Text100, Unique, Wire
from campaigns.model.terms.schedule import LocalDate, PostingWindow, windows_apart
from campaigns.model.vocabulary import Day, Platform

KeyPost = Literal["before", "on", "after"]
MAX_KEY_DATES: Final = 20


class KeyDate(Wire):
    """A day that the campaign is about: it is reminded of, something is posted on it, nothing is announced after it."""

    label: Text100 = Field(title="Name", description="As the posts call it, such as Giving Day")
    date: LocalDate = Field(title="Day")
    wants: Annotated[list[KeyPost], Field(min_length=1, max_length=3), Unique] = Field(
        default=["before", "on"], title="Posts", description="before: reminders. on: that it is today. after: thanks"
    )
    weight: Annotated[StrictInt, Field(ge=1, le=5)] = Field(
        default=3, title="Weight", description="How many reminders: the day before, then 1, 2, 4 and 6 weeks before"
    )


class PlatformTimes(Wire):
    """When one platform is posted on, in place of the campaign's days and windows."""

    platform: Platform = Field(title="Platform")
    days: Annotated[list[Day], Field(max_length=7), Unique] = Field(
        default=[], title="Posting days", description="None: the campaign's"
    )
    windows: Annotated[list[PostingWindow], Field(max_length=12)] = Field(
        default=[], title="Posting windows", description="None: the campaign's"
    )

    @field_validator("windows", mode="after")
    @classmethod
    def _windows_apart(cls, value: list[PostingWindow]) -> list[PostingWindow]:
        return windows_apart(value)


def labelled_once(value: list[KeyDate] | None) -> list[KeyDate] | None:
    """Refuse two key dates of one name: a post could not say which it is about."""
    names = [each.label.casefold() for each in value or []]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise PydanticCustomError("not_unique", "names {item} twice", {"item": twice})
    return value


def named_once(value: list[PlatformTimes] | None) -> list[PlatformTimes] | None:
    """Refuse two times of one platform."""
    names = [each.platform for each in value or []]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise PydanticCustomError("not_unique", "names {item} twice", {"item": twice})
    return value
