"""Turns pydantic's findings into faults in our words: the field, what was expected, what was given."""

from collections.abc import Iterable, Sequence
from typing import Final, get_args

from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from campaigns.errors import Fault
from campaigns.model.base import cut

WORDS_OF: Final[dict[str, tuple[str, str]]] = {
    # pydantic's error type -> our stable code, our words (filled from the error's context)
    "missing": ("REQUIRED", "is required"),
    "extra_forbidden": ("UNKNOWN_FIELD", "is not a known field"),
    "string_too_short": ("TOO_SHORT", "must have at least {min_length} characters, not {given_length}"),
    "string_too_long": ("TOO_LONG", "must have at most {max_length} characters, not {given_length}"),
    "too_short": ("TOO_FEW", "must have at least {min_length} entries, not {actual_length}"),
    "too_long": ("TOO_MANY", "must have at most {max_length} entries, not {actual_length}"),
    "literal_error": ("NOT_A_CHOICE", "must be {expected}"),
    "enum": ("NOT_A_CHOICE", "must be {expected}"),
    "string_type": ("WRONG_TYPE", "must be a text"),
    "string_unicode": ("WRONG_TYPE", "must be valid Unicode text"),
    "int_type": ("WRONG_TYPE", "must be a whole number"),
    "int_parsing": ("WRONG_TYPE", "must be a whole number"),
    "int_parsing_size": ("OUT_OF_RANGE", "is too long a number"),
    "int_from_float": ("WRONG_TYPE", "must be a whole number"),
    "float_type": ("WRONG_TYPE", "must be a number"),
    "float_parsing": ("WRONG_TYPE", "must be a number"),
    "bool_type": ("WRONG_TYPE", "must be true or false"),
    "bool_parsing": ("WRONG_TYPE", "must be true or false"),
    "list_type": ("WRONG_TYPE", "must be a list"),
    "dict_type": ("WRONG_TYPE", "must be an object"),
    "model_type": ("WRONG_TYPE", "must be an object"),
    "model_attributes_type": ("WRONG_TYPE", "must be an object"),
    "finite_number": ("OUT_OF_RANGE", "must be a finite number"),
    "greater_than_equal": ("OUT_OF_RANGE", "must be at least {ge}"),
    "greater_than": ("OUT_OF_RANGE", "must be more than {gt}"),
    "less_than_equal": ("OUT_OF_RANGE", "must be at most {le}"),
    "less_than": ("OUT_OF_RANGE", "must be less than {lt}"),
    "date_from_datetime_parsing": ("WRONG_FORMAT", "must be a date such as 2027-03-15"),
    "date_parsing": ("WRONG_FORMAT", "must be a date such as 2027-03-15"),
    "date_type": ("WRONG_TYPE", "must be a date such as 2027-03-15"),
    "json_invalid": ("JSON_INVALID", "is not valid JSON: {error}"),
}

# For what pydantic may find and nobody has met yet: its words would speak of classes, its names are not ours.
OTHER: Final = ("WRONG_FORMAT", "has the wrong form")
_LONGEST_NAME: Final = 200
_PYDANTICS: Final = frozenset(get_args(ErrorType))

# A pattern is a rule in the shape of a regex; people are told the rule.
PATTERNS: Final[tuple[tuple[str, str], ...]] = (
    ("campaign_", "must be a campaign id: campaign_ and a ULID"),
    ("persona_", "must be a persona id: persona_ and a ULID"),
    ("brand_", "must be a brand id: brand_ and a ULID"),
    ("post_", "must be a post id: post_ and a ULID"),
    ("example_", "must be an example id: example_ and a ULID"),
    ("asset_", "must be an asset id: asset_ and a ULID"),
    ("round_", "must be a round id: round_ and a ULID"),
    ("template_", "must be a template id: template_ and a ULID"),
    ("-?P", "must be a duration of days, weeks or months such as P7D, P2W or P1M"),
    ("^--", "must be a day of every year such as --12-25"),
    ("[-_][A-Z]", "must be a language such as en or pt-BR"),
    ("24:00", "must be a time as HH:MM, from 00:00 to 24:00"),
    ("[01]", "must be a time as HH:MM, from 00:00 to 23:59"),
    ("@", "must be an e-mail address"),
    ("any|all", "must be any, all, or a number from 1 to 10"),
    ("a-z0-9-", "must be 2 to 63 lower-case letters, digits and dashes, not starting with a dash"),
)


