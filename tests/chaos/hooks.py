"""Lives in every process of the stack: kills it at an armed point, lets its store fail, and notes what it did.

The product knows nothing of this: named functions are wrapped when their module is imported. What is to
happen stands in files of one folder (`CHAOS_HOME`), so that the runner can change it while processes live:

    armed/<point>__<scenario>.json    kill whoever reaches the point for this campaign; renamed into
    fired/                            by the process that dies of it, so that each kills once
    outage/<component>__<scenario>.json    how the component fails at present, and for which campaigns
    effects/<pid>.jsonl               what was done, as it was done
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import inspect
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

from tests.chaos.points import POINTS, Point

HOME = Path(os.environ.get("CHAOS_HOME", "/nonexistent"))
CAMPAIGN = re.compile(r"campaign_[0-9A-HJKMNP-TV-Z]{26}")

_names: dict[str, str] = {}
_calls: dict[str, int] = {}
_guard = threading.Lock()
_log: dict[int, int] = {}
_asking = threading.local()


# --- what happened ---------------------------------------------------------------------------------


def note(kind: str, **facts: Any) -> None:
    """Append one line, in one write: it survives the death of the process."""
    line = json.dumps({"kind": kind, "at": time.time(), "pid": os.getpid(), "role": role(), **facts}) + "\n"
    if os.getpid() not in _log:
        _log[os.getpid()] = os.open(HOME / "effects" / f"{os.getpid()}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(_log[os.getpid()], line.encode())


def role() -> str:
    arguments = sys.orig_argv
    if "deployments.worker" in arguments:
        return "worker"
    if "deployments.server" in arguments:
        return "server"
    if "api" in arguments:
        return "api"
    if os.environ.get("PREFECT__FLOW_NAME") == "housekeeping":
        return "housekeeping"
    return "flow" if "PREFECT__FLOW_RUN_ID" in os.environ or "PREFECT_FLOW_RUN_ID" in os.environ else "other"


# --- kill ------------------------------------------------------------------------------------------


def reach(point: Point, values: tuple[Any, ...], result: Any) -> None:
    """Die, if somebody armed this point for the campaign at hand."""
    if point.role != role():
        return
    with _guard:
        call = _calls[point.name] = _calls.get(point.name, 0) + 1
    for path in sorted((HOME / "armed").glob(f"{point.name}__*.json")):
        try:
            wanted = json.loads(path.read_text())
        except (OSError, ValueError):
            continue  # another process dies of it in this moment
        about = _about((*values, result))
        if wanted["campaigns"] and not about.intersection(wanted["campaigns"]):
            continue
        if call < wanted["call"] or (HOME / "fired" / path.name).exists():
            continue
        try:
            path.rename(HOME / "fired" / path.name)
        except OSError:
            continue
        time.sleep(wanted["delay"])
        note("killed", point=point.name, scenario=wanted["scenario"], **_whose(about))
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()


def _about(values: tuple[Any, ...]) -> set[str]:
    """Return every name by which the values tell a campaign: ids, names, runs."""
    found: set[str] = set()
    for value in values:
        if isinstance(value, str):
            found.update(CAMPAIGN.findall(value))
            continue
        if isinstance(value, Mapping):
            found.update(str(value[name]) for name in ("name", "campaign_id") if isinstance(value.get(name), str))
            continue
        value = getattr(value, "campaign", value)
        for name in ("campaign_id", "id", "name", "path", "pk"):
            text = getattr(value, name, None)
            if isinstance(text, str):
                found.add(text)
                found.update(CAMPAIGN.findall(text))
        parameters = getattr(value, "parameters", None)
        if isinstance(parameters, Mapping):
            found.add(str(parameters.get("campaign_id")))
        found.update(str(tag).partition("correlation:")[2] for tag in getattr(value, "tags", None) or ())
        if isinstance(value, UUID):
            found.add(str(value))  # a run's id
    if role() == "flow" and "campaign" in _names:
        found.add(_names["campaign"])
    found.update(_names[each] for each in list(found) if each in _names)
    return found


def _whose(about: set[str]) -> dict[str, str]:
    return next(({"campaign": each} for each in about if CAMPAIGN.fullmatch(each)), {})


# --- watch -----------------------------------------------------------------------------------------


def _watch_saved(values: tuple[Any, ...], result: Any) -> None:
    """Learn which campaign this process builds, and what an id is called."""
    if (campaign := getattr(result, "campaign", result)) is not None and hasattr(campaign, "name"):
        _names[campaign.id] = campaign.name
        if role() == "flow":
            _names["campaign"] = campaign.id


def _watch_building(values: tuple[Any, ...], result: Any) -> None:
    """Learn it also where the step that saved it is not executed again."""
    _watch_saved(values, values[0])


def _asked(kind: str, given: Any) -> dict[str, Any]:
    post = getattr(given, "post", None)
    what = {"campaign": given.campaign_id, "call": kind}
    if post is not None:
        revision = post.revision + (1 if given.revision is not None else 0)
        what |= {"post": post.id, "revision": revision}
    return what


def _calling(kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def watched(tenant_id: str, given: Any) -> Any:
        what = _asked(kind, given)
        name = f"{what['campaign']}/{what.get('post', 'plan')}/{what.get('revision', 0)}"
        note("asked", name=name, **what)
        _asking.what = {"name": name, **what}
        answer = call(tenant_id, given)
        del _asking.what
        note("answered", name=name, success=answer.success, **what)
        return answer

    return watched


def _called(call: Callable[..., Any]) -> Callable[..., Any]:
    """Note each call of the model: an answer that does not hold is followed by another call for the same text."""

    @functools.wraps(call)
    def watched(self: Any, prompt: Any, form: Any) -> Any:
        if hasattr(_asking, "what"):  # else it is for no text of a campaign
            note("called", **_asking.what)
        return call(self, prompt, form)

    return watched


def _watch_kept(values: tuple[Any, ...], result: Any) -> None:
    words = result.content.text if result.content is not None else None
    note("stored", campaign=result.campaign_id, post=result.id, revision=result.revision, words=words)


def _watch_planned(values: tuple[Any, ...], result: Any) -> None:
    if str(getattr(result, "status", "")) == "generating":
        note("planned", campaign=result.id)


def _sending(send: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(send)
    def watched(channel: str, notice: Any, *, name: str, message_id: str, now: Any) -> Any:
        answer = send(channel, notice, name=name, message_id=message_id, now=now)
        note("sent", channel=channel, name=name, message=message_id, campaign=CAMPAIGN.findall(name)[0])
        return answer

    return watched


# --- outages ---------------------------------------------------------------------------------------


def outage(component: str, about: str) -> dict[str, Any] | None:
    """Return how the component fails at present for what the text names; the fault is noted as injected."""
    for path in (HOME / "outage").glob(f"{component}__*.json"):
        try:
            fault: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError):
            continue  # healed in this moment
        whose = next((each for each in CAMPAIGN.findall(about) if each in fault["campaigns"]), None)
        if (fault["campaigns"] and whose is None) or role() not in fault["roles"]:
            continue
        return {**fault, "campaign": whose}
    return None


def _inject(fault: dict[str, Any]) -> None:
    note("fault", outage=fault["name"], scenario=fault["scenario"], campaign=fault["campaign"])


def _failing_store(method: str, call: Callable[..., Any]) -> Callable[..., Any]:
    from campaigns.errors import StoreUnavailableError

    writes = method in {"write", "delete"}

    @functools.wraps(call)
    def failing(self: Any, *args: Any, **kwargs: Any) -> Any:
        if any((HOME / "outage").iterdir()):
            keys = " ".join(str(getattr(each, "key", getattr(each, "item", each))) for each in args)
            if fault := outage("store", keys):
                match fault["mode"]:
                    case "refuse":
                        _inject(fault)
                        raise StoreUnavailableError("the store did not answer: unable to open database file")
                    case "slow":
                        _inject(fault)
                        time.sleep(fault["seconds"])
                    case "full" if writes:
                        _inject(fault)
                        raise StoreUnavailableError("the store did not answer: database or disk is full")
                    case "drop" if writes:
                        call(self, *args, **kwargs)
                        _inject(fault)
                        raise StoreUnavailableError("the store did not answer: the connection was lost")
        return call(self, *args, **kwargs)

    return failing


def _failing_blobs(method: str, call: Callable[..., Any]) -> Callable[..., Any]:
    import errno

    from campaigns.checkpoints import folder

    writes = method == "put"

    @functools.wraps(call)
    def failing(self: Any, path: str, *args: Any) -> Any:
        if (fault := outage("checkpoints", path)) is None:
            return call(self, path, *args)
        with folder._translated():
            match fault["mode"]:
                case "refuse":
                    _inject(fault)
                    raise OSError(errno.EHOSTDOWN, os.strerror(errno.EHOSTDOWN))
                case "5xx":
                    _inject(fault)
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                case "slow":
                    _inject(fault)
                    time.sleep(fault["seconds"])
                case "full" if writes:
                    _inject(fault)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                case "drop" if writes:
                    call(self, path, *args)
                    _inject(fault)
                    raise OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            return call(self, path, *args)

    return failing


# --- wrap ------------------------------------------------------------------------------------------

_WATCHED: dict[str, Callable[[tuple[Any, ...], Any], None]] = {
    "campaigns.build.submission:submit": _watch_saved,
    "tasks.save:save_campaign": _watch_saved,
    "tasks.engine.lease:building": _watch_building,
    "campaigns.store.campaign.posts:PostRepository.save_revision": _watch_kept,
    "campaigns.store.campaign.campaigns:CampaignRepository.move": _watch_planned,
}
_REPLACED: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "campaigns.agents.writer:run": functools.partial(_calling, "write"),
    "campaigns.agents.planner:run": functools.partial(_calling, "plan"),
    "campaigns.agents.providers.hosted:HostedModel.answer": _called,
    "tasks.delivery.channels:send": _sending,
    **{
        f"campaigns.store.tables.sqlite:SQLiteTable.{method}": functools.partial(_failing_store, method)
        for method in ("get", "get_many", "query", "query_index", "positions", "write", "delete")
    },
    **{
        f"campaigns.checkpoints.folder:FolderBlobs.{method}": functools.partial(_failing_blobs, method)
        for method in ("get", "put")
    },
}


def _points_at(target: str) -> tuple[list[Point], list[Point]]:
    here = [point for point in POINTS if point.target == target]
    return [p for p in here if p.when == "in"], [p for p in here if p.when == "out"]


def _wrapped(target: str, call: Callable[..., Any]) -> Callable[..., Any]:
    call = _REPLACED.get(target, lambda same: same)(call)
    ins, outs = _points_at(target)
    watch = _WATCHED.get(target)

    def before(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        values = (*args, *kwargs.values())
        for point in ins:
            if point.only(values, None):
                reach(point, values, None)
        return values

    def after(values: tuple[Any, ...], result: Any) -> None:
        if watch is not None:
            watch(values, result)
        for point in outs:
            if point.only(values, result):
                reach(point, values, result)

    if inspect.iscoroutinefunction(call):

        @functools.wraps(call)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            values = before(args, kwargs)
            result = await call(*args, **kwargs)
            after(values, result)
            return result

        return awaited

    @functools.wraps(call)
    def called(*args: Any, **kwargs: Any) -> Any:
        values = before(args, kwargs)
        result = call(*args, **kwargs)
        after(values, result)
        return result

    return called


def _targets() -> dict[str, list[str]]:
    by_module: dict[str, list[str]] = {}
    for target in dict.fromkeys([*(point.target for point in POINTS), *_WATCHED, *_REPLACED]):
        by_module.setdefault(target.partition(":")[0], []).append(target)
    return by_module


def _wrap_all(module: ModuleType, targets: list[str]) -> None:
    for target in targets:
        holder: Any = module
        *path, name = target.partition(":")[2].split(".")
        for part in path:
            holder = getattr(holder, part)
        found = getattr(holder, name)
        if hasattr(found, "fn"):  # a Prefect task: its function, so that the engine around it stays
            found.fn = _wrapped(target, found.fn)
        else:
            setattr(holder, name, _wrapped(target, found))


class _Loader(importlib.abc.Loader):
    def __init__(self, real: Any, targets: list[str]) -> None:
        self._real = real
        self._targets = targets

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        _wrap_all(module, self._targets)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self) -> None:
        self._targets = _targets()

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self._targets:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._targets[name])
        return spec


def install() -> None:
    """Wrap the named functions as their modules are imported."""
    sys.meta_path.insert(0, _Finder())
