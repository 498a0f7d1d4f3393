"""Checks over HTTP: what the guardrails say of any text. For editors and other tools; nothing is stored."""

from typing import Annotated, Any

from fastapi import Body, Depends
from fastapi.responses import Response

from api.auth.identity import Caller, needs
from api.dependencies import Now, TheStore, resource
from api.schemas.wire import SchemaOf, checked, sent
from campaigns.build.checking import CheckRequest, check_text
from campaigns.model.post import Check, Quality

router = resource("checks", "/checks", also=(404,))

Reader = Annotated[Caller, Depends(needs("campaigns:read"))]

EXAMPLE = {
    "platform": "linkedin",
    "text": "Our award-winning coffee cures headaches. 38 families grew it.",
    "brief": "The first bags from the Huila cooperative arrive in the second week of March. 38 families grew them.",
}


class Checked(Quality):
    """Every finding, in a fixed order, and the score from 0 to 1.

    A finding has a code, a severity (`block` or `warn`), a message, and where it stands in the text a span:
    [start, end) in code points.
    """

    checks: list[Check] = []


@router.post("", response_model=Checked, summary="Check a text against platform, brand and facts; nothing is stored")
def check(
    caller: Reader,
    store: TheStore,
    now: Now,
    given: Annotated[
        dict[str, Any],
        SchemaOf(CheckRequest),
        Body(title="CheckRequest", openapi_examples={"post": {"value": EXAMPLE}}),
    ],
) -> Response:
    """Return what would be said of the text as a post; a brief is facts in words, a campaign brings its own."""
    return sent(check_text(store, caller.tenant_id, checked(CheckRequest, given), now=now).to_wire())
