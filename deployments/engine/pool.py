"""Makes or closes the pool: `python -m deployments.engine.pool`, before the first worker and after changes by hand.

A pool that Prefect made lets every run bring a command, environment variables and a folder (docs/trust.md).
"""

import asyncio

from prefect.client.orchestration import get_client

from tasks.engine.server.work_pool import WORK_POOL, close_pool


async def close() -> bool:
    """See `tasks.engine.server.work_pool.close_pool`."""
    async with get_client() as client:
        return await close_pool(client)


def main() -> None:
    changed = asyncio.run(close())
    print(f"work pool {WORK_POOL}: {'now closed' if changed else 'closed already'}")


if __name__ == "__main__":
    main()
