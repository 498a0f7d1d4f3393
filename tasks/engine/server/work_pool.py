"""The work pool: what whoever starts a run in Prefect may ask of the worker, which is nothing.

Prefect's own process pool takes a command, environment variables and a folder with every run. The worker's
environment holds the key rings, so each of the three would hand them out.
"""

import json
from typing import Any, Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

from tasks.engine.server.answers import PoolState, PrefectUnavailableError
from tasks.engine.server.runs import is_answering, prefect_client

WORK_POOL: Final = "campaigns"
DANGEROUS: Final = ("command", "env", "working_dir")

CLOSED: Final[dict[str, Any]] = {
    "job_configuration": {"stream_output": True},
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
"""A base job template without a variable: the server refuses a run that names one."""


def is_open(template: dict[str, Any]) -> bool:
    """Whether a run may say with which command, environment or folder it begins; an empty template is Prefect's own."""
    job = template.get("job_configuration", {})
    return not job or any("{{" in json.dumps(job.get(name)) for name in DANGEROUS)


def pool_state() -> PoolState:
    """Return whether the pool is as `CLOSED` wants it; a pool that is not there is unavailable."""
    if not is_answering():  # Prefect's client would try again for a long time
        return "unavailable"
    try:
        with prefect_client() as client:
            return "open" if is_open(client.read_work_pool(WORK_POOL).base_job_template) else "ok"
    except (PrefectUnavailableError, ObjectNotFound):
        return "unavailable"


async def close_pool(client: PrefectClient) -> bool:
    """Make the pool if there is none, close it if it is open, and return whether anything had to be done."""
    try:
        pool = await client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", base_job_template=CLOSED))
        return True
    if not is_open(pool.base_job_template):
        return False
    await client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=CLOSED))
    return True
