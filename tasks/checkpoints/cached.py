"""Checkpoints of steps: a task whose result is kept once per campaign, whatever run asks for it.

    @step("plan", returns=Plan, inputs=lambda p: {"model": p["model_id"]})
    def plan_posts(campaign: Campaign, model_id: str) -> Plan: ...

Prefect's default key has the task's source and the run in it: a deploy during the approval wait would
run every step again and pay the model twice, and a second run of the campaign would too. So the key is
ours: tenant, campaign, step, and the hash of the plan version and the inputs that matter.

What a checkpointed task returns is a `Wire` model, or a list or dict of them, and is read back as the
same type. Tasks without a checkpoint say `cache_policy=NO_CACHE, persist_result=False`, flows
`persist_result=False`: with a default result storage set, Prefect would keep their results as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.serializers import Serializer
from prefect.transactions import get_transaction

from campaigns.checkpoints.faults import CheckpointMisused
from campaigns.checkpoints.key import CheckpointKey
from campaigns.model.base import Wire, content_hash
from tasks.checkpoints.codec import CheckpointJson, declare_step
from tasks.checkpoints.storage import SealedCheckpoints

Parameters = Mapping[str, Any]


class CheckpointOptions(TypedDict):
    """The options of `@task` that make its result a checkpoint; all of them or none."""

    cache_policy: CachePolicy
    persist_result: bool
    result_serializer: Serializer
    cache_result_in_memory: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose result it is, and of which plan."""

    tenant_id: str
    campaign_id: str
    plan_version: str | None


def checkpointed(
    step: str,
    *,
    returns: Any,
    inputs: Callable[[Parameters], object],
    scope: Callable[[Parameters], Scope] | None = None,
) -> CheckpointOptions:
    """Return the options of a task whose result is kept once per campaign.

    Args:
        step: name of the step in the key: `[a-z][a-z0-9-]{0,39}`, used by one task only, never renamed
            while runs wait.
        returns: the return type of the task.
        inputs: what the result depends on beyond tenant, campaign and plan version, from the task's
            parameters by name: `Wire` values, JSON values, aware datetimes, and lists, tuples or dicts of them.
        scope: whose result it is; by default from a parameter `campaign`, or `tenant_id` and
            `campaign_id` (and `plan_version`, if there is one).

    Raises:
        ValueError: another step has this name.
    """
    declare_step(step, returns)
    return CheckpointOptions(
        cache_policy=OncePerCampaign(step=step, inputs=inputs, scope=scope or campaign_scope),
        persist_result=True,
        result_serializer=CheckpointJson(step=step),
        # Prefect's in-memory cache is not thread-safe, and would hide a forged object from this process.
        cache_result_in_memory=False,
    )


def campaign_scope(parameters: Parameters) -> Scope:
    """Return the scope of a task that takes a `campaign`, or a `tenant_id` and a `campaign_id`."""
    if (campaign := parameters.get("campaign")) is not None:
        return Scope(campaign.tenant_id, campaign.id, campaign.plan_version)
    return Scope(parameters["tenant_id"], parameters["campaign_id"], parameters.get("plan_version"))


def checkpoint_key(scope: Scope, step: str, inputs: object) -> CheckpointKey:
    """Return the key of one result; the same arguments always give the same key.

    Raises:
        TypeError: an input has no one canonical form.
        ValueError: tenant, campaign or step is not of its form.
    """
    digest = content_hash({"planVersion": scope.plan_version, "inputs": _canonical(inputs)})
    return CheckpointKey(scope.tenant_id, scope.campaign_id, step, digest)


@dataclass
class OncePerCampaign(CachePolicy):
    """Prefect's cache policy for `checkpoint_key`; refuses to run a task whose result could get lost."""

    step: str = ""
    inputs: Callable[[Parameters], object] = dict
    scope: Callable[[Parameters], Scope] = campaign_scope

    def compute_key(self, task_ctx: TaskRunContext, inputs: dict[str, Any], *_: Any, **__: Any) -> str:
        """Return `<tenant>/<campaign>/<step>/<hash>`.

        Raises:
            CheckpointMisused: no key can be computed, or the result would not be kept sealed. Prefect
                takes an ordinary exception for "do not cache", and would pay for the step every time.
        """
        _require_sealed(task_ctx, self.step)
        try:
            return str(checkpoint_key(self.scope(inputs), self.step, self.inputs(inputs)))
        except Exception as error:
            raise CheckpointMisused(self.step, f"its key cannot be computed: {type(error).__name__}") from error


def _require_sealed(context: TaskRunContext, step: str) -> None:
    """Refuse a task that would keep its result elsewhere, otherwise or not at all."""
    store = context.result_store
    if not isinstance(store.result_storage, SealedCheckpoints) or store.metadata_storage is not None:
        raise CheckpointMisused(step, "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK must name a sealed-checkpoints block")
    if store.cache_result_in_memory or store.serializer != CheckpointJson(step=step):
        raise CheckpointMisused(step, "the task must take all options of checkpointed()")
    if get_transaction() is not None:
        # An outer transaction commits for all inside it, later or never: Completed, and nothing kept.
        # Prefect also leaves its transaction open in this context when a commit crashes.
        raise CheckpointMisused(step, "a step must not run inside a transaction or another step")


def _canonical(value: object) -> Any:
    """Return the JSON value that stands for an input; refuse what has no fixed order or form."""
    match value:
        case Wire():
            return value.to_wire()
        case None | bool() | int() | float() | str():
            return value
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).isoformat()
        case list() | tuple():
            return [_canonical(item) for item in value]
        case Mapping() if all(isinstance(name, str) for name in value):
            return {name: _canonical(item) for name, item in value.items()}
    raise TypeError(f"{type(value).__name__} has no canonical form")
