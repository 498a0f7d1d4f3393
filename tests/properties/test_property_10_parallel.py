"""Property 10: posts are written side by side, within the limit, each once, and none takes another down with it.

A whole campaign is written by Prefect's task runner, with a model that holds the first calls until as many are under
way as there may be, and lets them go in an order that is drawn.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from campaigns.errors import LeaseLostError
from campaigns.operations.permits import Permits
from campaigns.store import Store
from tests.properties.machine import TENANT, Call, Fault, Kind, Machine, said_of

AT_ONCE = 5
"""What one run may write at once, as prefect.toml says."""
PATIENCE_SECONDS = 60
SCRIPT = st.lists(st.sampled_from(["words", "words", "words", "throttled", "refused"]), max_size=2)
FAILED = {"refused": "REFUSED"}


@dataclass
class Gate:
    """Holds calls of the writer until `wanted` are under way, then lets them go, in an order of its own."""

    wanted: int
    order: list[int]
    then: Callable[[], None] = lambda: None
    waiting: list[threading.Event] = field(default_factory=list)
    opened: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: Call) -> None:
        if call.task != "write" or self.opened.is_set():
            return
        mine = threading.Event()
        with self._lock:
            self.waiting.append(mine)
            full = len(self.waiting) == self.wanted
        if full:
            self.then()
            self.opened.set()
            for place in self.order:
                self.waiting[place % self.wanted].set()
            for each in self.waiting:
                each.set()
        mine.wait(PATIENCE_SECONDS)


@pytest.mark.property(10, "every planned post is written once, within the limit, and none takes another down")
@settings(max_examples=100, deadline=None)
@given(
    scripts=st.lists(SCRIPT, min_size=2, max_size=7),
    order=st.lists(st.integers(0, 6), max_size=7),
    dies_after=st.none() | st.integers(1, 7),
    kept=st.booleans(),
    taken_over=st.sampled_from([False, False, True]),
    limit=st.sampled_from([None, None, None, 1, 2]),
)
@example(scripts=[[]] * 7, order=[3, 1], dies_after=None, kept=True, taken_over=False, limit=None)
@example(scripts=[["refused"], [], ["throttled"]], order=[], dies_after=None, kept=True, taken_over=False, limit=None)
@example(scripts=[[], [], []], order=[2], dies_after=2, kept=False, taken_over=False, limit=None)
@example(scripts=[[], [], []], order=[2], dies_after=1, kept=True, taken_over=False, limit=None)
@example(scripts=[[], []], order=[1], dies_after=None, kept=True, taken_over=True, limit=None)
@example(scripts=[[], []], order=[0], dies_after=None, kept=True, taken_over=False, limit=1)
def test_every_planned_post_is_written_once_within_the_limit_whatever_fails(
    machine: Machine,
    scripts: list[list[str]],
    order: list[int],
    dies_after: int | None,
    kept: bool,
    taken_over: bool,
    limit: int | None,
) -> None:
    """**Feature: campaign-orchestration-durable, Property 10: Parallel processing consistency**

    For any content generation workflow, the system should process posts in parallel within concurrency
    limits, maintain separate checkpoints, and aggregate results while handling partial failures.
    """
    machine.fresh()
    posts = len(scripts)
    most = min(posts, AT_ONCE, limit or posts)
    machine.model.script = {("write", number): list(script) for number, script in enumerate(scripts, start=1)}
    campaign = machine.submit(machine.brief(posts))

    def take_over() -> None:
        with machine.as_process():
            while True:
                machine.clock.advance(timedelta(seconds=31))
                now, ttl = machine.clock.now(), timedelta(seconds=30)
                try:
                    machine.store.leases.acquire(TENANT, campaign, owner="another", now=now, ttl=ttl)
                except LeaseLostError:  # its holder has kept it, just now
                    continue
                return

    gate = Gate(most, order, take_over if taken_over else lambda: None)
    machine.model.gate = gate
    # On the table of this example: the thread of the one before speaks on for some seconds, to its own.
    permits = Permits(Store(machine.table.real), most=limit or 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.engine.permits.get_permits", lambda: permits)
        # Either way the post is stored: its process dies before or after that is kept as a checkpoint.
        dies: Kind = "killed after" if kept else "killed before"
        faults = [Fault("keep", 2 + dies_after, dies)] if dies_after and not taken_over else []
        machine.run(campaign, *faults)
    assert gate.opened.is_set(), "posts are not written side by side"
    assert machine.model.most_at_once == most
    before = {post["number"]: post for post in machine.posts(campaign) if post["status"] != "planned"}
    if taken_over:
        assert before == {}  # a process that lost the campaign writes nothing any more
    machine.model.gate = None
    calls = len(machine.model.calls)
    status = machine.settle(campaign)

    again = Counter(call.number for call in machine.model.calls[calls:] if call.task == "write")
    assert not set(again) & set(before), "a stored post is paid for again"
    stored = machine.posts(campaign)
    assert [post["number"] for post in stored] == list(range(1, posts + 1))
    assert all(
        post == before.get(post["number"], post) | {"review": post["review"]} | _counted(post) for post in stored
    )
    if not taken_over and not faults:
        assert {post["number"]: _end_of(post) for post in stored} == {
            number: next((FAILED[each] for each in script if each in FAILED and _reached(script, each)), "words")
            for number, script in enumerate(scripts, start=1)
        }
    for post in stored:
        if "content" in post:
            assert said_of(post["content"]["text"], machine.model.calls) == post["number"], "words of another post"
    usable = [post["id"] for post in stored if post["status"] in {"completed", "needs_review"}]
    assert status == ("awaiting_review" if usable else "failed")
    rounds = machine.raw.of(campaign, "round")
    assert [sorted(round_["posts"]) for round_ in rounds] == ([sorted(usable)] if usable else [])
    folder = machine.home / "checkpoints" / "checkpoints" / TENANT / campaign / "generate"
    assert len(list(folder.glob("*"))) == posts
    event(f"{posts} posts, {len(usable)} usable, {'taken over' if taken_over else 'dies' if faults else 'whole'}")


def _end_of(post: dict[str, object]) -> str:
    error = post.get("lastError")
    return str(error["code"]) if isinstance(error, dict) else "words"


def _reached(script: list[str], answer: str) -> bool:
    """Whether a script comes to this answer: everything before it was to be tried again."""
    return all(each == "throttled" for each in script[: script.index(answer)])


def _counted(post: dict[str, object]) -> dict[str, object]:
    """Return what every change of a post's review counts, whatever its words."""
    return {name: post[name] for name in ("version", "updatedAt") if name in post}
