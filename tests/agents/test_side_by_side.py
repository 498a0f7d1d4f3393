"""Posts that are written side by side: together they keep the budget, and no two of them say the same."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import choices

import pytest

from campaigns.agents.contracts import WriterInput, WriterOutput
from campaigns.agents.failures import FailureCode
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers.text_model import Answer, ModelAnswer
from campaigns.agents.writer import Writer
from campaigns.build import writing
from campaigns.errors import AgentError
from campaigns.model.post import ModelUsage, Post
from campaigns.model.vocabulary import CampaignStatus, PostStatus
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from tests.flows.conftest import seed
from tests.store.samples import NOW, TENANT, a_campaign, a_post

POSTS = 8
CALL_USD = 0.02
WORDS = [
    f"{first}{second}o" for first in ("ba", "lu", "mi", "ro", "se", "ta") for second in ("bel", "dan", "gir", "kom")
]


class Costly:
    """A model whose every call costs what a call may cost at most, and waits until all others are out too."""

    name = "costly"

    def __init__(self, words: str = "", patience: float = 60) -> None:
        self._words = words
        self._all_out = threading.Barrier(POSTS)
        self._patience = patience
        self.spent = 0.0
        self.calls = 0
        self._counting = threading.Lock()

    def price(self, input_tokens: int, output_tokens: int) -> float:
        return CALL_USD if output_tokens <= 2000 else CALL_USD * output_tokens / 2000

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        with self._counting:
            self.calls += 1
            self.spent += CALL_USD
            words = self._words or " ".join(choices(WORDS, k=15))
        with suppress(threading.BrokenBarrierError):  # with little money the others may not be out
            self._all_out.wait(self._patience)
        return Answer(f'{{"text": "{words}"}}', ModelUsage(model=self.name, output_tokens=1, cost_usd=CALL_USD))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(SQLiteTable(tmp_path / "store.db"))


def written_at_once(
    store: Store, model: Costly, monkeypatch: pytest.MonkeyPatch, *, budget: float | None
) -> Iterator[Post | str]:
    """Plan posts that ask for nothing, write them all at once, and yield each, or why it has no words."""
    seed(store, TENANT)
    campaign = a_campaign(status=CampaignStatus.GENERATING, budget_usd=budget, brand_id=None)
    store.campaigns.create(campaign, actor="tests", at=NOW)
    planned = store.posts.put_planned([a_post(campaign, number) for number in range(1, POSTS + 1)])

    def run(tenant_id: str, given: WriterInput) -> WriterOutput:
        return Writer(model).run(tenant_id, given)

    monkeypatch.setattr(writing.writer, "run", run)
    monkeypatch.setattr(writing.models, "model", lambda: model)

    def write(post: Post) -> Post | str:
        try:
            return writing.write_post(store, TENANT, campaign.id, post.id, revision=0, attempt="1", now=NOW)
        except AgentError as error:
            return error.reason

    with ThreadPoolExecutor(POSTS) as pool:
        yield from pool.map(write, planned)


@pytest.mark.parametrize("calls", [1, 3, 7])
def test_together_they_never_spend_more_than_the_budget_and_as_much_of_it_as_they_can(
    store: Store, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    model = Costly(patience=0.2)
    budget = calls * CALL_USD + 0.001

    outcomes = Counter(
        outcome if isinstance(outcome, str) else "written"
        for outcome in written_at_once(store, model, monkeypatch, budget=budget)
    )

    assert model.spent <= budget
    assert model.calls == calls
    assert outcomes["written"] >= 1
    assert outcomes["written"] + outcomes[FailureCode.BUDGET_EXCEEDED] == POSTS


def test_without_a_budget_nobody_waits_for_anybody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Costly()

    posts = list(written_at_once(store, model, monkeypatch, budget=None))

    assert len(posts) == POSTS
    assert not model._all_out.broken  # all calls were out at the same time


def test_of_posts_that_say_the_same_one_passes_and_the_others_are_held_for_review(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Costly("The first bags arrive in the second week, and we kept some back.")

    posts = list(written_at_once(store, model, monkeypatch, budget=None))

    held = [post for post in posts if "DUPLICATE" in {check.code for check in post.quality.checks}]
    assert len(held) == POSTS - 1
    assert {post.status for post in held} == {PostStatus.NEEDS_REVIEW}
    [passed] = [post for post in posts if post not in held]
    assert passed.quality.score > max(post.quality.score for post in held)
