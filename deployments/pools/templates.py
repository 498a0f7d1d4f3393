"""The job templates of the pools, from the files beside this one."""

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any, Final

KINDS: Final = ("ecs", "kubernetes", "docker")
_HERE: Final = Path(__file__).parent


class UnfilledError(ValueError):
    """Values are missing, or are none of this kind's; the message names all."""


def wanted(kind: str) -> list[str]:
    """Return the names of the values that a kind takes."""
    return sorted(set(Template(_text(kind)).get_identifiers()))


def filled(kind: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the base job template of a kind, closed: no run brings anything of its own.

    Raises:
        UnfilledError: see there.
    """
    names = wanted(kind)
    faults = [f"--set {name}=… is missing" for name in names if not values.get(name)]
    faults += [f"{name} is no value of {kind}" for name in sorted(set(values) - set(names))]
    if faults:
        raise UnfilledError("; ".join(faults))
    escaped = {name: json.dumps(value)[1:-1] for name, value in values.items()}
    job = json.loads(Template(_text(kind)).substitute(escaped))
    return {"job_configuration": job, "variables": {"type": "object", "properties": {}, "additionalProperties": False}}


def _text(kind: str) -> str:
    return (_HERE / f"{kind}.json").read_text()
