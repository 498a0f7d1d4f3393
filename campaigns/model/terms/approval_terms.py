"""The terms of approval: who decides, by when, and what happens otherwise (domain.md section 3)."""

import operator
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from campaigns.model.base import Clean, Maybe, Text50, Text100, Unique, Wire, optional
from campaigns.model.terms.schedule import Zone
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


class StageTerms(Wire):
    """Who is asked, until when, and what happens if nobody answers: of the whole approval, or of a stage of it."""

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

    @field_validator("approvers", mode="after")
    @classmethod
    def _approvers_unique(cls, value: list[Approver]) -> list[Approver]:
        addresses = [approver.email.casefold() for approver in value]
        if twice := next((address for address in addresses if addresses.count(address) > 1), None):
            raise PydanticCustomError("not_unique", "names {item} twice", {"item": twice})
        return value

    @property
    def most_voices(self) -> int:
        """How many can be asked: nobody named is the default approver."""
        return max(1, len(self.approvers))


class _Named(Wire):
    name: Text50 = Field(title="Stage", description="What the page calls it, such as editor, legal or client")
    return_to: Maybe[Text50] = optional(
        "Changes go back to", "Name of this stage or one before; those before it are not asked again. Empty: the first"
    )


class Stage(StageTerms, _Named):
    """One step of an approval in stages: its approvers are asked once the stage before has approved.

    `return_to` is the stage that is asked first about words that this one wanted changed; None: the first.
    """


MAX_STAGES: Final = 5


def _no_stages(value: Any) -> Any:
    return None if value == [] else value


class Approval(StageTerms):
    """Who decides, by when, and what happens otherwise; with `stages`, each says that for itself, in order."""

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
    # Absent on the wire when off, as before there was any: a brief that is sent again must be the same one.
    allow_edits: StrictBool = Field(
        default=False,
        exclude_if=operator.not_,
        title="Approvers may edit",
        description="An approver's own version is checked, approved with the decision, and shown again to who approved",
    )
    allow_moves: StrictBool = Field(
        default=False,
        exclude_if=operator.not_,
        title="Approvers may move posts",
        description="To moments that the calendar's rules allow; approved with the decision",
    )
    stages: Annotated[Maybe[Annotated[list[Stage], Field(max_length=MAX_STAGES)]], BeforeValidator(_no_stages)] = (
        optional("Stages", "Who is asked after whom, such as editor, legal, client; empty: all approvers at once")
    )

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

    @field_validator("stages", mode="after")
    @classmethod
    def _stages_hold(cls, value: list[Stage] | None, info: ValidationInfo) -> list[Stage] | None:
        for name, field in StageTerms.model_fields.items() if value else ():
            if info.data.get(name, field.default) != field.default:
                raise PydanticCustomError(
                    "stages_alone", "each stage has its own {field}: leave that of the approval out",
                    {"field": field.alias or name},
                )  # fmt: skip
        names: list[str] = []
        for stage in value or []:
            if stage.name.casefold() in names:
                raise PydanticCustomError("not_unique", "names {item} twice", {"item": stage.name})
            names.append(stage.name.casefold())
            if stage.return_to and stage.return_to.casefold() not in names:
                raise PydanticCustomError(
                    "stage_unknown",
                    "changes that {stage} wants go back to {other}, which is neither this stage nor one before it",
                    {"stage": stage.name, "other": stage.return_to},
                )
            if stage.quorum.isdigit() and int(stage.quorum) > stage.most_voices:
                raise PydanticCustomError(
                    "quorum_unreachable",
                    "{stage} asks for {quorum} of {count} approvers",
                    {"stage": stage.name, "quorum": stage.quorum, "count": stage.most_voices},
                )
        return value

    def stage(self, n: int) -> StageTerms:
        """Return the terms of stage n, from 1; of an approval without stages they are its own."""
        return self.stages[n - 1] if self.stages else self

    @property
    def in_stages(self) -> list[StageTerms]:
        """The terms of each stage, in order: one, where the brief names none."""
        return list(self.stages) if self.stages else [self]

    def returns_to(self, n: int) -> int:
        """Return the stage that is asked first about words that stage n wanted changed."""
        names = [stage.name.casefold() for stage in self.stages or []]
        back = self.stages[n - 1].return_to if self.stages else None
        return names.index(back.casefold()) + 1 if back else 1
