"""Approved posts leave by a signed webhook: tried until they are taken, and taken once."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from campaigns.approval.messages.notice_kinds import RESULT
from campaigns.approval.outcomes import HAND_OVER, _move
from campaigns.keys.webhooks import Webhook, WebhookError, webhooks_of
from campaigns.model.post import Review
from campaigns.model.vocabulary import CampaignStatus, ReviewState
from campaigns.settings import get_settings
from campaigns.store import OutboxEntry, Store
from campaigns.store.tables.sqlite import SQLiteTable
from tasks.delivery.deliver import IN_A_ROW, deliver_due
from tests.samples import SAMPLES
from tests.store.samples import OTHER, TENANT, a_campaign, a_post, written

sys.path.insert(0, str(SAMPLES))
from webhook_receiver import is_genuine, keep, receiver

SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
HOUR = timedelta(hours=1)


class Receiver:
    """The sample receiver, which fails at every second request if it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.failing = folder, 0, False
        outer, takes = self, receiver(SECRET, folder)

        class Failing(takes):  # type: ignore[misc,valid-type]
            def do_POST(self) -> None:
                outer.asked += 1
                if outer.failing and outer.asked % 2:
                    self.answer(500)
                    return
                super().do_POST()

        handler: type[BaseHTTPRequestHandler] = Failing
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/posts"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    (tmp_path / "received").mkdir()
    taker = Receiver(tmp_path / "received")
    monkeypatch.setenv("CAMPAIGNS_WEBHOOKS", json.dumps({TENANT: {"url": taker.url, "secret": SECRET}}))
    get_settings.cache_clear()
    yield taker
    taker.server.shutdown()
    taker.server.server_close()
    get_settings.cache_clear()


def handed(store: Store, now: datetime, tenant_id: str = TENANT) -> str:
    """Return a campaign with one approved post and one rejected one, handed over as its completion would."""
    campaign = a_campaign(tenant_id)
    store.campaigns.create(campaign, actor="test", at=now)
    posts = [written(a_post(campaign, number), f"Post {number}", revision=0) for number in (1, 2)]
    posts[0] = posts[0].model_copy(update={"review": Review(state=ReviewState.APPROVED, round=1)})
    store.posts.put_planned(posts)
    store.outbox.add([OutboxEntry.about(HAND_OVER, tenant_id, campaign.id, due_at=now)])
    return campaign.id


def test_every_campaign_arrives_once_at_a_receiver_that_fails_half_the_time(endpoint: Receiver, tmp_path: Path) -> None:
    store, now = Store(SQLiteTable(tmp_path / "store.db")), datetime.now(UTC)
    campaigns = [handed(store, now) for _ in range(6)]
    endpoint.failing = True

    for hours in range(12):
        deliver_due(store, now=now + hours * timedelta(minutes=1))  # within what a receiver takes for fresh
    kept = [json.loads(file.read_text()) for file in endpoint.folder.iterdir()]

    assert sorted(each["data"]["campaignId"] for each in kept) == sorted(campaigns)
    assert endpoint.asked > 6
    assert all([post["content"]["text"] for post in each["data"]["posts"]] == ["Post 1"] for each in kept)
    assert not [entry for each in campaigns for entry in store.outbox.of(TENANT, each) if entry.is_open]


