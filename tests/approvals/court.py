"""Everything around an approval round that the properties play with: links, a run, a bell, housekeeping, faults.

The run is the flow's body without Prefect, on the same functions of the core; the bell is Prefect's
resume: it accepts once, may fail, may lose its answer, and knows only whether the run waits.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch
from uuid import UUID

from campaigns.approval.expiry import expire_due
from campaigns.approval.invitations import invitation
from campaigns.approval.opening import open_round
from campaigns.approval.outcomes import apply, approved_posts, start_revision
from campaigns.approval.rounds import RING, Outcome, decide, outcome, undo
from campaigns.errors import (
    AlreadyDecidedError,
    AnswerTakenBackError,
    ApprovalLinkError,
    CampaignError,
    FaultsError,
    GoneError,
    NotFoundError,
    StaleReviewError,
    StoreUnavailableError,
)
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.keys.links import ApprovalLink, LinkSigner
from campaigns.model.approval import ApprovalRound, DecisionRequest
from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from deployments.local.stack import copy_database
from tasks.delivery import deliver
from tasks.engine.server.answers import PrefectUnavailableError
from tasks.engine.server.runs import Bell
from tests.approvals.faulty import FaultyTable, Killed
from tests.approvals.scene import ANA, NOW, TENANT, Clock, Scene, a_campaign
from tests.approvals.voices import by_form, by_operator

RAM = "/dev/shm" if Path("/dev/shm").is_dir() else None
RUN_ID = UUID(int=7)
RunState = Literal["running", "paused", "scheduled", "crashed", "done"]
Told = Literal[
    "recorded", "already", "taken back", "gone", "stale", "refused", "unknown link", "not recorded", "cut off"
]


@dataclass(frozen=True)
class Sent:
    """A link that was sent: whose it is, which key signed it, and what the round showed then."""

    link: ApprovalLink
    approver_id: str
    jti: str
    kid: str
    digest: str
    expires_at: datetime


@dataclass
class Ack:
    """What somebody asked for, how the round stood then, and what they were told."""

    sent: Sent
    request: DecisionRequest
    attempt_id: str
    before: ApprovalRound
    at: datetime
    first: bool
    readable: bool
    """Whether the key of the link could still be read with."""
    told: Told = "cut off"
    details: dict[str, Any] = field(default_factory=dict)


@cache
def _prepared(approvers: int, posts: int, wanted: str) -> Path:
    """A store with the campaign in it, before anybody is asked; made once for all courts of the same terms."""
    folder = Path(tempfile.mkdtemp(dir=RAM))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    store = Store(SQLiteTable(folder / "store.db"))
    scene = Scene(store, LinkSigner(KeyRing.parse(new_ring())), folder)
    people = [{"name": f"Approver {n}", "email": f"a{n}@example.com"} for n in range(1, approvers + 1)]
    terms = json.loads(wanted)
    scene.prepare(
        posts=posts, **{"max_revision_rounds": 2, **({} if "stages" in terms else {"approvers": people}), **terms}
    )
    store.campaigns.update(TENANT, scene.campaign.id, {"execution_id": str(RUN_ID)}, actor="test", at=NOW)
    return folder / "store.db"


class Court:
    """One campaign of two posts, from its first round to its end."""

    def __init__(self, *, approvers: int = 2, posts: int = 2, **terms: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=RAM))
        copy_database(_prepared(approvers, posts, json.dumps(terms, sort_keys=True)), self.folder / "store.db")
        real = SQLiteTable(self.folder / "store.db")
        self.table = FaultyTable(real)
        self.store = Store(self.table)
        self.truth = Store(real)
        """For whoever looks from outside: it never fails."""
        self.clock = Clock()
        self.keys = [new_ring("k0")]
        self.acks: list[Ack] = []
        self.links: list[Sent] = []
        self.handed_over: list[tuple[str, ...]] = []
        self.run_state: RunState = "running"
        self.bell_fault: Literal["503", "lost"] | None = None
        self.bell_faults = 0
        self.campaign_id = a_campaign().id

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- looking --------------------------------------------------------------------------------------

    @property
    def ring_of_keys(self) -> KeyRing:
        return KeyRing.parse(",".join(self.keys))

    @property
    def signer(self) -> LinkSigner:
        return LinkSigner(self.ring_of_keys)

    @property
    def campaign(self) -> Campaign:
        return self.truth.campaigns.get(TENANT, self.campaign_id)

    @property
    def posts(self) -> list[Post]:
        return self.truth.posts.list(TENANT, self.campaign_id)

    @property
    def rounds(self) -> list[ApprovalRound]:
        return self.truth.approvals.rounds(TENANT, self.campaign_id)

    @property
    def open(self) -> ApprovalRound | None:
        rounds = self.rounds
        return rounds[-1] if rounds and rounds[-1].status is RoundStatus.PENDING else None

    # --- people ---------------------------------------------------------------------------------------

    def issue(self, approver: int) -> Sent | None:
        """A link as the notifier makes it."""
        current = self.open
        if current is None or self.clock.now >= current.expires_at:
            return None
        asked = current.approvers[approver % len(current.approvers)]
        link = self.signer.sign(current, asked, now=self.clock.now)
        kid = self.ring_of_keys.signing.kid
        self.links.append(Sent(link, asked.id, asked.jti, kid, current.digest, current.expires_at))
        return self.links[-1]

    def click(self, sent: Sent, attempt_id: str, **said: Any) -> Told:
        """Send a decision with a link, as the door does."""
        link = sent.link
        request = DecisionRequest.model_validate({"callbackId": link.callback_id, "decision": "approved", **said})
        before = self.truth.approvals.by_callback(link.callback_id)
        decided = self.truth.approvals.decisions(TENANT, self.campaign_id, before.n)
        first = sent.approver_id not in {each.approver_id for each in decided}
        # Read off the setting, not asked of the ring: that is what is tried.
        readable = any(each.startswith(f"{sent.kid}:") and ":revoked:" not in each for each in self.keys)
        ack = Ack(sent, request, attempt_id, before, self.clock.now, first, readable)
        self.acks.append(ack)
        try:
            claims = self.signer.verify(link.token, now=self.clock.now)
            found = invitation(self.store, claims, now=self.clock.now)
            decide(self.store, found.round, found.voice("link"), request, attempt_id=attempt_id, now=self.clock.now)
            ack.told = "recorded"
        except AlreadyDecidedError as error:
            ack.told, ack.details = "already", error.details
        except AnswerTakenBackError:
            ack.told = "taken back"
        except ApprovalLinkError:
            ack.told = "unknown link"
        except GoneError as error:
            ack.told, ack.details = "gone", error.details
        except StaleReviewError:
            ack.told = "stale"
        except (FaultsError, NotFoundError):
            ack.told = "refused"
        except StoreUnavailableError:
            ack.told = "not recorded"
        except Killed:
            pass
        return ack.told

    def take_back(self, sent: Sent) -> str:
        """Undo with a link, as the page does."""
        try:
            claims = self.signer.verify(sent.link.token, now=self.clock.now)
            found = invitation(self.store, claims, now=self.clock.now)
            undo(self.store, found.round, found.voice("link"), now=self.clock.now)
        except (CampaignError, Killed) as error:
            return type(error).__name__
        return "undone"

    def answer_form(self, channel: Literal["prefect_ui", "operator"], **said: Any) -> str:
        """Decide without a link: in the Prefect form, or as an operator in place of all."""
        current = self.rounds[-1]
        request = DecisionRequest.model_validate({"callbackId": current.callback_id, "decision": "approved", **said})
        voice = (by_form if channel == "prefect_ui" else by_operator)(current)
        try:
            decide(self.store, current, voice, request, attempt_id=f"attempt-{channel}", now=self.clock.now)
        except GoneError:
            return "gone"
        except (CampaignError, Killed) as error:
            return type(error).__name__
        return "recorded"

    # --- machines -------------------------------------------------------------------------------------

    def work(self) -> None:
        """Let the worker run what waits for it, from its first line to its end or its pause."""
        if self.run_state not in {"running", "scheduled"}:
            return
        try:
            self.run_state = "paused" if self._body() is None else "done"
        except Killed:
            self.run_state = "running"  # a zombie: Prefect has not noticed yet
        except CampaignError:
            self.run_state = "crashed"

    def _body(self) -> Campaign | None:
        n, now = 1, self.clock.now
        while True:
            campaign = self.store.campaigns.get(TENANT, self.campaign_id)
            if campaign.status in AT_REST:
                return campaign
            open_round(self.store, TENANT, self.campaign_id, n, default_approver=ANA, now=now)
            came_to = outcome(self.store, TENANT, self.campaign_id, n, now=now)
            if came_to is None:
                return None
            if came_to is Outcome.PASSED_ON:
                n += 1
                continue
            if came_to is not Outcome.NEEDS_REVISION:
                return self._hand_over(apply(self.store, TENANT, self.campaign_id, n, came_to, now=now))
            asked = start_revision(self.store, TENANT, self.campaign_id, n, now=now)
            if not asked:
                return campaign
            for post in asked:
                self._write(post, n)
            n += 1

    def _write(self, post: Post, n: int) -> None:
        if post.content_hash() != self.store.approvals.round(TENANT, self.campaign_id, n).posts[post.id]:
            return  # rewritten already, before the process died
        assert post.content is not None
        revision = post.revision + 1
        words = post.content.model_copy(update={"text": f"Words of post {post.number}, revision {revision}."})
        self.store.posts.save_revision(post.model_copy(update={"content": words, "revision": revision}))

    def _hand_over(self, campaign: Campaign) -> Campaign:
        if campaign.status is CampaignStatus.COMPLETED:
            self.handed_over.append(tuple(post.content_hash() for post in approved_posts(self.posts)))
        return campaign

    def ring(self, run_id: UUID) -> Bell:
        """Prefect's resume."""
        assert run_id == RUN_ID
        fault, self.bell_fault = self.bell_fault, None
        if fault is not None:
            self.bell_faults += 1
        if fault == "503":
            raise PrefectUnavailableError("503")
        if self.run_state != "paused":
            return Bell.NOT_WAITING
        self.run_state = "scheduled"
        if fault == "lost":
            raise PrefectUnavailableError("the answer was lost")
        return Bell.RUNG

    def sweep(self) -> None:
        """Housekeeping: end what is over, ring, and start again what broke."""
        self.quietly(lambda: expire_due(self.store, now=self.clock.now))
        self.quietly(self._ring_bells)
        if self.run_state in {"crashed", "running"}:
            self.run_state = "scheduled"

    def _ring_bells(self) -> None:
        with patch.object(deliver, "ring", self.ring):
            for entry in self.store.outbox.due(self.clock.now):
                if entry.kind == RING:
                    deliver.deliver(self.store, entry, now=self.clock.now)

    def quietly(self, act: Callable[[], Any]) -> None:
        """Do something that may be refused or cut off; whoever wants it does it again."""
        with suppress(CampaignError, Killed):
            act()

    def settle(self) -> None:
        """Let everything heal and come to rest; time passes, nobody clicks."""
        self.table.heal()
        self.bell_fault = None
        for _ in range(12):
            self.clock.now += timedelta(minutes=10)
            self.sweep()
            self.work()
