"""How hard the model is worked, and the switch that stops it: `python -m deployments.commands.model [stop | resume]`.

    python -m deployments.commands.model                                                what is allowed, used and wanted
    python -m deployments.commands.model stop --operator Olga --reason "the bill explodes"
    python -m deployments.commands.model resume --operator Olga --reason "it was a test"

The same as the operations `stop-model` and `resume-model`, for when Prefect is away. Ends with 1 when it was so
already.
"""

import argparse
import sys
from datetime import UTC, datetime

from campaigns.errors import ConflictError
from campaigns.operations.acts import By
from campaigns.operations.switching import resume_calls, stop_calls
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.wiring import get_store


def show(store: Store, *, most: int, now: datetime) -> list[str]:
    """Return what there is to say, as lines."""
    model = store.permits.read(now)
    calls = min(most, model.limit.calls) if model.limit else most
    held = sum(use.holds for use in model.uses)
    lines = [f"{held} of {calls} calls at once ({most} while nothing throttles), {len(model.uses)} processes"]
    for tenant in sorted({use.demand.tenant_id for use in model.uses}):
        theirs = [use for use in model.uses if use.demand.tenant_id == tenant]
        wants = sum(use.demand.wants for use in theirs)
        lines.append(f"  {tenant}: {sum(use.holds for use in theirs)} of {wants} wanted")
    for turned in store.permits.turned()[-5:]:
        done = "stopped" if turned.stopped else "resumed"
        lines.append(f"{done} {turned.since:%Y-%m-%d %H:%M} UTC by {turned.by}: {turned.reason}")
    return lines


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="deployments.commands.model", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("act", nargs="?", choices=["stop", "resume"])
    parser.add_argument("--operator", default="", help="your name, which is kept")
    parser.add_argument("--reason", default="", help="why, which is kept")
    given = parser.parse_args(arguments)
    store, now = get_store(), datetime.now(UTC)
    if given.act:
        if len(given.operator) < 2 or len(given.reason) < 3:
            parser.error("say who you are and why: --operator and --reason")
        act = stop_calls if given.act == "stop" else resume_calls
        try:
            print(act(store, By(given.operator, given.reason), now))
        except ConflictError as error:
            print(f"Nothing was changed: {error}")
            return 1
    print(*show(store, most=get_settings().writer_limit, now=now), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
