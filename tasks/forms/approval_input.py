"""The form behind Prefect's Resume: for operators; approvers have their own page.

Prefect validates an answer against the schema of the pause that it answers, on the server, and renders
templates in objects, never in plain texts. So every field is a plain text, a number or a choice; and what
the form asks about stands in it as constants, so that the form of another round, or of words that were
changed since, is refused by the server itself.
"""

from typing import Any, Final, Literal

from prefect.input import RunInput
from pydantic import ConfigDict, Field, create_model

YOUR_NAME: Final = (
    "Needed to decide; it stands in the audit. As approver: your name or e-mail address as you were asked. "
    "As operator: any name."
)
DECIDE_AS: Final = (
    "approver: your own voice, one of those that are asked. operator: in place of all approvers, whoever they are."
)
LEAVE_IT: Final = "Leave it as it is: it says which words you decide on."

# The bell knows no round: waking a run needs none, deciding does.
_DECISIONS_SAY_WHAT_THEY_ARE_ABOUT: Final[dict[str, Any]] = {
    "if": {"properties": {"decision": {"const": "look_again"}}},
    "else": {"required": ["round", "digest"]},
}


class ApprovalDecision(RunInput):
    """Decide for the campaign as a whole. Post by post works on the approval page only."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_DECISIONS_SAY_WHAT_THEY_ARE_ABOUT)

    # No default: a default decision means approval by one click.
    decision: Literal["approved", "needs_revision", "rejected", "look_again"] = Field(
        title="Decision", description="look_again decides nothing: the run reads what was recorded and goes on."
    )
    decided_by: str = Field(default="", title="Your name", description=YOUR_NAME, max_length=100)
    # The weaker one: whoever decides in place of all has said so.
    decide_as: Literal["approver", "operator"] = Field(default="approver", title="You decide as", description=DECIDE_AS)
    comments: str = Field(
        default="", title="Comment", description="Needed for needs_revision and rejected.", max_length=5000
    )
    # Constants in the form of a pause; 0 and "" in an answer to the form of the version before.
    round: int = 0
    digest: str = ""


def form_about(n: int, digest: str, description: str) -> type[ApprovalDecision]:
    """Return the form of one pause: about round n and the words with this digest.

    Args:
        description: markdown above the fields; what users wrote in it must be escaped.
    """
    fields: dict[str, Any] = {
        "round": (Literal[n], Field(default=n, title="Round", description=LEAVE_IT)),
        "digest": (Literal[digest], Field(default=digest, title="Words", description=LEAVE_IT)),
    }
    form = create_model("ApprovalDecision", __base__=ApprovalDecision, **fields)
    return form.with_initial_data(description=description)


LOOK_AGAIN: Final[dict[str, Any]] = {"decision": "look_again"}
"""What the doorbell says to a form of any version. The decision itself travels through the store only."""
