"""What every value of the domain shares: the wire form, ids, text and instants (domain.md section 1)."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeVar

import regex
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from ulid import ULID

from campaigns.model.characters import cleaned, hiding, without_hiding

T = TypeVar("T")


class Wire(BaseModel):
    """A value that travels: camelCase on the wire, snake_case in Python, unknown fields refused.

    `null` and missing are the same thing at every depth (domain.md section 1): a null is dropped
    before validation, so that a field with a default takes it and a required one is reported missing.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        ser_json_inf_nan="constants",
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON-compatible form: camelCase names, instants as RFC 3339 in UTC, no nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class _NoNullInSchema:
    """Show an optional field as its plain type: Prefect's form draws `anyOf` with null badly."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        shown = handler(schema)
        members = [member for member in shown.get("anyOf", []) if member.get("type") != "null"]
        if len(members) != 1:
            return shown
        rest = {key: value for key, value in shown.items() if key not in {"anyOf", "default"}}
        return {**members[0], **rest}


def _drop_null_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


Maybe = Annotated[T | None, _NoNullInSchema()]
"""An optional value: None in Python, absent on the wire, its plain type in a JSON schema."""


def optional(title: str, description: str = "", **extra: Any) -> Any:
    """Return the field of a `Maybe`: default None, which the schema does not mention."""
    return Field(
        default=None, title=title, description=description or None, json_schema_extra=_drop_null_default, **extra
    )


def card(default: Wire, title: str, **extra: Any) -> Any:
    """Return the field of a nested value with a default, which a form shows filled in.

    The default in the schema names no nulls: Prefect would send them, and its schema refuse them.
    """
    return Field(default=default, title=title, json_schema_extra={"default": default.to_wire()}, **extra)


STORED: Final[Mapping[str, bool]] = MappingProxyType({"stored": True})
"""Context of a validation that reads what we wrote: a text stays as it was stored, whatever the rule was then."""


def clean_text(value: str) -> str:
    """Return the text in NFC, with plain line ends, trimmed, and without characters that nobody sees.

    Raises:
        PydanticCustomError: it holds a character that could hide words from a reader (type `text_hidden`).
    """
    if found := hiding(value):
        raise PydanticCustomError(
            "text_hidden",
            "must not contain the hidden character U+{code}: delete it, it is character {place} of line {line}",
            {"code": found.code_point, "line": found.line, "place": found.place},
        )
    return cleaned(value)


def visible_text(value: str) -> str:
    """Return the text as `clean_text` would, with what it refuses left out: people paste such characters unseen."""
    return cleaned(without_hiding(value))


def _clean_before(value: Any, info: ValidationInfo) -> Any:
    return clean_text(value) if isinstance(value, str) and info.context is not STORED else value


Clean = BeforeValidator(_clean_before)
"""Normalise before the bounds are checked: length counts code points after NFC and trimming."""

_BREAKS = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]+")


def one_line(text: str) -> str:
    """Return the text with each run of line breaks and tabs, and the white space around it, as one space."""
    return " ".join(filter(None, (part.strip() for part in _BREAKS.split(text))))


_CLUSTER = regex.compile(r"\X")


def excerpt(text: str, *, at_most: int) -> str:
    """Return the text as one line of at most so many code points; what is cut ends with `…`.

    The cut stands between what a reader sees as letters (extended grapheme clusters, UAX #29): never in a flag, a
    family of emoji, or between a letter and its accents.
    """
    line = one_line(text)
    return line if len(line) <= at_most else f"{cut(line, at_most=at_most - 1).rstrip()}…"


def cut(text: str, *, at_most: int) -> str:
    """Return the beginning of a text, at most so many code points and only whole letters (see `excerpt`)."""
    if len(text) <= at_most:
        return text
    start = _boundary_before(text, at_most)
    end = start
    for found in _CLUSTER.finditer(text[start : at_most + _NEAR]):
        if start + found.end() > at_most:
            break
        end = start + found.end()
    return text[:end]


_NEAR = 256


def _boundary_before(text: str, place: int) -> int:
    """Return where a letter begins, shortly before a place: from the start of a text it would take long."""
    first = max(0, place - _NEAR)
    plain = next((at for at in range(place - 1, first, -1) if text[at].isascii()), first)
    if plain > first:
        return plain
    flags = first
    while flags > 0 and _FLAG_HALF <= text[flags - 1] <= _LAST_FLAG_HALF:
        flags -= 1
    return first + (first - flags) % 2


_FLAG_HALF, _LAST_FLAG_HALF = "\U0001f1e6", "\U0001f1ff"


def first_letter(text: str) -> str:
    """Return what a reader sees as the first letter of a text, such as a whole flag; "" for an empty one."""
    found = _CLUSTER.match(text[:_NEAR])
    return found[0] if found else ""


def _one_line_before(value: Any, info: ValidationInfo) -> Any:
    return one_line(value) if isinstance(value, str) and info.context is not STORED else value


OneLine = BeforeValidator(_one_line_before)
"""What is one line by nature (a name, a subject, a label, a topic) is one by its type.

People paste line breaks with names, from tables above all, so they are mended and not refused: every reader of a
name, from a mail's header to a calendar's, takes a break in it for something else.
"""

Text50 = Annotated[str, StringConstraints(min_length=1, max_length=50), Clean, OneLine]
Text100 = Annotated[str, StringConstraints(min_length=1, max_length=100), Clean, OneLine]
Text200 = Annotated[str, StringConstraints(min_length=1, max_length=200), Clean, OneLine]
Line500 = Annotated[str, StringConstraints(min_length=1, max_length=500), Clean, OneLine]
Text300 = Annotated[str, StringConstraints(min_length=1, max_length=300), Clean]
Text500 = Annotated[str, StringConstraints(min_length=1, max_length=500), Clean]
Text1000 = Annotated[str, StringConstraints(min_length=1, max_length=1000), Clean]


def _split_pasted_lines(value: Any) -> Any:
    """Prefect's form has one box per item and no bulk paste: split pasted lines, drop blank ones."""
    if isinstance(value, list) and all(isinstance(item, str) or item is None for item in value):
        return [line for item in value if item for line in item.splitlines() if line.strip()]
    return value


Lines = BeforeValidator(_split_pasted_lines)
"""For a list of short texts that people paste."""

_URL = re.compile(r"https?://[^\s/?#@]+\.[^\s/?#@]+([/?#]\S*)?", re.IGNORECASE | re.ASCII)


def _http_url(value: str) -> str:
    if not _URL.fullmatch(value):
        raise PydanticCustomError("url_http", "must be a web address that starts with http:// or https://")
    return value


HttpUrlText = Annotated[str, StringConstraints(min_length=1, max_length=2000), Clean, AfterValidator(_http_url)]
"""A web address as text: pydantic's HttpUrl rewrites what it accepts, and this is what gets published."""


def _blank_is_none(value: Any) -> Any:
    if isinstance(value, dict) and all(entry is None or entry == "" for entry in value.values()):
        return None
    return value


BlankIsNone = BeforeValidator(_blank_is_none)
"""A card of the form that was never filled in arrives as an object of empty strings: it is missing."""


def unique(items: list[T]) -> list[T]:
    """Refuse a list that names something twice (type `not_unique`)."""
    seen: set[Any] = set()
    for item in items:
        if item in seen:
            raise PydanticCustomError("not_unique", "names {item} twice", {"item": str(item)})
        seen.add(item)
    return items


Unique = AfterValidator(unique)

Kind = Literal[
    "campaign", "persona", "brand", "post", "example", "asset", "round", "occ", "audit", "outbox", "template", "feed"
]

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"

# pydantic's Rust regex takes `$` as the very end of the text: no trailing newline slips through.
TenantId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
CampaignId = Annotated[str, StringConstraints(pattern=rf"^campaign_{_ULID}$")]
PersonaId = Annotated[str, StringConstraints(pattern=rf"^persona_{_ULID}$")]
BrandId = Annotated[str, StringConstraints(pattern=rf"^brand_{_ULID}$")]
PostId = Annotated[str, StringConstraints(pattern=rf"^post_{_ULID}$")]
ExampleId = Annotated[str, StringConstraints(pattern=rf"^example_{_ULID}$")]
AssetId = Annotated[str, StringConstraints(pattern=rf"^asset_{_ULID}$")]
RoundId = Annotated[str, StringConstraints(pattern=rf"^round_{_ULID}$")]
TemplateId = Annotated[str, StringConstraints(pattern=rf"^template_{_ULID}$")]
OccurrenceId = Annotated[str, StringConstraints(pattern=rf"^occ_{_ULID}$")]
FeedId = Annotated[str, StringConstraints(pattern=rf"^feed_{_ULID}$")]
SubjectId = CampaignId | PersonaId
"""What something is to be done about."""


def new_id(kind: Kind) -> str:
    """Return a fresh id `<kind>_<ULID>`; ids of one kind sort by the time they were made."""
    return f"{kind}_{ULID()}"


def derived_id(kind: Kind, *parts: object) -> str:
    """Return the same ULID-shaped id for the same parts, so that a replay names the same thing."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    number = int.from_bytes(digest[:16], "big")
    letters = [_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{kind}_{''.join(letters)}"


def _to_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment: any offset accepted, UTC kept."""


def content_hash(value: Any) -> str:
    """Return the SHA-256 (hex) over the canonical JSON of a JSON-compatible value."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
