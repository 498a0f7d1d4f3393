"""Analyze: how a persona writes, read from its examples. Nothing is kept of it but what the store has."""

from datetime import UTC, datetime

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from campaigns.operations.analysis import analyze
from campaigns.rules.retry import MAX_ATTEMPTS
from campaigns.wiring import configure_agents, get_permits, get_store
from tasks.engine.bound import require_own_tenant
from tasks.engine.policies import RETRIED


@task(
    name="analyze",
    task_run_name="read the style of {persona_id}",
    **RETRIED,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def analyze_examples(tenant_id: str, persona_id: str) -> str:
    """Read the style, keep it, and return one sentence about it.

    Raises:
        AgentError: no style; retried while that may help, then noted on the persona.
    """
    require_own_tenant(tenant_id)
    configure_agents()
    last_try = runtime.task_run.run_count >= MAX_ATTEMPTS
    with get_permits().hold(tenant_id):
        persona = analyze(get_store(), tenant_id, persona_id, last_try=last_try, now=datetime.now(UTC))
    style = persona.inferred_style
    assert style is not None
    return f"{persona.name}: {', '.join(style.tone_tags)}; confidence {style.confidence.overall:.2f}"