def faults_of(error: ValidationError, *, under: str = "") -> list[Fault]:
    """Return every finding of a validation as a fault, in the order of the fields.

    Args:
        under: path of the validated value inside what the caller sent.
    """
    return faults_of_details(error.errors(include_url=False), under=under)


def faults_of_details(details: Iterable[ErrorDetails], *, under: str = "") -> list[Fault]:
    """Return pydantic's error details, wherever they were found, as faults."""
    return _merged(_fault(detail, under) for detail in details if not _of_the_other_member(detail))


def _of_the_other_member(detail: ErrorDetails) -> bool:
    """An object was given where a day or a range may stand: the range's findings tell, the day's do not."""
    return isinstance(detail["input"], dict) and len(detail["loc"]) > 1 and _names_a_day(detail["loc"][-1])


def _fault(detail: ErrorDetails, under: str) -> Fault:
    kind, context = detail["type"], dict(detail.get("ctx") or {})
    given = detail["input"]
    if kind in {"string_too_short", "string_too_long"} and isinstance(given, str):
        context["given_length"] = len(given.strip())
    # Our own rules (PydanticCustomError) carry their words.
    code, words = WORDS_OF.get(kind, OTHER if kind in _PYDANTICS else (kind.upper(), ""))
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        words = next((text for mark, text in PATTERNS if mark in pattern), words)
        words = words.replace("{", "{{").replace("}", "}}")
    try:
        message = words.format(**context) if words else detail["msg"]
    except KeyError:
        message = detail["msg"]
    message = message.replace(" 1 characters", " 1 character").replace(" 1 entries", " 1 entry")
    if kind == "extra_forbidden":
        # A stranger is named exactly as it was sent, as far as anybody reads.
        stranger = str(detail["loc"][-1])
        stranger = stranger if len(stranger) <= _LONGEST_NAME else f"{cut(stranger, at_most=_LONGEST_NAME)}…"
        home = _path(detail["loc"][:-1], under) if detail["loc"][:-1] or under else ""
        return Fault(field=f"{home}.{stranger}" if home else stranger, message=message, code=code)
    return Fault(field=_path(detail["loc"], under), message=message, code=code)


def _path(location: Sequence[int | str], under: str) -> str:
    parts = [under] if under else []
    for step in location:
        if isinstance(step, int):
            parts[-1:] = [f"{parts[-1]}[{step}]"] if parts else [f"[{step}]"]
        elif step in _MARKS or _names_a_day(step):
            continue
        else:
            parts.append(_WIRE_NAMES.get(step) or (to_camel(step) if "_" in step else step))
    return ".".join(parts) or "body"


# pydantic names a failed member of a union, and the key of a map, in a way that is no part of what was sent.
_MARKS: Final = frozenset({"DateRange", "[key]"})


def _names_a_day(step: int | str) -> bool:
    return isinstance(step, str) and step.startswith("function-before[_day(), ")


_WIRE_NAMES: Final = {"primary_cta": "primaryCTA", "from_": "from", "budget_usd": "budgetUSD"}


def _merged(faults: Iterable[Fault]) -> list[Fault]:
    # Each member of a union reports its own finding for one and the same field: the first one stands.
    seen: dict[str, Fault] = {}
    for fault in faults:
        seen.setdefault(fault.field, fault)
    return list(seen.values())
