"""Lost updates: a change names the version that it is based on.

`If-Match` with the ETag that was read is the way of HTTP (RFC 9110 section 13.1.1): another stored
version is 412. `version` in the body of a PATCH says the same: another one is 409. A PATCH with neither
is refused with 428; a deletion or a cancelling may go without, since it destroys nobody's text.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import Depends, Header

from api.http.problems import problem
from campaigns.errors import Fault, FaultsError, VersionConflictError

_OURS: Final = re.compile(r'"([1-9][0-9]{0,9})"', re.ASCII)
# An entity tag, or any: RFC 9110 section 8.8.3.
_TAG: Final = r'^(\*|(W/)?"[\x21\x23-\x7e]*")$'
NEVER: Final = 0
"""The version that no entity has."""


async def if_match(
    value: Annotated[
        str | None,
        Header(
            alias="If-Match",
            pattern=_TAG,
            description='The ETag that was read, such as "3"; another stored version answers 412',
        ),
    ] = None,
) -> int | None:
    """Return the version that If-Match names, None without one or for `*`, `NEVER` for a tag that we never gave."""
    if value is None or value == "*":
        return None
    found = _OURS.fullmatch(value)
    return int(found[1]) if found else NEVER


IfMatch = Annotated[int | None, Depends(if_match)]


def based(wanted: Mapping[str, Any], by_header: int | None) -> tuple[dict[str, Any], int]:
    """Return the fields of a change without its `version`, and the version that it is based on.

    Raises:
        FaultsError: `version` is not a version.
        Problem: neither way names one (428).
    """
    fields = dict(wanted)
    by_body = fields.pop("version", None)
    if by_body is not None and (isinstance(by_body, bool) or not isinstance(by_body, int) or by_body < 1):
        raise FaultsError([Fault("version", "must be a whole number from 1", "OUT_OF_RANGE")])
    version = by_body if by_header is None else by_header
    if version is None:
        raise problem("PRECONDITION_REQUIRED", "send If-Match with the ETag that was read, or `version` in the body")
    return fields, version


def require_version(stored: int, wanted: int | None) -> None:
    """Raise `VersionConflictError` unless the stored version is the wanted one; None wants any."""
    if wanted is not None and stored != wanted:
        raise VersionConflictError("it was changed since it was read", {"currentVersion": stored})


@contextmanager
def guarded(by_header: int | None) -> Iterator[None]:
    """Answer another stored version with 412 when If-Match named it; a `version` in the body answers 409."""
    try:
        yield
    except VersionConflictError as error:
        if by_header is None:
            raise
        raise problem("PRECONDITION_FAILED", str(error), error.details) from None
