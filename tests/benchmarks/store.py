"""What the store adds to a post: median milliseconds per post, with plan, words and listing.

    python -m tests.benchmarks.store [--posts 60] [--rounds 5] [--aws-local] [--goal 5.0]

Exits with 1 when the median on SQLite is above the goal (issue: 5 ms a post).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Table
from tests.store.samples import NOW, TENANT, a_campaign, a_decision, a_post, a_round, decide, hours, written


def milliseconds_per_post(store: Store, posts: int) -> tuple[float, list[float]]:
    """Take one campaign through the store as a run does; return the mean of it all and the time of each write."""
    campaign = store.campaigns.create(a_campaign(), actor="bench", at=NOW).campaign
    start = time.perf_counter()
    lease = store.leases.acquire(TENANT, campaign.id, owner="bench", now=NOW, ttl=hours(1))
    planned = store.posts.put_planned([a_post(campaign, number) for number in range(1, posts + 1)], fence=lease)
    each: list[float] = []
    for post in planned:
        begun = time.perf_counter()
        store.posts.save_revision(written(post, "Words " * 100), fence=lease)
        each.append((time.perf_counter() - begun) * 1000)
    store.posts.list(TENANT, campaign.id)
    round_ = store.approvals.open_round(a_round(campaign), actor="bench", at=NOW)
    decide(store, a_decision(round_))
    return (time.perf_counter() - start) * 1000 / posts, each


def measure(name: str, table: Table, posts: int, rounds: int) -> float:
    """Print one line and return the median of all writes."""
    store = Store(table)
    runs = [milliseconds_per_post(store, posts) for _ in range(rounds)]
    each = sorted(one for _, writes in runs for one in writes)
    median, high = statistics.median(each), each[int(len(each) * 0.99)]
    whole = statistics.median(mean for mean, _ in runs)
    print(
        f"{name:10} {rounds} campaigns of {posts} posts: a revision with audit entry and fence, "
        f"median {median:.2f} ms, 99th percentile {high:.2f} ms; everything of a campaign {whole:.2f} ms a post"
    )
    return median


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--goal", type=float, default=5.0, help="milliseconds a post on SQLite")
    parser.add_argument("--aws-local", action="store_true", help="the emulator of DynamoDB too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        median = measure("SQLite", SQLiteTable(Path(folder) / "store.db"), given.posts, given.rounds)
        if given.aws_local:
            from campaigns.store.tables.dynamodb import DynamoDBTable
            from deployments.local.aws_local import AwsLocal
            from tests.dynamodb_table import create_table

            aws = stack.enter_context(AwsLocal())
            client = aws.session().client("dynamodb", endpoint_url=aws.endpoint_url)
            create_table(client, "bench")
            measure("DynamoDB*", DynamoDBTable(client, "bench"), given.posts, given.rounds)
            print("* the emulator on this machine, not AWS")
    if median > given.goal:
        print(f"above the goal of {given.goal} ms", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
