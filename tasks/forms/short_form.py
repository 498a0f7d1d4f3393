"""The short form: what a team says to start a campaign in a minute; all else comes from the brand and the defaults.

It is the form of the deployment `start-campaign`, of which the flow is `build-campaign`: its answer becomes a brief
in the first step, so that the run that was started is the campaign's run.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints, ValidationError

from campaigns.errors import BadBriefError
from campaigns.model.base import Clean, Lines, Maybe, Text100, Text200, Unique, Wire, optional
from campaigns.model.faults import faults_of
from campaigns.model.terms.schedule import LocalDate, Zone
from campaigns.model.vocabulary import PLATFORMS, Objective, Platform

DAYS: Final = 14
WORKING_DAYS: Final = ["mon", "tue", "wed", "thu", "fri"]


class ShortBrief(Wire):
    """A campaign in a few words. Brand and personas by name; the rest as the brand has it."""

    name: Text200 = Field(title="Campaign name")
    about: Annotated[str, StringConstraints(min_length=10, max_length=2000), Clean] = Field(
        title="What is it about?",
        description="Two to ten sentences: what, for whom, why now. Every fact the posts may use.",
    )
    objective: Objective = Field(title="Objective")
    brand: Annotated[str, StringConstraints(max_length=200), Clean] = Field(default="", title="Brand")
    personas: Annotated[list[Text100], Field(min_length=1, max_length=10), Lines, Unique] = Field(title="Personas")
    platforms: Annotated[list[Platform], Field(min_length=1, max_length=len(PLATFORMS)), Unique] = Field(
        default=["linkedin", "twitter"], title="Platforms"
    )
    first_day: Maybe[LocalDate] = optional("First day", "Empty: next Monday but one, so that there is time to approve")
    last_day: Maybe[LocalDate] = optional("Last day", f"Empty: {DAYS} days in all")
    timezone: Zone = Field(default="UTC", title="Time zone", description="IANA name, such as Europe/Lisbon")
    link: Annotated[str, StringConstraints(pattern=r"^(https?://\S+)?$", max_length=2000)] = Field(
        default="", title="Link for the reader", description="Empty: without a call to action"
    )
    approver: Annotated[str, StringConstraints(max_length=100), Clean] = Field(
        default="", title="Who approves", description="Empty: whoever is set up"
    )
    approver_email: Annotated[str, StringConstraints(max_length=254), Clean] = Field(
        default="", title="Their e-mail address"
    )


def is_short(brief: Mapping[str, Any]) -> bool:
    """Whether an answer is one of the short form: a brief has no `about`."""
    return "about" in brief


def brief_of_short(given: Mapping[str, Any], today: date) -> dict[str, Any]:
    """Return the brief that an answer of the short form means, with brand and personas by name, not yet checked.

    Raises:
        BadBriefError: every fault of the answer.
    """
    try:
        short = ShortBrief.model_validate(given)
    except ValidationError as error:
        raise BadBriefError(faults_of(error)) from None
    first = short.first_day or today + timedelta(days=14 - today.weekday())
    last = short.last_day or first + timedelta(days=DAYS - 1)
    what: dict[str, Any] = {"description": short.about, "objective": short.objective}
    if short.link:
        what["primaryCTA"] = {"type": "link", "text": "Read more", "url": short.link}
    else:
        what["ctaWaived"] = True
    asked = [{"name": short.approver or short.approver_email, "email": short.approver_email}]
    return {
        "name": short.name,
        "brief": what,
        "participants": {"personaIds": list(short.personas), "platforms": list(short.platforms)},
        "schedule": {
            "timezone": short.timezone,
            "startDate": first.isoformat(),
            "endDate": last.isoformat(),
            "allowedDaysOfWeek": WORKING_DAYS,
        },
        "approval": {"approvers": asked} if short.approver or short.approver_email else {},
        "metadata": {"source": "ui"},
        **({"brandId": short.brand} if short.brand else {}),
    }


def short_schema() -> dict[str, Any]:
    """Return the JSON schema of the short form, as Prefect's form draws it."""
    schema = ShortBrief.model_json_schema()
    schema.pop("additionalProperties", None)
    return schema
