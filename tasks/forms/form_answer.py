"""Takes what people typed into Prefect's Resume form: the same decision, by the same conditional write.

An answer counts once: what was read is recorded or refused, and then deleted from Prefect, so that no later
waking reads it again. Its id is known to the store, so that one that was taken back stays taken back even if
this process dies in between.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRunInput
from prefect.exceptions import PrefectHTTPStatusError
from pydantic import ValidationError

from campaigns.approval.rounds import FormProof, Voice, decide
from campaigns.approval.standing import where_told
from campaigns.errors import CampaignError, StoreUnavailableError
from campaigns.model.approval import DecisionRequest
from campaigns.model.base import content_hash
from campaigns.model.faults import faults_of
from campaigns.rules.approval.identities import speaker
from campaigns.settings import get_settings
from campaigns.texts import words_for
from campaigns.wiring import get_store
from tasks.forms.approval_input import ApprovalDecision, form_about
from tasks.forms.markdown import words
from tasks.steps import AskedRound, SavedCampaign

RunLogger = logging.Logger | logging.LoggerAdapter[logging.Logger]

ANSWERS_AT_ONCE: Final = 100
_RESPONSE: Final = "-response"
OLD_FORM: Final = (
    "it was given in a form of an earlier version, which did not say which words it was about: open Resume again"
)


def record_form_answers(campaign: SavedCampaign, asked: AskedRound, log: RunLogger) -> list[str]:
    """Record the answers given in the Prefect form since the last waking; return why some were not taken.

    What was not taken is told in the run's log and as an artifact of the run; the run then waits again.

    Raises:
        StoreUnavailableError: nothing is known about the answer: the run is started again, and reads it again.
    """
    refused = []
    with get_client(sync_client=True) as client:
        for found in _answers(client):
            if (why := _record(campaign, asked, found)) is not None:
                log.warning("The answer in the form was not taken: %s", why)
                _tell(campaign, found, why)
                refused.append(why)
            _forget(client, found)
    return refused


def form_now(campaign: SavedCampaign, asked: AskedRound, refused: Sequence[str]) -> type[ApprovalDecision]:
    """Return the form of a pause that begins now: about what the round shows now, which may have been edited since.

    Args:
        refused: why answers to the pause before were not taken.
    """
    round_ = get_store().approvals.round(*campaign.ref, asked.n)
    zone = get_store().campaigns.get(*campaign.ref).schedule.zone
    place = f", {words(where_told(round_))}" if round_.stage else ""
    about = (
        f"**{words(campaign.name)}, round {round_.n}{place}.** Waiting for {words(asked.waiting_for)} "
        f"until {words(words_for('en').moment(round_.expires_at, zone))}."
    )
    told = [f"**The last answer was not taken:** {words(why)}" for why in refused]
    return form_about(round_.n, round_.digest, "\n\n".join([*told, about, _where_to_read(campaign)]))


def _where_to_read(campaign: SavedCampaign) -> str:
    """Return where the posts stand that are decided on: the form has no room for them."""
    key, prefect = f"posts-{campaign.id.removeprefix('campaign_').lower()}", get_settings().prefect_ui_url
    place = f"[{key}]({prefect}/artifacts/key/{key})" if prefect else f"`{key}`, in the tab *Artifacts* of this run"
    return f"The posts in full: {place}."


def _answers(client: SyncPrefectClient) -> Iterator[FlowRunInput]:
    """Yield the answers to all pauses of this run, in the order in which they came."""
    way = "paused" if runtime.deployment.id is None else "suspended"
    seen: set[str] = set()
    while True:
        page = client.filter_flow_run_input(
            runtime.flow_run.id, key_prefix=f"{way}-approval-", limit=ANSWERS_AT_ONCE, exclude_keys=seen
        )
        seen |= {each.key for each in page}
        yield from (each for each in page if each.key.endswith(_RESPONSE))
        if len(page) < ANSWERS_AT_ONCE:
            return


def _record(campaign: SavedCampaign, asked: AskedRound, found: FlowRunInput) -> str | None:
    """Record one answer; return why it was not taken, None: it was, or there was nothing to take."""
    try:
        answer = ApprovalDecision.model_validate(json.loads(found.value))
        if answer.decision == "look_again":
            return None
        store, attempt = get_store(), content_hash([str(runtime.flow_run.id), found.key])[:32]
        round_ = store.approvals.round(*campaign.ref, answer.round or asked.n)
        if not answer.digest:
            said = store.approvals.decisions(*campaign.ref, round_.n)
            return None if any(each.attempt_id == attempt for each in said) else OLD_FORM
        request = DecisionRequest.model_validate(
            {
                "decision": answer.decision,
                "comments": answer.comments,
                "decidedBy": answer.decided_by or None,
                "callbackId": round_.callback_id,
                "digest": answer.digest,
            }
        )
        proof = FormProof(answer.round, answer.digest, answer.decided_by, answer.decide_as)
        voice = Voice(*speaker(round_, answer.decided_by, answer.decide_as), "prefect_ui", proof)
        decide(store, round_, voice, request, attempt_id=attempt, now=datetime.now(UTC))
    except ValidationError as error:
        return "; ".join(f"{fault.field}: {fault.message}" for fault in faults_of(error))
    except StoreUnavailableError:
        raise
    except CampaignError as error:
        return str(error)
    return None


def _tell(campaign: SavedCampaign, found: FlowRunInput, why: str) -> None:
    typed = json.loads(found.value)
    who, what = words(str(typed.get("decided_by") or "nobody")), words(str(typed.get("decision")))
    create_markdown_artifact(
        key=f"answer-{campaign.id.removeprefix('campaign_').lower()}",
        description="An answer in Prefect was not taken",
        markdown=(
            f"**The answer of {who} ({what}) was not taken.** Nothing was recorded.\n\n{words(why)}\n\n"
            "The campaign waits on: open *Resume* again for the form as it is now."
        ),
    )


def _forget(client: SyncPrefectClient, found: FlowRunInput) -> None:
    pause = found.key.removesuffix(_RESPONSE)
    for key in (f"{pause}-schema", f"{pause}-description", found.key):  # last: it is what is looked for
        try:
            client.delete_flow_run_input(runtime.flow_run.id, key)
        except PrefectHTTPStatusError as error:
            if error.response.status_code != 404:  # gone already: what is wanted
                raise
