"""The form behind Prefect's Resume: for operators; approvers have their own page.

Prefect validates an answer against this model's JSON schema on the server and renders templates in
objects, never in plain texts. So every field is a plain text or a choice.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from prefect.input import RunInput
from pydantic import ConfigDict, Field

YOUR_NAME: Final = (
    "Needed to decide; it stands in the audit. An approver's own name or e-mail counts as that one's voice, "
    "any other decides in place of all."
)


class ApprovalDecision(RunInput):
    """Decide for the campaign as a whole. Post by post works on the approval page only."""

    model_config = ConfigDict(extra="forbid")

    # No default: a default decision means approval by one click.
    decision: Literal["approved", "needs_revision", "rejected", "look_again"] = Field(
        title="Decision", description="look_again decides nothing: the run reads what was recorded and goes on."
    )
    decided_by: str = Field(default="", title="Your name", description=YOUR_NAME, max_length=100)
    comments: str = Field(
        default="", title="Comment", description="Needed for needs_revision and rejected.", max_length=5000
    )


LOOK_AGAIN: Final[dict[str, Any]] = {"decision": "look_again", "decided_by": "", "comments": ""}
"""What the doorbell says. The decision itself travels through the store only."""