def test_a_webhook_that_does_not_answer_keeps_no_other_and_no_notice_waiting(
    endpoint: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now = Store(SQLiteTable(tmp_path / "store.db")), datetime.now(UTC)
    hooks = {TENANT: {"url": endpoint.url, "secret": SECRET}, OTHER: {"url": "http://127.0.0.1:9", "secret": SECRET}}
    monkeypatch.setenv("CAMPAIGNS_WEBHOOKS", json.dumps(hooks))
    get_settings.cache_clear()
    for _ in range(IN_A_ROW):
        handed(store, now, OTHER)
    deliver_due(store, now=now)
    campaign = handed(store, now)
    store.outbox.add([OutboxEntry.about(RESULT, TENANT, campaign, due_at=now, payload={"round": 1})])

    deliver_due(store, now=now)

    kept = [json.loads(file.read_text()) for file in endpoint.folder.iterdir()]
    assert [each["data"]["campaignId"] for each in kept] == [campaign]
    notices = [entry for entry in store.outbox.of(TENANT, campaign) if entry.kind == RESULT]
    assert [entry.payload.get("channel") for entry in notices if not entry.is_open] == [None]  # divided by channel


def test_a_campaign_that_completes_leaves_its_posts_to_be_handed_over_in_the_same_write(
    endpoint: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now = Store(SQLiteTable(tmp_path / "store.db")), datetime.now(UTC)

    def completed() -> list[str]:
        campaign = a_campaign(status=CampaignStatus.APPROVED)
        store.campaigns.create(campaign, actor="test", at=now)
        _move(store, campaign, CampaignStatus.COMPLETED, 1, now, None, reason="test")
        return [entry.kind for entry in store.outbox.of(TENANT, campaign.id)]

    assert completed() == [HAND_OVER]
    monkeypatch.delenv("CAMPAIGNS_WEBHOOKS")
    get_settings.cache_clear()
    assert completed() == []


def test_the_same_message_again_is_answered_and_kept_once(endpoint: Receiver, tmp_path: Path) -> None:
    store, now = Store(SQLiteTable(tmp_path / "store.db")), datetime.now(UTC)
    campaign = handed(store, now)
    entry = store.outbox.of(TENANT, campaign)[0]

    deliver_due(store, now=now)
    store.outbox.done(entry, at=now)
    again = entry.model_copy(update={"due_at": now})
    store.table.write(*_put(again))  # the answer was lost, and the entry put back
    deliver_due(store, now=now)

    assert endpoint.asked == 2
    assert len(list(endpoint.folder.iterdir())) == 1


def _put(entry: OutboxEntry) -> list[object]:
    from campaigns.store.commits.outbox import outbox_item
    from campaigns.store.tables.table import Put

    return [Put(outbox_item(entry))]


def test_a_forged_old_or_changed_message_is_refused(tmp_path: Path) -> None:
    hook = Webhook("https://x.example", (b"k" * 32,))
    now, body = time.time(), b'{"type":"campaign.completed"}'
    good = hook.headers("outbox_1", int(now), body)

    assert is_genuine(SECRET, good, body, now)
    two = Webhook("https://x.example", (b"n" * 32, b"k" * 32)).headers("outbox_1", int(now), body)
    assert is_genuine(SECRET, two, body, now)  # while one secret takes the place of the other
    assert not is_genuine(SECRET, good, body + b" ", now)
    assert not is_genuine(SECRET, {**good, "webhook-id": "outbox_2"}, body, now)
    assert not is_genuine(SECRET, good, body, now + 301)
    assert not is_genuine(SECRET, {**good, "webhook-signature": "v1,AAAA"}, body, now)
    assert not is_genuine(SECRET, {}, body, now)
    assert (keep(tmp_path, "a", b"1"), keep(tmp_path, "a", b"1")) == (True, False)


def test_the_published_vector_of_standard_webhooks_is_met() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = Webhook("https://x", (secret,)).headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "text",
    [
        "x", "[]", '{"fernwood": "https://x"}', '{"Fern": {"url": "https://x", "secret": "whsec_"}}',
        json.dumps({"fernwood": {"url": "http://x.example", "secret": SECRET}}),
        json.dumps({"fernwood": {"url": "https://u:p@x.example", "secret": SECRET}}),
        json.dumps({"fernwood": {"url": "https://x.example", "secret": "short"}}),
        json.dumps({"fernwood": {"url": "https://x.example", "secret": ""}}),
    ],
)  # fmt: skip
def test_what_is_no_webhook_is_refused_without_its_secret(text: str) -> None:
    with pytest.raises(WebhookError) as caught:
        webhooks_of(text)
    assert SECRET not in str(caught.value)
