"""Something worth an entry in the audit trail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Fact:
    """Who did what, when and why. `details` is JSON-compatible and holds no secret.

    `since` is for metrics and not stored: what the time until `at` is counted from. It follows from earlier entries.
    """

    actor: str
    action: str
    at: datetime
    from_status: str | None = None
    to_status: str | None = None
    reason: str | None = None
    round: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    since: datetime | None = None
