"""The tags by which the run of a campaign is found in Prefect. They are labels: nothing is decided by them."""

import logging
from typing import Final
from uuid import UUID

from prefect.exceptions import ObjectNotFound

from campaigns import correlation
from campaigns.model.campaign import Campaign
from tasks.engine.server.answers import PrefectUnavailableError
from tasks.engine.server.runs import prefect_client

log = logging.getLogger("campaigns.showing")

_CHANGING: Final = ("status:", "round:")
"""Tags of which a run has one, that says where its campaign is now."""


def tags_of(campaign: Campaign) -> list[str]:
    """Return the tags of a campaign's run."""
    tags = [f"tenant:{campaign.tenant_id}", f"campaign:{campaign.id}"]
    if campaign.brand_id:
        tags.append(f"brand:{campaign.brand_id}")
    if campaign.occurrence:
        tags.append(f"occurrence:{campaign.occurrence.period}")
    if campaign.correlation_id:
        tags.append(f"{correlation.TAG}{campaign.correlation_id}")
    tags.append(f"status:{campaign.status.replace('_', '-')}")
    if campaign.round:
        tags.append(f"round:{campaign.round}")
    return tags


def put_tags(campaign: Campaign, run_id: UUID) -> None:
    """Give a run the tags of its campaign as it is now, beside its own.

    Raises:
        PrefectUnavailableError: it may have them or not.
    """
    with prefect_client() as client:
        there, wanted = client.read_flow_run(run_id).tags, tags_of(campaign)
        kept = [tag for tag in there if tag in wanted or not tag.startswith(_CHANGING)]
        tags = [*kept, *(tag for tag in wanted if tag not in kept)]
        if tags != there:
            client.update_flow_run(run_id, tags=tags).raise_for_status()


def tag_ended(campaign: Campaign) -> None:
    """Let the tags of a run say how its campaign has ended, where the run itself cannot; it fails nothing."""
    if campaign.execution_id is None:
        return
    try:
        put_tags(campaign, UUID(campaign.execution_id))
    except (PrefectUnavailableError, ObjectNotFound) as error:
        log.info("the run of %s keeps its tags: %s", campaign.id, type(error).__name__)
