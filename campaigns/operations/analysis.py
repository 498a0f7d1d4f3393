"""Reads how a persona writes from its examples, and keeps what was found (domain.md sections 6 and 10).

Who asks for it leaves a wish in the outbox, which is open until the style was read or could not be: a run
that ends without either is followed by another one.
"""

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from campaigns.agents import style
from campaigns.agents.contracts import StyleInput
from campaigns.errors import AgentError, ConflictError, InsufficientExamplesError, NotFoundError, VersionConflictError
from campaigns.model.library.persona import MIN_EXAMPLES, NEWEST_EXAMPLES, Persona
from campaigns.model.vocabulary import AnalysisStatus
from campaigns.operations.recovery import HEALTHY, MAX_EXECUTIONS, Diagnosis, Remedy, RunSeen, RunState, to_begin
from campaigns.store import OutboxEntry, Store
from campaigns.store.commits.transaction import anew_after

log = logging.getLogger("campaigns.operations.analysis")

ANALYZE: Final = "analyze"
LONGEST: Final = timedelta(minutes=15)
"""No run takes that long: the process of one that does is gone."""
ATTEMPT_SECONDS: Final = 290.0
"""Three attempts of that length, and the pauses between them, are over before that."""


@anew_after(VersionConflictError)
def request_analysis(
    store: Store, tenant_id: str, persona_id: str, *, now: datetime, correlation_id: str | None = None
) -> Persona:
    """Note that a style is wanted and return the persona; asked again before it was read, that is the same wish.

    Raises:
        InsufficientExamplesError: there are fewer than five examples.
        ConflictError: the persona is not active.
    """
    provided = len(store.examples.list(tenant_id, persona_id))
    if provided < MIN_EXAMPLES:
        raise InsufficientExamplesError(MIN_EXAMPLES, provided)
    payload = {"correlation": correlation_id} if correlation_id else {}
    persona = store.personas.get(tenant_id, persona_id)
    if not persona.is_active:
        raise ConflictError("the persona is not active")
    # Read after the persona: a wish that came in between has changed its version.
    before = [entry for entry in store.outbox.of(tenant_id, persona_id) if entry.kind == ANALYZE]
    if any(entry.is_open for entry in before):
        return persona
    replaced = [entry.model_copy(update={"done_at": now}) for entry in before if entry.is_quarantined]
    wish = OutboxEntry.about(ANALYZE, tenant_id, persona_id, persona.version, due_at=now, payload=payload)
    wanted = persona.model_copy(update={"analysis_status": AnalysisStatus.PENDING, "updated_at": now})
    return store.personas.update(wanted, expect_version=persona.version, outbox=[wish, *replaced])


def open_wish(store: Store, tenant_id: str, persona_id: str) -> OutboxEntry | None:
    """Return the wish that a persona's style be read, None: there is none, or it came to its end."""
    entries = store.outbox.of(tenant_id, persona_id)
    return next((entry for entry in entries if entry.kind == ANALYZE and entry.is_open), None)


def diagnose(run: RunSeen, *, broken: int, now: datetime) -> Diagnosis:
    """Return what an open wish needs whose run is this one. Pure.

    Args:
        broken: so many runs of this wish have broken before.
    """
    age = now - run.since
    match run.state:
        case RunState.COMPLETED:
            return Diagnosis(Remedy.NEW_RUN, "the examples changed while they were read", counts=False)
        case RunState.CANCELLED:
            return Diagnosis(Remedy.QUARANTINE, "its run was cancelled in Prefect")
        case RunState.MISSING:
            reason = "Prefect does not know its run"
        case RunState.FAILED | RunState.CRASHED:
            reason = f"its run has {run.state.lower()}"
        case RunState.PENDING if age > to_begin(run):
            reason = "its run was taken by a worker and never started"
        case RunState.RUNNING if age > LONGEST:
            reason = "the process of its run is gone"
        case _:
            return HEALTHY
    if broken + 1 >= MAX_EXECUTIONS and not run.blameless:
        return Diagnosis(Remedy.QUARANTINE, f"{MAX_EXECUTIONS} runs broke; the last time: {reason}")
    return Diagnosis(Remedy.NEW_RUN, reason, counts=not run.blameless)


def give_up(store: Store, tenant_id: str, persona_id: str, reason: str, *, now: datetime) -> None:
    """Note that the style could not be read; whoever wants it asks again."""
    log.error("the style of %s was not read: %s", persona_id, reason, extra={"tenant_id": tenant_id})
    _ended(store, tenant_id, persona_id, now, AnalysisStatus.FAILURE)


def mark_stale(store: Store, tenant_id: str, persona_id: str, *, now: datetime) -> None:
    """Note that the examples changed since the style was read."""
    if store.personas.get(tenant_id, persona_id).analysis_status is not AnalysisStatus.PENDING:
        _noted(store, tenant_id, persona_id, now, analysis_status=AnalysisStatus.PENDING)


def analyze(store: Store, tenant_id: str, persona_id: str, *, last_try: bool, now: datetime) -> Persona:
    """Read the style from the newest examples and keep it.

    Args:
        last_try: a failure that a retry might mend is final now.

    Raises:
        AgentError: no style. What no retry will mend is noted on the persona first.
    """
    persona = _noted(store, tenant_id, persona_id, now, analysis_status=AnalysisStatus.PROCESSING)
    examples = store.examples.list(tenant_id, persona_id, limit=NEWEST_EXAMPLES)
    answer = style.run(
        tenant_id,
        StyleInput(
            tenant_id=tenant_id,
            persona_id=persona_id,
            persona_config=persona,
            examples=examples,
            seconds_left=ATTEMPT_SECONDS,
        ),
    )
    if answer.error is not None:
        failure = answer.error
        if last_try or not failure.retryable:
            _ended(store, tenant_id, persona_id, now, AnalysisStatus.FAILURE)
        raise AgentError(failure.code, failure.message, failure.retryable, failure.details)
    for example in examples:
        # Changed or deleted meanwhile: what was read of it counts all the same.
        with suppress(VersionConflictError, NotFoundError):
            store.examples.update(example.model_copy(update={"analyzed_at": now}), expect_version=example.version)
    return _ended(store, tenant_id, persona_id, now, AnalysisStatus.SUCCESS, inferred_style=answer.inferred_style)


@anew_after(VersionConflictError)
def _ended(
    store: Store, tenant_id: str, persona_id: str, now: datetime, status: AnalysisStatus, **changes: Any
) -> Persona:
    """Note how an analysis ended, and with it the wish; examples that changed meanwhile leave both open."""
    persona = store.personas.get(tenant_id, persona_id)
    wish = open_wish(store, tenant_id, persona_id)
    stale = status is AnalysisStatus.SUCCESS and persona.analysis_status is AnalysisStatus.PENDING
    noted = {"analysis_status": AnalysisStatus.PENDING} if stale else {"analysis_status": status}
    changed = persona.model_copy(update={**changes, **noted, "last_analysis_at": now, "updated_at": now})
    fulfilled = [] if stale or wish is None else [wish.model_copy(update={"done_at": now})]
    return store.personas.update(changed, expect_version=persona.version, outbox=fulfilled)


@anew_after(VersionConflictError)
def _noted(store: Store, tenant_id: str, persona_id: str, now: datetime, **changes: Any) -> Persona:
    """Write onto the persona as it is now, however often somebody else writes in between."""
    persona = store.personas.get(tenant_id, persona_id)
    changed = persona.model_copy(update={**changes, "updated_at": now})
    return store.personas.update(changed, expect_version=persona.version)
