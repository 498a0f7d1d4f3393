"""Let campaigns go on once the table was restored to an earlier moment: `python -m deployments.commands.restored`.

Runs that the restored table does not know are ended, campaigns without a run get one, and everything that is stored
is checked. Checkpoints may stay: a step that has one still asks the table. It may be repeated, and ends with 1 while
something does not agree.
"""

import sys
from datetime import UTC, datetime

from campaigns.operations.watching.consistency import check
from campaigns.store import Store, if_there
from campaigns.wiring import get_store
from tasks.engine.server.answers import PrefectUnavailableError
from tasks.upkeep.restored import go_on_after_restore

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def main() -> int:
    store, now = get_store(), datetime.now(UTC)
    try:
        done = go_on_after_restore(store, now=now)
    except PrefectUnavailableError as error:
        print(f"{error}; start the Prefect server and repeat this")
        return 1
    print(", ".join(f"{what} {count}" for what, count in sorted(done.items())) or "nothing to do")
    return _told(store, now)


def _told(store: Store, now: datetime) -> int:
    """Print what does not agree; return 1 when there is anything."""
    places = [each.ref for each in store.campaigns.in_work()]
    places += [(each.tenant_id, each.campaign_id) for each in store.campaigns.ended_since(LONG_AGO)]
    findings = 0
    for tenant_id, campaign_id in places:
        if (campaign := if_there(store.campaigns.get, tenant_id, campaign_id)) is None:
            continue
        for finding in check(store, campaign, now=now):
            print(f"{tenant_id} {campaign_id}: {finding.code}: {finding.found}")
            findings += 1
    print(f"{len(places)} campaigns checked, {findings} findings")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
