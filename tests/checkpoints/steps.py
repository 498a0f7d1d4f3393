"""What a waiting run relies on after a deploy: names of steps, what they return, what their keys depend on, the flows.

A run that waits for an approver holds no process. It is started again by the entrypoint of its deployment, with the
parameters it was given, and finds its finished steps by name. `tests.checkpoints.golden` keeps these for each release.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final

import yaml
from prefect import Flow, Task
from pydantic import TypeAdapter

import tasks
from deployments.place import ROOT
from tasks.checkpoints.cached import OncePerCampaign
from tasks.checkpoints.codec import _RETURNS

MODULES: Final = [
    importlib.import_module(f"tasks.{each.name}") for each in pkgutil.iter_modules(tasks.__path__) if not each.ispkg
]


def steps() -> dict[str, Task[Any, Any]]:
    """Return every step whose result is kept, by its name."""
    return {
        thing.cache_policy.step: thing
        for module in MODULES
        for thing in vars(module).values()
        if isinstance(thing, Task) and isinstance(thing.cache_policy, OncePerCampaign)
    }


def described() -> dict[str, Any]:
    """Return the steps and flows as they are in the code."""
    return {
        "steps": {
            step: {
                "returns": TypeAdapter(_RETURNS[step]).json_schema(by_alias=True),
                "keyedBy": sorted(_keyed_by(task)),
            }
            for step, task in sorted(steps().items())
        },
        "flows": dict(sorted(_flows())),
    }


def _keyed_by(task: Task[Any, Any]) -> Any:
    """Return the names of the inputs that the key of a step depends on, from parameters that have any attribute."""
    policy = task.cache_policy
    assert isinstance(policy, OncePerCampaign)
    inputs: Any = policy.inputs({name: _Anything() for name in inspect.signature(task.fn).parameters})
    return inputs if isinstance(inputs, Mapping) else [type(inputs).__name__]


class _Anything(SimpleNamespace):
    def __getattr__(self, name: str) -> str:
        return name


def _flows() -> Iterator[tuple[str, Any]]:
    for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]:
        module, _, name = deployment["entrypoint"].partition(":")
        flow = getattr(importlib.import_module(module), name)
        assert isinstance(flow, Flow)
        schema = flow.parameters
        names = {"required": sorted(schema.required), "parameters": sorted(schema.properties)}
        yield f"{flow.name}/{deployment['name']}", {"entrypoint": deployment["entrypoint"], **names}


def broken(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what a run that waits since `before` would not find, or could not read, any more."""
    found: list[str] = []
    for step, was in before["steps"].items():
        if (is_now := now["steps"].get(step)) is None:
            found.append(f"step {step} is gone: its results are paid for again")
            continue
        if was["keyedBy"] != is_now["keyedBy"]:
            found.append(f"step {step} is found by {is_now['keyedBy']}, and was by {was['keyedBy']}")
        found += [f"step {step}: {each}" for each in _unreadable(was["returns"], is_now["returns"], "")]
    for flow, was in before["flows"].items():
        if (is_now := now["flows"].get(flow)) is None or is_now["entrypoint"] != was["entrypoint"]:
            found.append(f"flow {flow} is not at {was['entrypoint']} any more")
            continue
        lost, wanted = (
            set(was["parameters"]) - set(is_now["parameters"]),
            set(is_now["required"]) - set(was["required"]),
        )
        found += [f"flow {flow} takes no {name} any more" for name in sorted(lost)]
        found += [f"flow {flow} wants {name}, which waiting runs do not have" for name in sorted(wanted)]
    return found


def _unreadable(was: Mapping[str, Any], now: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield what was written by the one schema and is not read by the other."""
    then, since = _resolved(was), _resolved(now)
    for name, field in then.get("properties", {}).items():
        place = f"{where}.{name}".lstrip(".")
        if name not in since.get("properties", {}):
            yield f"{place} is not read any more"
        elif not _reads(field, then, since["properties"][name], since):
            yield f"{place} has another type"
    for name in set(since.get("required", [])) - set(then.get("required", [])):
        yield f"{f'{where}.{name}'.lstrip('.')} is required, and was not written"


def _resolved(schema: Mapping[str, Any]) -> dict[str, Any]:
    definitions = schema.get("$defs", {})
    if "$ref" in schema:
        return {**definitions[schema["$ref"].rpartition("/")[2]], "$defs": definitions}
    return dict(schema)


def _reads(was: Any, then: Mapping[str, Any], now: Any, since: Mapping[str, Any]) -> bool:
    """Whether values of one field are values of the other: the same types, at least the same choices."""
    was, now = _followed(was, then), _followed(now, since)
    if set(was.get("enum", [])) - set(now.get("enum", was.get("enum", []))):
        return False
    if any(was.get(key) != now.get(key) for key in ("type", "format", "const")):
        return False
    if "items" in was and not _reads(was["items"], then, now.get("items", {}), since):
        return False
    if "properties" in was and any(
        _unreadable({**was, "$defs": then.get("$defs", {})}, {**now, "$defs": since.get("$defs", {})}, "")
    ):
        return False
    choices = now.get("anyOf", [])
    return all(any(_reads(each, then, other, since) for other in choices) for each in was.get("anyOf", []))


def _whole(field: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    return {**field, "$defs": schema.get("$defs", {})}


def _followed(field: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field without its reference. A post is read by rules of its own: see `test_golden`."""
    if "$ref" not in field:
        return dict(field)
    name = field["$ref"].rpartition("/")[2]
    return {"const": name} if name == "Post" else dict(schema["$defs"][name])
