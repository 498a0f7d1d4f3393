"""Analyze a persona: from writing examples to the style that the writer imitates."""

# No `from __future__ import annotations`: `serve()` hands a flow on without the names that its annotations need.

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from campaigns.model.base import PersonaId, TenantId
from tasks.analyze import analyze_examples
from tasks.engine.telling import telling


@flow(name="analyze-persona", flow_run_name="{persona_id} · {tenant_id}", persist_result=False)
def analyze_persona(tenant_id: TenantId, persona_id: PersonaId) -> State[None]:
    """Read the style of one persona from its newest examples.

    Args:
        tenant_id: Whose persona it is.
        persona_id: The persona; at least five examples of its writing are stored.
    """
    with telling(tenant_id):
        return Completed(message=analyze_examples(tenant_id, persona_id))
