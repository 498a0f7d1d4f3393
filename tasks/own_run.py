"""Whether a run is its campaign's run: a campaign has one, and any other run ends without asking or waiting.

The campaign names its run. A run that housekeeping or an operator started for it may begin before its name is
stored: it carries the key of that start, which no copy does.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from prefect import runtime
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed

from campaigns.approval.rounds import Outcome
from campaigns.build.submission import START_RUN, require_same_brief
from campaigns.errors import VersionConflictError
from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.vocabulary import CampaignStatus
from campaigns.patience import patiently
from campaigns.store import Store, if_there
from campaigns.wiring import get_store
from tasks.checkpoints.receipts import receipted
from tasks.complete import completed, completion_of, final_state
from tasks.engine.server.answers import PrefectUnavailableError
from tasks.engine.server.runs import prefect_client, start_key
from tasks.save import save_campaign
from tasks.steps import AskedRound, SavedCampaign


def saved_campaign(
    tenant_id: str, campaign_id: str, brief: Mapping[str, Any] | None, requested_by: str
) -> SavedCampaign:
    """Return the campaign of a run as it is stored, or store it.

    Raises:
        FaultsError: the brief is faulty.
        IdempotencyMismatchError: the run was given another brief than the campaign has.
        NotFoundError: there is no such campaign.
    """
    store = get_store()

    def is_stored(found: SavedCampaign) -> bool:
        return if_there(store.campaigns.get, *found.ref) is not None

    saved = receipted(save_campaign, is_stored, tenant_id, campaign_id, brief, requested_by)
    if campaign_id and brief is not None:
        # Asked of a kept result too: its step looks at no brief.
        patiently(lambda: require_same_brief(store, brief, tenant_id=tenant_id, campaign_id=campaign_id))
    return saved


def end_without_work(saved: SavedCampaign) -> State[None] | None:
    """Return how this run ends when it is not the campaign's, or the campaign is at rest; None: it has work to do."""
    return patiently(lambda: _end_without_work(get_store(), saved))


def _end_without_work(store: Store, saved: SavedCampaign) -> State[None] | None:
    mine = str(runtime.flow_run.id)
    while True:
        campaign = store.campaigns.get(*saved.ref)
        if campaign.execution_id == mine:
            return _end_of(store, saved, campaign) if campaign.status in AT_REST else None
        if campaign.execution_id is not None and not _was_started_for(store, campaign):
            message = f"{_named(campaign.execution_id)} builds the campaign {campaign.id}; this run did nothing"
            return Completed(name="Skipped", message=message)
        try:
            store.campaigns.update(
                *campaign.ref, {"execution_id": mine},
                actor="build-campaign", at=datetime.now(UTC), expect_version=campaign.version,
            )  # fmt: skip
        except VersionConflictError:
            continue


def _end_of(store: Store, saved: SavedCampaign, campaign: Campaign) -> State[None]:
    """Return how the run of a campaign at rest ends: by its last step, where a round came to it."""
    round_ = store.approvals.current_round(*saved.ref)
    if round_ is None or (outcome := _ENDS.get(campaign.status)) is None:
        return final_state(completion_of(store, campaign))
    asked = AskedRound(n=round_.n, digest=round_.digest, expires_at=round_.expires_at, waiting_for="")
    return final_state(completed(saved, asked, outcome))


_ENDS: Final = {
    CampaignStatus.COMPLETED: Outcome.APPROVED,
    CampaignStatus.REJECTED: Outcome.REJECTED,
    CampaignStatus.APPROVAL_TIMEOUT: Outcome.TIMED_OUT,
}


def _was_started_for(store: Store, campaign: Campaign) -> bool:
    """Whether this run is the one that is being started for the campaign at this moment."""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    if run is None or not run.idempotency_key:
        return False
    # `start_run` marks a start after a run that has ended, behind the key.
    key = run.idempotency_key.partition(" ")[0]
    return any(
        entry.is_open and key == start_key(*campaign.ref, str(entry.payload.get("attempt", "1")))
        for entry in store.outbox.of(*campaign.ref)
        if entry.kind == START_RUN
    )


def _named(run_id: str) -> str:
    """Return what people call a run: its name, where Prefect can say it, and its id."""
    try:
        with prefect_client() as client:
            return f"Run {client.read_flow_run(UUID(run_id)).name} ({run_id})"
    except (PrefectUnavailableError, ObjectNotFound):
        return f"Run {run_id}"
