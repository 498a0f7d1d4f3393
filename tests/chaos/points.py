"""The named kill points: where, in which process, and in which phase of a campaign's life. Standard library only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

Phase = Literal[
    "create", "plan", "write", "finish", "ask", "decide", "resume", "pass", "revise", "reask", "close", "end"
]
"""The stretch of a campaign's life in which a point lies, in their order; "pass" is one of approval in stages.

Every step forward lies in a stretch of its own: what is killed twice without getting anything done between is
started again later and later, on purpose (campaigns/operations/recovery.py), so no campaign is killed twice in one.
"""


def _any(_given: tuple[Any, ...], _result: Any) -> bool:
    return True


def _step(name: str) -> Callable[[tuple[Any, ...], Any], bool]:
    return lambda given, _: any(getattr(each, "step", None) == name for each in given)


def _rung(_given: tuple[Any, ...], result: Any) -> bool:
    return str(result) == "rung"


def _moved_to(status: str) -> Callable[[tuple[Any, ...], Any], bool]:
    return lambda given, _: any(getattr(each, "to", None) == status for each in given)


def _passes_on(given: tuple[Any, ...], _result: Any) -> bool:
    return any(getattr(getattr(each, "stage", None), "next", None) for each in given)


@dataclass(frozen=True, slots=True)
class Point:
    """A moment at which the process that reaches it is killed.

    Attributes:
        target: the function, `module:name` or `module:class.name`; a task's own function is meant by the task.
        when: before the function's first line, or after its last.
        only: whether a call is meant, from its arguments (values only) and its result.
        spread: fire at any of the calls in one process, not at the first: the posts of a map.
        extra: not among the points of the short mode.
        within: seconds until past the gate, where it cannot be what holds for all; 0: as for all.
    """

    name: str
    role: Literal["flow", "api", "worker", "housekeeping"]
    phase: Phase
    target: str
    when: Literal["in", "out"]
    only: Callable[[tuple[Any, ...], Any], bool] = _any
    spread: Literal["first", "middle", "last"] = "first"
    extra: bool = False
    within: float = 0.0


def _flow(name: str, phase: Phase, target: str, when: Literal["in", "out"], **more: Any) -> Point:
    return Point(name, "flow", phase, target, when, **more)


_WRITE: Final = "campaigns.checkpoints.vault:CheckpointVault.write"
_MOVE: Final = "campaigns.store.campaign.campaigns:CampaignRepository.move"
_WRITER: Final = "campaigns.agents.writer:run"
_SAVE: Final = "campaigns.store.campaign.posts:PostRepository.save_revision"
_PENDING: Final = "prefect.workers.base:BaseWorker._propose_pending_state"
_OPEN: Final = "campaigns.store.campaign.approvals:ApprovalRepository.open_round"

POINTS: Final = (
    _flow("save:in", "plan", "tasks.save:save_campaign", "in"),
    _flow("save:out", "plan", "tasks.save:save_campaign", "out"),
    _flow("save:kept", "plan", _WRITE, "out", only=_step("save"), extra=True),
    _flow("lease:taken", "plan", "campaigns.store.commits.leases:LeaseRepository.acquire", "out", extra=True),
    _flow("plan:in", "plan", "tasks.plan:plan_posts", "in"),
    _flow("plan:answered", "plan", "campaigns.agents.planner:run", "out", extra=True),
    _flow("plan:posts-stored", "write", "campaigns.store.campaign.posts:PostRepository.put_planned", "out"),
    _flow("plan:out", "write", "tasks.plan:plan_posts", "out"),
    _flow("plan:kept", "write", _WRITE, "out", only=_step("plan"), extra=True),
    _flow("generate-first:in", "write", "tasks.generate:generate_post", "in"),
    _flow("generate-middle:answered", "write", _WRITER, "out", spread="middle"),
    _flow("generate-middle:stored", "write", _SAVE, "out", spread="middle", extra=True),
    _flow("generate-last:out", "finish", "tasks.generate:generate_post", "out", spread="last"),
    _flow("generate-last:kept", "finish", _WRITE, "out", only=_step("generate"), spread="last", extra=True),
    _flow("map:end", "finish", "flows.build_campaign:_write", "out"),
    _flow("ask:in", "finish", "tasks.ask:ask_for_approval", "in"),
    _flow("ask:link-made", "ask", _OPEN, "out"),
    _flow("ask:sent", "ask", "tasks.delivery.channels:send", "out"),
    _flow("ask:out", "ask", "tasks.ask:ask_for_approval", "out", extra=True),
    _flow("ask:kept", "ask", _WRITE, "out", only=_step("ask"), extra=True),
    _flow(
        "paused:before-form", "ask", "tasks.engine.suspending:propose_state_sync", "out",
        only=lambda _, result: result.is_paused(),
    ),
    _flow("paused:form-saved", "ask", "tasks.engine.suspending:mark_flow_run_suspension_requested", "in", extra=True),
    _flow("resumed:in", "resume", "flows.approval_gate:wait_for_decision", "in"),
    _flow(
        "resumed:outcome-read", "resume", "tasks.outcome:read_outcome", "out",
        only=lambda _, result: result is not None, extra=True,
    ),
    _flow("revise:in", "resume", "tasks.revise:revise_posts", "in"),
    _flow("revise:out", "revise", "tasks.revise:revise_posts", "out"),
    _flow("rewrite:answered", "revise", _WRITER, "out", spread="middle", extra=True),
    _flow("rewrite:link-made", "reask", _OPEN, "out"),
    _flow("complete:in", "close", "tasks.complete:complete_campaign", "in"),
    Point("complete:approved", "api", "end", _MOVE, "out", only=_moved_to("approved")),
    _flow("complete:out", "end", "tasks.complete:complete_campaign", "out"),
    _flow("complete:kept", "end", _WRITE, "out", only=_step("complete"), extra=True),
    Point("api:stored", "api", "create", "campaigns.build.submission:submit", "out"),
    Point("api:run-made", "api", "create", "tasks.engine.server.runs:start_run", "out", extra=True),
    Point("api:deciding", "api", "decide", "campaigns.approval.rounds:decide", "in", extra=True),
    Point("api:decided", "api", "decide", "campaigns.approval.rounds:decide", "out"),
    Point("api:rung", "api", "decide", "tasks.engine.server.runs:ring", "out", only=_rung, extra=True),
    Point("stage:approved", "api", "pass", "campaigns.approval.verdicts:note_verdicts", "out", only=_passes_on),
    Point("stage:next-asked", "api", "pass", _OPEN, "out", extra=True),
    Point("worker:taken", "worker", "plan", _PENDING, "out"),
    Point("worker:started", "worker", "plan", "prefect.workers.base:BaseWorker._submit_run", "out", extra=True,
          within=90.0),  # a process that is being started has 40 s to run (campaigns/operations/recovery.py)
    Point("worker:taken-again", "worker", "resume", _PENDING, "out", extra=True),
    # What the API sweeps, housekeeping leaves to it: these are its own.
    Point("housekeeping:counting", "housekeeping", "plan", "campaigns.store.upkeep.tallies:TallyRepository.fold", "in"),
    Point("housekeeping:tidying", "housekeeping", "plan", "tasks.checkpoints.retention:forget_ended_campaigns", "in"),
)  # fmt: skip
BY_NAME: Final = {point.name: point for point in POINTS}
