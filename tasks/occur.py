"""Occur: the occurrence that a run is for is claimed, and its campaign stored, before anything is paid for.

The run that was scheduled ends here: the campaign is built by a run of its own, as every other campaign is, so that
one that waits for days keeps no schedule waiting.
"""

from datetime import UTC, datetime
from functools import partial

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from campaigns.errors import FaultsError, NotDueError, NotFoundError
from campaigns.model.base import visible_text
from campaigns.model.library.template import Occurrence, OccurrenceStatus, Template
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.next_slot import made_up_for
from campaigns.operations.recurring import ACTOR, due_at, due_in, occur, one_more
from campaigns.rules.recurrence.rule import Due
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.wiring import get_store
from tasks.delivery.deliver import deliver_now
from tasks.engine.bound import require_own_tenant
from tasks.engine.policies import RETRIED
from tasks.steps import Completion


@task(name="occur", task_run_name="make the occurrence", **RETRIED, cache_policy=NO_CACHE, persist_result=False)
def make_occurrence(tenant_id: str, template: str, for_period: str, another: bool, requested_by: str) -> Completion:
    """Make the occurrence, and return how the run ends; to do it again finds what was made.

    Args:
        template: its id or its name.
        for_period: empty: the period of the time that the run was scheduled for, however late it begins.
    """
    store, now = get_store(), datetime.now(UTC)
    actor = " ".join(visible_text(requested_by).split()) or ACTOR
    by_hand = bool(for_period.strip())
    try:
        require_own_tenant(tenant_id)
        found = _template(store, tenant_id, template.strip())
        story = str(runtime.flow_run.id)
        make = partial(one_more, order=story) if another else occur
        due = due_in(found, for_period.strip()) if by_hand or another else due_at(found, _scheduled())
        made = make(
            store,
            found,
            due,
            by_hand=by_hand,
            actor=actor,
            default_approver=get_settings().default_approver(),
            correlation_id=story,
            now=now,
        )
    except NotDueError as error:
        return _end("Skipped", str(error))
    except (NotFoundError, FaultsError) as error:
        return _refused(str(error))
    if made.status is OccurrenceStatus.STARTED:
        deliver_now(store, made.tenant_id, made.campaign_id, now=now)
    end = _told(made, new=made.updated_at == now)
    if by_hand or another or made.status not in {OccurrenceStatus.STARTED, OccurrenceStatus.QUEUED}:
        return end  # a person's wish is that period alone; what is skipped makes up for nothing
    return _and_what_failed(store, found, due, end, now)


def _and_what_failed(store: Store, template: Template, due: Due, end: Completion, now: datetime) -> Completion:
    """Make up for the occurrence before, where the template wants that, and tell it with the end of the run."""
    approver, story = get_settings().default_approver(), str(runtime.flow_run.id)
    again = made_up_for(store, template, due, default_approver=approver, correlation_id=story, now=now)
    if again is None:
        return end
    if again.status is OccurrenceStatus.STARTED:
        deliver_now(store, again.tenant_id, again.campaign_id, now=now)
    told = f"{end.message}; {again.period} had failed. {_told(again, new=again.updated_at == now).message}"
    return end.model_copy(update={"message": told})


def _template(store: Store, tenant_id: str, wanted: str) -> Template:
    try:
        return store.templates.get(tenant_id, wanted)
    except NotFoundError:
        return store.templates.named(tenant_id, wanted)


def _scheduled() -> datetime:
    """Return the time that the run was made for: neither lateness nor a retry changes it."""
    at: datetime = runtime.flow_run.scheduled_start_time
    return at


def _told(made: Occurrence, *, new: bool) -> Completion:
    what = made.period if made.n == 1 else f"{made.period}, number {made.n}"
    match made.status:
        case OccurrenceStatus.STARTED if new:
            return _end("Started", f"{what}: the campaign {made.campaign_id} is being built")
        case OccurrenceStatus.STARTED:
            return _end("Exists", f"{what} exists: it is the campaign {made.campaign_id}")
        case OccurrenceStatus.QUEUED:
            return _end("Queued", f"{what}: {made.reason}")
        case OccurrenceStatus.REFUSED:
            return _refused(f"{what}: {made.reason}")
    return _end("Skipped", f"{what}: {made.reason}")


def _refused(message: str) -> Completion:
    return Completion(status=CampaignStatus.FAILED, name="Refused", message=message)


def _end(name: str, message: str) -> Completion:
    return Completion(status=CampaignStatus.COMPLETED, name=name, message=message)
