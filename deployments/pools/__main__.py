"""The command of `deployments.pools`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

from deployments.pools.templates import KINDS, UnfilledError, filled


async def make(kind: str, values: dict[str, str]) -> bool:
    """Make or change the pool of this kind; return whether anything had to be done."""
    name, template = f"campaigns-{kind}", filled(kind, values)
    async with get_client() as client:
        try:
            pool = await client.read_work_pool(name)
        except ObjectNotFound:
            await client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=template))
            return True
        if pool.base_job_template == template:
            return False
        await client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
        return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments.pools")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="values")
    options = parser.parse_args(arguments)
    values = dict(each.partition("=")[::2] for each in options.values)
    try:
        changed = asyncio.run(make(options.kind, values))
    except UnfilledError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"work pool campaigns-{options.kind}: {'made or changed' if changed else 'as it should be'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
