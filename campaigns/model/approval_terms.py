"""The terms of approval: who decides, by when, and what happens otherwise (domain.md section 3)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from campaigns.model.base import Clean, Maybe, Text100, Unique, Wire, optional
from campaigns.model.schedule import Zone
from campaigns.model.vocabulary import OnTimeout

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL: Final = rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])$"
"""What every mail server takes (the dot-atom of RFC 5322); whatever else there is, the link would never arrive."""


class Approver(Wire):
    """Somebody who gets a link of their own."""

    name: Text100 = Field(title="Name")
    email: Annotated[str, StringConstraints(pattern=EMAIL, max_length=254), Clean] = Field(title="E-mail")
    locale: Maybe[Annotated[str, StringConstraints(pattern=r"^[a-z]{2}([-_][A-Z]{2})?$")]] = optional(
        "Language", "en, de, fr or es; empty: the browser's"
    )
    timezone: Maybe[Zone] = optional("Time zone", "IANA name; empty: the campaign's")


def _quorum_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quorum = Annotated[str, StringConstraints(pattern=r"^(any|all|[1-9]|10)$"), BeforeValidator(_quorum_text)]


Channel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(/[a-z0-9-]+)?$", max_length=200)]


class Approval(Wire):
    """Who decides, by when, and what happens otherwise."""

    approvers: list[Approver] = Field(
        default=[], title="Approvers", description="1 to 10; none: the default approver", max_length=10
    )
    quorum: Quorum = Field(default="any", title="How many must decide", description="any, all, or a number")
    collect_all: StrictBool = Field(
        default=False, title="Wait for everybody", description="Where all must decide: also after one has rejected"
    )
    expires_in_hours: StrictInt = Field(default=168, ge=1, le=720, title="Hours to decide")
    reminders: Annotated[list[Annotated[StrictInt, Field(ge=1, le=720)]], Field(max_length=10), Unique] = Field(
        default=[72, 24, 4], title="Reminders", description="Hours before the end"
    )
    on_timeout: OnTimeout = Field(
        default="reject",
        title="If nobody decides",
        description="reject: it ends undecided. approve: approved as a policy. extend: once more the same time.",
    )
    settle_seconds: StrictInt = Field(
        default=0,
        ge=0,
        le=3600,
        title="Seconds to undo",
        description="So long a decision waits before it takes effect, and can be taken back; 0: at once",
    )
    max_revision_rounds: StrictInt = Field(default=3, ge=0, le=10, title="Revision rounds, at most")
    channels: Annotated[list[Channel], Field(max_length=10), Unique] = Field(
        default=[],
        title="Told by",
        description="Names of notification blocks that are set up, such as slack-webhook/approvals; none: all of them",
    )
    require_otp: StrictBool = Field(default=False, title="Ask for a code by e-mail")
    prevent_self_approval: StrictBool = Field(default=False, title="The requester may not decide")

    @field_validator("quorum", mode="after")
    @classmethod
    def _quorum_reachable(cls, value: str, info: ValidationInfo) -> str:
        approvers = info.data.get("approvers")
        if value.isdigit() and approvers is not None and int(value) > max(1, len(approvers)):
            raise PydanticCustomError(
                "quorum_unreachable",
                "asks for {quorum} of {count} approvers",
                {"quorum": value, "count": max(1, len(approvers))},
            )
        return value

    @field_validator("approvers", mode="after")
    @classmethod
    def _approvers_unique(cls, value: list[Approver]) -> list[Approver]:
        addresses = [approver.email.casefold() for approver in value]
        if twice := next((address for address in addresses if addresses.count(address) > 1), None):
            raise PydanticCustomError("not_unique", "names {item} twice", {"item": twice})
        return value
