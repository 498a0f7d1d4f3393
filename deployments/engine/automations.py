"""Prefect's own alarms: `python -m deployments.engine.automations` makes them; a second run changes nothing.

They see what the product cannot tell of itself, because it is silent then: that nobody watches any more, that no worker
takes runs, that builds break. Whoever is in CAMPAIGNS_ALERT_BLOCKS hears of it; without any, *Automations* and the
event feed show it.
"""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.actions import ActionTypes, DoNothing, SendNotification
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

from campaigns.settings import get_settings
from tasks.engine.server.work_pool import WORK_POOL
from tasks.upkeep.alerts import RAISED, WATCHED, WATCHER

TAG: Final = "campaigns"
SILENCE: Final = timedelta(minutes=10)
_BUILDS: Final = {"prefect.resource.role": "flow", "prefect.resource.name": "build-campaign"}


def wanted(actions: list[ActionTypes]) -> Iterator[AutomationCore]:
    """Yield the automations as they should be; `actions`: how people hear."""

    def one(name: str, says: str, trigger: EventTrigger, then: list[ActionTypes]) -> AutomationCore:
        return AutomationCore(name=f"campaigns: {name}", description=says, tags=[TAG], trigger=trigger, actions=then)

    yield one(
        "nobody watches",
        "For ten minutes neither API nor housekeeping has looked at the alarms. Runbook: When a part is away",
        EventTrigger(
            posture=Posture.Proactive, expect={WATCHED}, match={"prefect.resource.id": WATCHER},
            threshold=1, within=SILENCE,
        ),
        actions,
    )  # fmt: skip
    yield one(
        "no worker",
        "No worker takes runs of the work pool. Runbook: Worker",
        EventTrigger(
            posture=Posture.Reactive, expect={"prefect.work-pool.not-ready"},
            match={"prefect.resource.id": "prefect.work-pool.*", "prefect.resource.name": WORK_POOL},
            threshold=1, within=timedelta(0),
        ),
        actions,
    )  # fmt: skip
    yield one(
        "builds break",
        "Five runs of build-campaign failed or crashed within an hour. Runbook: Run Crashed or Failed",
        EventTrigger(
            posture=Posture.Reactive, expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
            match={"prefect.resource.id": "prefect.flow-run.*"}, match_related=_BUILDS,
            threshold=5, within=timedelta(hours=1),
        ),
        actions,
    )  # fmt: skip
    yield one(
        "builds wait for a worker",
        "Five runs of build-campaign were late within ten minutes. Runbook: Runs Late or Scheduled",
        EventTrigger(
            posture=Posture.Reactive, expect={"prefect.flow-run.Late"},
            match={"prefect.resource.id": "prefect.flow-run.*"}, match_related=_BUILDS,
            threshold=5, within=timedelta(minutes=10),
        ),
        actions,
    )  # fmt: skip
    # Whoever is to hear of these has heard by the product itself: here they are to be seen.
    yield one(
        "an alarm is on",
        "A threshold of the design was crossed: the event names it. Runbook: Alarms",
        EventTrigger(
            posture=Posture.Reactive, expect={RAISED}, match={"prefect.resource.id": "campaigns.alert.*"},
            for_each={"prefect.resource.id"}, threshold=1, within=timedelta(0),
        ),
        [DoNothing()],
    )  # fmt: skip


def register(client: SyncPrefectClient) -> list[str]:
    """Make what is missing, change what is otherwise, and return what was done, a line each.

    Raises:
        ObjectNotFound: a block of CAMPAIGNS_ALERT_BLOCKS is not there.
    """
    done = []
    for automation in wanted(_actions(client)):
        there = client.read_automations_by_name(automation.name)
        if not there:
            client.create_automation(automation)
            done.append(f"{automation.name}: made")
        elif not _is(there[0], automation):
            client.update_automation(there[0].id, automation)
            done.append(f"{automation.name}: changed")
        for twice in there[1:]:
            client.delete_automation(twice.id)
            done.append(f"{automation.name}: one of two removed")
    return done


def _actions(client: SyncPrefectClient) -> list[ActionTypes]:
    found: list[ActionTypes] = []
    for slug in filter(None, get_settings().alert_blocks.split(",")):
        kind, _, name = slug.partition("/")
        block = client.read_block_document_by_name(name, kind)
        found.append(
            SendNotification(
                block_document_id=block.id, subject="{{ automation.name }}", body="{{ automation.description }}"
            )
        )
    return found or [DoNothing()]


def _is(there: Automation, wanted_one: AutomationCore) -> bool:
    """Whether an automation is as it should be; one that an operator switched off stays so."""
    wanted_one.enabled = there.enabled
    return AutomationCore(**{name: getattr(there, name) for name in AutomationCore.model_fields}) == wanted_one


def main() -> None:
    try:
        with get_client(sync_client=True) as client:
            done = register(client)
    except ObjectNotFound as error:
        print(f"a block of CAMPAIGNS_ALERT_BLOCKS is not there: {error}; save it and run this again", file=sys.stderr)
        sys.exit(1)
    print(*(done or ["automations: as they should be"]), sep="\n")


if __name__ == "__main__":
    main()
