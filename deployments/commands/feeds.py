"""Calendar feeds by hand: `python -m deployments.commands.feeds --tenant fernwood --name "Office calendar"`.

The address is printed once. `--list` shows who made which feed; `--revoke FEED` lets nobody read it any more.
"""

import argparse
import getpass
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from campaigns.build.by_name import each_of
from campaigns.errors import CampaignError
from campaigns.model.faults import faults_of
from campaigns.model.library.calendar_feed import FeedInput
from campaigns.operations.calendar_feeds import make
from campaigns.settings import get_settings
from campaigns.wiring import get_feed_tokens, get_store


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.commands.feeds", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--tenant", required=True)
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--name", help="make a feed: who reads it, or where")
    wanted.add_argument("--list", action="store_true", help="show the feeds of the tenant")
    wanted.add_argument("--revoke", metavar="FEED", help="revoke a feed by its id")
    options = parser.parse_args(arguments)
    store, now, by = get_store(), datetime.now(UTC), f"operator:{getpass.getuser()}"
    try:
        if options.name is not None:
            name, base_url = FeedInput(name=options.name).name, get_settings().api_base_url
            feed, url = make(store, get_feed_tokens(), options.tenant, name, by=by, base_url=base_url, now=now)
            print(f"{feed.id}  {url}")
        elif options.revoke is not None:
            print(f"{store.feeds.revoke(options.tenant, options.revoke, by=by, at=now).id}  revoked")
        else:
            for feed in each_of(store.feeds.list, options.tenant):
                ended = f"revoked {feed.revoked_at:%Y-%m-%d} by {feed.revoked_by}" if feed.revoked_at else "live"
                print(f"{feed.id}  {feed.name}  made {feed.created_at:%Y-%m-%d} by {feed.created_by}  {ended}")
    except ValidationError as error:
        print(*(f"{fault.field} {fault.message}" for fault in faults_of(error)), sep="\n", file=sys.stderr)
        return 1
    except CampaignError as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
