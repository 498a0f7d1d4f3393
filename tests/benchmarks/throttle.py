"""A model that throttles, and two tenants who want it: `make bench ARGS="throttle [--svg FILE] [--json FILE]"`.

The whole product as processes: one tenant builds five campaigns of about forty posts, a process each, and another one
comes with four posts. The stand-in for Bedrock refuses a share of all calls for a while, and none after that. The limit
and what each tenant has and wants are read twice a second. Exits with 1 when a post is lost, when the tenant with
few posts had to wait for the other one's, or when the limit did not fall and rise again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.stack import LocalStack, seed
from tests.benchmarks.picture import Panel, drawn
from tests.flows.conftest import sample_brief

MANY: Final = "acme"
FEW: Final = "fernwood"
EVERY: Final = 0.5


@dataclass
class Seen:
    """What was seen at one moment."""

    at: float
    limit: int
    held: dict[str, int]
    wanted: dict[str, int]
    answered: int
    refused: int


@dataclass
class Watch:
    """Reads twice a second how the model is worked."""

    store: Store
    bedrock: FakeBedrock
    most: int
    seen: list[Seen] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def keep(self) -> None:
        began = time.monotonic()
        while not self._over.wait(EVERY):
            model = self.store.permits.read(datetime.now(UTC))
            held, wanted = dict.fromkeys((MANY, FEW), 0), dict.fromkeys((MANY, FEW), 0)
            for use in model.uses:
                held[use.demand.tenant_id] += use.holds
                wanted[use.demand.tenant_id] += use.demand.wants
            calls = model.limit.calls if model.limit else self.most
            total, refused = len(self.bedrock.requests), self.bedrock.refused
            self.seen.append(Seen(time.monotonic() - began, calls, held, wanted, total - refused, refused))

    def end(self) -> None:
        self._over.set()


def brief(posts_in_weeks: int, name: str) -> dict[str, Any]:
    sample = {**sample_brief("spring-harvest.json"), "name": name}
    sample.pop("metadata", None)
    start = date.fromisoformat(sample["schedule"]["startDate"])
    end = start + timedelta(days=7 * posts_in_weeks - 1)
    sample["schedule"] = {**sample["schedule"], "endDate": end.isoformat(), "blackoutDates": []}
    return sample


def client_of(stack: LocalStack, tenant: str) -> httpx.Client:
    ring = KeyRing.parse(stack.env["CAMPAIGNS_API_KEYS"])
    token = mint(ring, tenant_id=tenant, subject="bench", scopes=SCOPES, ttl=timedelta(hours=1), now=datetime.now(UTC))
    return httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def until(true: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(EVERY)


def measure(home: Path, *, campaigns: int, weeks: int, share: float, healed_after: float, most: int) -> dict[str, Any]:
    with FakeBedrock(throttle=share, seconds=1.0) as bedrock:
        extra = {
            "CAMPAIGNS_MODEL": "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock.url,
            "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1",
            "CAMPAIGNS_WRITER_LIMIT": str(most), "CAMPAIGNS_FORM_TENANTS": f"{MANY},{FEW}",
        }  # fmt: skip
        with LocalStack(home, extra_env=extra).start(print) as stack:
            for tenant in (MANY, FEW):
                seed(stack.env, tenant)
            watch = Watch(Store(SQLiteTable(home / "store.db")), bedrock, most)
            keeping = threading.Thread(target=watch.keep, daemon=True)
            healing = threading.Timer(healed_after, lambda: setattr(bedrock, "throttle", 0.0))
            keeping.start()
            with client_of(stack, MANY) as many, client_of(stack, FEW) as few:
                ids = [_submitted(many, brief(weeks, f"Harvest {n}")) for n in range(campaigns)]
                until(lambda: any(each.held[MANY] for each in watch.seen[-3:]), "the first post", 400)
                # From here on every process that comes finds the others at work.
                until(lambda: _written(many, ids) >= 10, "ten posts", 300)
                healing.start()
                small, began = _submitted(few, brief(1, "One week")), time.monotonic()
                until(lambda: _is_asked(few, [small]), "the campaign with few posts", 600)
                few_took, left = time.monotonic() - began, _left(many, ids)
                until(lambda: _is_asked(many, ids), "the campaigns with many posts", 1200)
                posts = {MANY: _posts(many, ids), FEW: _posts(few, [small])}
            time.sleep(2 * EVERY)
            watch.end()
            keeping.join()
            healing.cancel()
            return _figures(watch.seen, posts, few_took, left) | {"seen": [vars(each) for each in watch.seen]}


def _figures(seen: list[Seen], posts: dict[str, list[str]], few_took: float, left: int) -> dict[str, Any]:
    work = [each for each in seen if sum(each.wanted.values())]
    limits = [each.limit for each in work]
    lowest = limits.index(min(limits))
    seconds = work[-1].at - work[0].at
    waiting = {
        tenant: sum(max(0, each.wanted[tenant] - each.held[tenant]) for each in seen) * EVERY for tenant in posts
    }
    return {
        "posts": {tenant: len(each) for tenant, each in posts.items()},
        "lost": sum(each == "failed" for every in posts.values() for each in every),
        "calls": {"answered": work[-1].answered, "refused": work[-1].refused},
        "postsASecond": round(sum(map(len, posts.values())) / seconds, 2),
        "meanWaitForAPermitSeconds": {
            tenant: round(waiting[tenant] / max(1, len(each)), 1) for tenant, each in posts.items()
        },
        "fewPostsTookSeconds": round(few_took, 1),
        "postsOfTheOtherLeftThen": left,
        "limit": {"first": limits[0], "lowest": limits[lowest], "last": max(limits[lowest:])},
    }


def _submitted(client: httpx.Client, campaign: dict[str, Any]) -> str:
    return str(client.post("/campaigns", json=campaign).raise_for_status().json()["id"])


def _posts(client: httpx.Client, ids: list[str]) -> list[str]:
    """Return the status of each post."""
    pages = [client.get(f"/campaigns/{each}/posts").raise_for_status().json()["items"] for each in ids]
    return [post["status"] for page in pages for post in page]


def _written(client: httpx.Client, ids: list[str]) -> int:
    return sum(status != "planned" for status in _posts(client, ids))


def _left(client: httpx.Client, ids: list[str]) -> int:
    return sum(status == "planned" for status in _posts(client, ids))


def _is_asked(client: httpx.Client, ids: list[str]) -> bool:
    found = [client.get(f"/campaigns/{each}").raise_for_status().json()["status"] for each in ids]
    return all(status in {"awaiting_review", "failed"} for status in found)


def picture(seen: list[Seen], posts: dict[str, int], healed: str) -> str:
    """Return the limit and the permits of each tenant over time, and what was answered and refused, as SVG."""
    many, few = (f"{tenant} ({posts[tenant]} posts)" for tenant in (MANY, FEW))
    at = [each.at for each in seen]
    calls = Panel("calls at once", {
        "limit": [each.limit for each in seen],
        many: [each.held[MANY] for each in seen],
        few: [each.held[FEW] for each in seen],
    })  # fmt: skip
    waiting = Panel("posts that wait for a permit", {
        many: [max(0, each.wanted[MANY] - each.held[MANY]) for each in seen],
        few: [max(0, each.wanted[FEW] - each.held[FEW]) for each in seen],
    })  # fmt: skip
    step = round(5 / EVERY)
    rates = {
        name: [(now - before) / 5 for before, now in zip([0] * step + counts, counts, strict=False)]
        for name, counts in (("answered", [s.answered for s in seen]), ("refused", [s.refused for s in seen]))
    }
    return drawn(f"A model that refuses {healed}", at, [calls, waiting, Panel("calls a second", rates)])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--campaigns", type=int, default=5, help="of the tenant with many posts")
    parser.add_argument("--weeks", type=int, default=12, help="of each of them, about four posts a week")
    parser.add_argument("--share", type=float, default=0.3, help="of the calls that are refused, at first")
    parser.add_argument("--healed-after", type=float, default=20, help="seconds until none is")
    parser.add_argument("--most", type=int, default=12, help="calls at once while nothing throttles")
    parser.add_argument("--svg", metavar="FILE")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(
            Path(folder), campaigns=given.campaigns, weeks=given.weeks, share=given.share,
            healed_after=given.healed_after, most=given.most,
        )  # fmt: skip
    seen = [Seen(**each) for each in found.pop("seen")]
    print(json.dumps(found, indent=2))
    if given.svg:
        healed = f"{given.share:.0%} of all calls, and none once {given.healed_after:.0f} seconds are over"
        Path(given.svg).write_text(picture(seen, found["posts"], healed))
    if given.json:
        Path(given.json).write_text(json.dumps({**found, "seen": [vars(each) for each in seen]}, indent=1) + "\n")
    fell = found["limit"]["lowest"] < found["limit"]["first"] and found["limit"]["last"] > found["limit"]["lowest"]
    return int(found["lost"] > 0 or not fell or found["postsOfTheOtherLeftThen"] == 0)


if __name__ == "__main__":
    sys.exit(main())
