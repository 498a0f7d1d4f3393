"""Makes or closes the work pool: `python -m deployments.pool`, before the first worker and after every change by hand.

A pool that Prefect made lets every run bring a command, environment variables and a folder (docs/trust.md).
"""

from __future__ import annotations

import asyncio

from prefect.client.orchestration import get_client

from tasks.engine.work_pool import WORK_POOL, close_pool


async def close() -> bool:
    """See `tasks.engine.work_pool.close_pool`."""
    async with get_client() as client:
        return await close_pool(client)


if __name__ == "__main__":
    changed = asyncio.run(close())
    print(f"work pool {WORK_POOL}: {'now closed' if changed else 'closed already'}")
