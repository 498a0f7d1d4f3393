"""Lets time pass for outbox and alarms, by the clock that they are given: `python -m tests.outage.later FROM TO`.

In minutes from now. Deliveries are tried for real, against a Prefect that is really away; only nobody waits for it.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from campaigns import logs
from campaigns.wiring import get_store
from tasks.delivery.deliver import deliver_due
from tasks.upkeep.watch import watch


def main(first: int, last: int) -> None:
    logs.install()
    store, now = get_store(), datetime.now(UTC)
    for half in range(2 * first, 2 * last + 1):
        deliver_due(store, now=now + timedelta(seconds=30 * half))
    watch(store, now=now + timedelta(minutes=last))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
