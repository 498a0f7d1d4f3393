"""Takes what operators typed into Prefect's Resume form: the same decision, by the same conditional write."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRunInput
from pydantic import ValidationError

from campaigns.approvals import FormProof, Voice, decide
from campaigns.errors import CampaignError, StoreUnavailableError
from campaigns.model.approval import DecisionRequest
from campaigns.model.base import content_hash
from campaigns.model.faults import faults_of
from campaigns.rules.gate import named
from campaigns.wiring import get_store
from tasks.approval_input import ApprovalDecision
from tasks.steps import AskedRound, SavedCampaign

RunLogger = logging.Logger | logging.LoggerAdapter[logging.Logger]

MAX_ANSWERS = 100


def record_form_answers(campaign: SavedCampaign, asked: AskedRound, log: RunLogger) -> None:
    """Record the answers given in the Prefect form to any pause of this round.

    An answer that cannot be taken is told in the run's log; the run then waits again.
    """
    for way in ("suspended", "paused"):
        with get_client(sync_client=True) as client:
            answers = client.filter_flow_run_input(
                runtime.flow_run.id, key_prefix=f"{way}-approval-{asked.n}-", limit=MAX_ANSWERS, exclude_keys=set()
            )
        for found in answers:
            if found.key.endswith("-response"):
                _record(campaign, asked, found, log)


def _record(campaign: SavedCampaign, asked: AskedRound, found: FlowRunInput, log: RunLogger) -> None:
    try:
        answer = ApprovalDecision.model_validate(json.loads(found.value))
        if answer.decision == "look_again":
            return
        store = get_store()
        round_ = store.approvals.round(campaign.tenant_id, campaign.id, asked.n)
        request = DecisionRequest.model_validate(
            {
                "decision": answer.decision,
                "comments": answer.comments,
                "decidedBy": answer.decided_by,
                "callbackId": round_.callback_id,
            }
        )
        # Prefect knows no users: the name is whatever was typed, and the audit says by which way. An approver's
        # name or address is that approver's voice; any other name is an operator's, who decides in place of all.
        typed = request.decided_by or ""
        proof = FormProof(asked.n, round_.digest)
        match named(round_, typed):
            case [approver]:
                voice = Voice(approver.id, approver.name, "prefect_ui", proof)
            case _:
                voice = Voice("ap-prefectui", typed, "prefect_ui", proof)
        attempt = content_hash([str(runtime.flow_run.id), found.key])[:32]
        decide(store, round_, voice, request, attempt_id=attempt, now=datetime.now(UTC))
    except ValidationError as error:
        log.warning("The answer in the form was not taken: %s", "; ".join(f.message for f in faults_of(error)))
    except StoreUnavailableError:
        raise  # nothing is known about it: the run is started again, and asks again
    except CampaignError as error:
        log.warning("The answer in the form was not taken: %s", error)
