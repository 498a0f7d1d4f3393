"""What Prefect's runs need once the table was restored to an earlier moment: those that the table does not know end."""

import logging
from collections import Counter
from datetime import datetime
from typing import Final

from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled

from campaigns.store import Store, if_there
from tasks.delivery.deliver import deliver_due
from tasks.engine.server.run_states import builds, campaign_of, close_run, state_of
from tasks.upkeep.recover import recover_ended, recover_live

log = logging.getLogger("campaigns.operations.recovery")

_BEGUN: Final = FlowRunFilter(state=state_of(StateType.RUNNING, StateType.PAUSED))


def go_on_after_restore(store: Store, *, now: datetime) -> Counter[str]:
    """End the runs whose campaign the table does not have, or has with another run; start what has none any more.

    May be repeated. Return how often each was done.

    Raises:
        PrefectUnavailableError: some is left to do; repeat it.
    """
    done: Counter[str] = Counter()
    for run in builds(_BEGUN):
        if reason := _is_stranger(store, run):
            close_run(run.id, Cancelled(message=f"The table was restored: {reason}"))
            log.warning("run %s is ended: %s", run.id, reason)
            done["run ended"] += 1
    done += recover_live(store, now=now) + recover_ended(store, now=now)
    done["delivered"] += deliver_due(store, now=now)
    return +done


def _is_stranger(store: Store, run: FlowRun) -> str:
    """Return why a run is nobody's, "" when it is a campaign's."""
    tenant_id, campaign_id = campaign_of(run)
    if (campaign := if_there(store.campaigns.get, tenant_id, campaign_id, deleted=True)) is None:
        return "the campaign is not in it"
    return "" if campaign.execution_id in {None, str(run.id)} else "another run builds the campaign"
