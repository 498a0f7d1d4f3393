"""The acts of the stress program, through the product's doors: the only file of it that knows the product.

An actor is a process that does one act after the other. Its table can stop at any access: for good (it
kills itself), for as long as the director wants, or with an error. What it sends as `prepared` before it
acts is known even of one that dies.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

from api import dependencies
from api.app import create_app
from api.auth.approval_limits import ApprovalLimits
from campaigns.approval.opening import open_round
from campaigns.approval.outcomes import apply, start_revision
from campaigns.approval.rounds import Outcome, outcome, round_to_ask
from campaigns.build.planning import fail
from campaigns.errors import CampaignError, StoreUnavailableError
from campaigns.model.approval import ApprovalRound, RoundApprover
from campaigns.model.campaign import PlanSummary
from campaigns.model.post import Post
from campaigns.model.vocabulary import Decision, PostStatus, RoundStatus
from campaigns.operations import acts
from campaigns.operations.acts import By
from campaigns.store import Lease, Store
from campaigns.store.tables.dynamodb import DynamoDBTable
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Table
from campaigns.wiring import get_link_signer
from tasks.upkeep import operate
from tasks.upkeep.housekeeping import expire_and_remind
from tests.approvals.reader import PageText
from tests.approvals.scene import ANA, TENANT, Scene, some_posts

BASE = "http://testserver"
LEASE = timedelta(seconds=30)
Said = dict[str, Any]
Send = Callable[[str, Said], Any]


# --- the table of an actor ----------------------------------------------------------------------------------


class ActorTable:
    """A table that goes wrong at its n-th access, or its n-th write."""

    def __init__(self, table: Table, send: Send) -> None:
        self._table = table
        self._send = send
        self._trouble: Mapping[str, Any] = {}
        self._left = 0

    def meet(self, trouble: Mapping[str, Any] | None) -> None:
        self._trouble, self._left = trouble or {}, (trouble or {}).get("after", 0)

    def __getattr__(self, name: str) -> Any:
        reached = getattr(self._table, name)

        def reach(*arguments: Any, **options: Any) -> Any:
            how = self._now(writes=name in {"write", "delete"})
            if how == "killed before":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "down":
                raise StoreUnavailableError("down")
            if how == "held":
                self._send("held", {})
            answer = reached(*arguments, **options)
            if how == "killed after":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "lost":
                raise StoreUnavailableError("the answer was lost")
            return answer

        return reach

    def _now(self, *, writes: bool) -> str | None:
        if not self._trouble or (self._trouble["writes"] and not writes):
            return None
        if self._left > 0:
            self._left -= 1
            return None
        how, self._trouble = str(self._trouble["how"]), {}
        self._send("met", {"how": how})
        return how


def open_table(place: str, client: Any = None) -> Table:
    """`sqlite:FILE`, or `dynamodb:TABLE` with a client."""
    kind, _, name = place.partition(":")
    return SQLiteTable(name) if kind == "sqlite" else DynamoDBTable(client, name)


@cache
def aws_session() -> Any:
    """What clients of the emulator are made from: it reads the description of DynamoDB once, and actors copy it."""
    import boto3

    return boto3.Session(aws_access_key_id="100000000001", aws_secret_access_key="local", region_name="eu-central-1")


# --- the cast --------------------------------------------------------------------------------------------------


def put_on_stage(table: Table, seed: str, terms: Mapping[str, Any], requested_by: str) -> str:
    """Store a campaign whose posts are written, before anybody is asked; return its id."""
    scene = Scene(Store(table), get_link_signer(), Path()).another(seed)
    planned = {"requested_by": requested_by, "plan_summary": PlanSummary(total_posts=3)}
    scene.campaign = scene.campaign.model_copy(update=planned)
    later = [
        post.model_copy(update={"scheduled_at": post.scheduled_at + timedelta(days=60)})
        for post in some_posts(scene.campaign, 3)
    ]
    scene.prepare(posts=later, **terms)
    return scene.campaign.id


class Errands:
    """In place of the courier: what follows from an act stays in the outbox."""

    def deliver(self, *_: Any, **__: Any) -> None:
        return


@cache
def the_app() -> Any:
    """The application, made before an actor begins: an actor is a copy of the process that made it."""
    app = create_app()
    app.state.courier = Errands()
    app.state.approval_limits = ApprovalLimits(uses_per_minute=10**9, wrong_per_minute=10**9)
    return app


class Actor:
    """Does acts for a director at the other end of a pipe."""

    def __init__(self, director: Connection, client: Any) -> None:
        self._director, self._client, self._place = director, client, ""
        self._loop = asyncio.Runner()
        self._app = the_app()
        self.truth: Store
        self.store: Store
        self.table: ActorTable
        self.now: datetime
        self.campaign_id = ""

        async def clock() -> datetime:
            return self.now

        self._app.dependency_overrides[dependencies.clock] = clock

    def work(self) -> None:
        with suppress(EOFError):
            while (task := self._director.recv()) is not None:
                self._send("done", self._do(task))

    def _do(self, task: Mapping[str, Any]) -> Said:
        if task["place"] != self._place:
            self._place = task["place"]
            real = open_table(self._place, self._client)
            self.table = ActorTable(real, self._send)
            self.truth, self.store = Store(real), Store(self.table)  # type: ignore[arg-type]
            self._app.state.store = self.store
        self.now, self.campaign_id = datetime.fromisoformat(task["now"]), task["campaign"]
        self._task = task
        try:
            return ACTS[task["kind"]](self, task["with"])
        except StoreUnavailableError as error:
            return {"result": "unknown", "why": str(error)}
        except CampaignError as error:
            return {"result": "refused", "code": error.code, "why": str(error)}
        except Exception:
            return {"result": "broken", "why": traceback.format_exc()}
        finally:
            self.table.meet(None)

    def begin(self, prepared: Said) -> None:
        """Tell what is about to be done; from here on the table may fail."""
        self._send("prepared", prepared)
        self.table.meet(self._task["trouble"])

    def _send(self, what: str, said: Said) -> None:
        self._director.send((what, said))
        if what == "held":
            self._director.recv()

    def http(self, method: str, path: str, *, cookies: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(self._app), base_url=BASE, headers={"Origin": BASE}, cookies=cookies or {}
            ) as client:
                return await client.request(method, path, **more)

        return self._loop.run(ask())


# --- what people do -----------------------------------------------------------------------------------------------


def decide(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    """Answer over JSON, with a fresh link or one of before."""
    prepared = _answer(actor, wanted)
    return _post(actor, prepared) if prepared else {"result": "nothing"}


def replay(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    """Send what was sent before, once more, letter by letter."""
    return _post(actor, dict(wanted["again"]))


def _answer(actor: Actor, wanted: Mapping[str, Any]) -> Said | None:
    link = wanted.get("link") or _fresh_link(actor, wanted["who"])
    if link is None:
        return None
    current = actor.truth.approvals.by_callback(link["callbackId"])
    decision, task = wanted["decision"], actor._task["id"]
    body: Said = {
        "callbackId": link["callbackId"],
        "decision": decision,
        "comments": f"As said in {task}.",
    }
    if wanted["attempt"]:
        body["attemptId"] = f"attempt-{task}"
    shown = link["digest"]
    if wanted["digest"]:  # the page was opened now, the link was mailed then
        shown = body["digest"] = current.digest
    ids = list(current.posts)
    if decision == "needs_revision" and wanted["single"]:
        body["posts"] = {ids[0]: {"decision": "needs_revision", "comment": "Say it shorter."}}
        if len(ids) > 1:
            body["posts"][ids[1]] = {"decision": "approved"}
    return {
        **link,
        "body": body,
        "shown": shown,
        "decision": decision,
        "answer": f"attempt-{task}",
        "proven": False,
    }


def change_words(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    """Approve, with another text for one of the posts."""
    return _changing(actor, wanted, {"edit": _words(actor, wanted)["text"]})


def change_time(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    """Approve, with another time for one of the posts: a working day's morning of the campaign."""
    number = int(actor._task["id"])
    day = datetime(2027, 3, 15, 9, 5 * (number % 6), tzinfo=UTC) + timedelta(weeks=number % 3, days=number % 4)
    return _changing(actor, wanted, {"moveTo": day.isoformat()})


def _changing(actor: Actor, wanted: Mapping[str, Any], change: Said) -> Said:
    prepared = _answer(actor, {**wanted, "decision": "approved", "digest": True, "single": False})
    if prepared is None:
        return {"result": "nothing"}
    prepared["body"]["posts"] = {_numbers(actor)[wanted["post"]]: {"decision": "approved", **change}}
    return _post(actor, prepared)


def _fresh_link(actor: Actor, who: int) -> Said | None:
    """A link as the notifier makes it."""
    current = actor.truth.approvals.current_round(TENANT, actor.campaign_id)
    if current is None or current.status is not RoundStatus.PENDING or actor.now >= current.expires_at:
        return None
    asked = [each for each in current.approvers if not each.revoked]
    if not asked:
        return None
    return _link(actor, current, asked[who % len(asked)])


def _link(actor: Actor, current: ApprovalRound, person: RoundApprover) -> Said:
    link = get_link_signer().sign(current, person, now=actor.now)
    return {
        "token": link.token,
        "url": link.url(BASE),
        "callbackId": link.callback_id,
        "approver": person.id,
        "email": person.email,
        "round": current.n,
        "digest": current.digest,
    }


def _post(actor: Actor, prepared: Said) -> Said:
    actor.begin(prepared)
    headers = {"Authorization": f"Bearer {prepared['token']}"}
    answer = actor.http("POST", f"/campaigns/{actor.campaign_id}/approve", json=prepared["body"], headers=headers)
    return _told(answer)


def _told(answer: httpx.Response) -> Said:
    if answer.status_code >= 500:
        return {"result": "unknown", "status": answer.status_code}
    if answer.is_success:
        return {"result": "ok", **answer.json()}
    return {"result": "refused", "status": answer.status_code, "code": answer.json().get("errorCode")}


def on_the_page(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    """Send the form of the review page; where a code is asked for, with the right one or a wrong one."""
    prepared = _answer(actor, {**wanted, "digest": True, "single": False, "attempt": True})
    if prepared is None:
        return {"result": "nothing"}
    del prepared["body"]
    here, cookies, form = _entered(actor, prepared)
    round_ = actor.truth.approvals.by_callback(prepared["callbackId"])
    said = {
        number: "rejected" if id_ in round_.unapprovable else prepared["decision"]  # nobody can approve it
        for number, id_ in _numbers(actor).items()
        if id_ not in round_.locked
    }
    # The page makes one decision of what is said of the posts.
    verdicts = {*said.values(), *(["approved"] if round_.locked else [])}
    prepared["decision"] = next(each for each in ("needs_revision", "approved", "rejected") if each in verdicts)
    form |= {
        "digest": prepared["shown"],
        "attemptId": prepared["answer"],
        "comments": f"As said in {actor._task['id']}.",
        "decidedBy": "As on the invitation",
        "confirm": "yes",
        **{f"d.{number}": decision for number, decision in said.items()},
        **{f"c.{number}": "Say it shorter." for number, decision in said.items() if decision != "approved"},
    }
    asks_code = actor.truth.campaigns.get(TENANT, actor.campaign_id).approval.require_otp
    if asks_code:
        actor.http("POST", here, cookies=cookies, data={**form, "action": "review"})  # it sends the code
        form["code"], prepared["proven"] = _code_for(actor, prepared, right=wanted["right_code"])
    actor.begin(prepared)
    answer = actor.http("POST", here, cookies=cookies, data={**form, "action": "send"})
    led_on = answer.status_code == 303
    if led_on and asks_code:  # of a campaign that was at rest for a moment it leads to the review, which is open again
        led_on = 'name="d.' not in actor.http("GET", here, cookies=cookies).text
    return _shown(answer, led_on)


def _numbers(actor: Actor) -> dict[int, str]:
    return {post.number: post.id for post in actor.truth.posts.list(TENANT, actor.campaign_id)}


def _entered(actor: Actor, link: Mapping[str, Any]) -> tuple[str, dict[str, str], Said]:
    """Follow a link; return the address it leads to, the cookies that came with it, and what proves a form of ours."""
    entered = actor.http("GET", str(link["url"]).removeprefix(BASE))
    signer = get_link_signer()
    with suppress(CampaignError):
        csrf = signer.form_token(signer.verify(link["token"], now=actor.now), now=actor.now)
        return f"/approve/{link['callbackId']}", dict(entered.cookies), {"csrf": csrf}
    return f"/approve/{link['callbackId']}", dict(entered.cookies), {"csrf": ""}


def _shown(answer: httpx.Response, done: bool) -> Said:
    if done:
        return {"result": "ok"}
    if answer.status_code >= 500:
        return {"result": "unknown", "status": answer.status_code}
    return {"result": "refused", "status": answer.status_code, "code": PageText(answer.text).heading}


def _code_for(actor: Actor, link: Mapping[str, Any], *, right: bool) -> tuple[str, bool]:
    round_ = actor.truth.approvals.by_callback(link["callbackId"])
    person = next((each for each in round_.approvers if each.id == link["approver"]), None)
    issued = actor.truth.codes.get(round_, link["approver"])
    if person is None or issued is None:
        return "000000", False
    code = get_link_signer().one_time_code(person, issued.issued_at)
    return (code, True) if right else (f"{(int(code) + 1) % 10**6:06d}", False)


def take_back(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    """Press *undo* on the receipt."""
    link = wanted["link"]
    here, cookies, form = _entered(actor, link)
    if actor.truth.campaigns.get(TENANT, actor.campaign_id).approval.require_otp:
        form["code"], _ = _code_for(actor, link, right=True)
    actor.begin(link)
    answer = actor.http("POST", here, cookies=cookies, data={**form, "action": "undo"})
    return _shown(answer, answer.status_code == 303 and "undone" in answer.headers.get("location", ""))


# --- what operators do ---------------------------------------------------------------------------------------------


def _order(
    ordered: Callable[..., str], arguments: Callable[[Actor, Mapping[str, Any]], Said | None]
) -> Callable[..., Said]:
    def act(actor: Actor, wanted: Mapping[str, Any]) -> Said:
        given = arguments(actor, wanted)
        if given is None:
            return {"result": "nothing"}
        actor.begin({"given": given, **_meant(actor, given.get("approver", ""))})
        by = By("Olga", actor._task["reason"])
        campaign = actor.store.campaigns.get(TENANT, actor.campaign_id)
        return {"result": "ok", "told": ordered(actor.store, campaign, by, actor.now, **given)}

    return act


def _meant(actor: Actor, email: str) -> Said:
    """Whom an order is about, in which round, and the link that was mailed to that person before."""
    current = actor.truth.approvals.current_round(TENANT, actor.campaign_id)
    asked = [each for each in current.approvers if each.email == email] if current else []
    if current is None or not asked:
        return {"old": email, "who": "ap-operator", "round": current.n if current else 0}
    return {"old": email, "who": asked[0].id, "round": current.n, "mailed": _link(actor, current, asked[0])}


def _asked(actor: Actor, who: int) -> str | None:
    current = actor.truth.approvals.current_round(TENANT, actor.campaign_id)
    asked = [each.email for each in current.approvers if not each.revoked] if current else []
    return asked[who % len(asked)] if asked else None


def _one(actor: Actor, wanted: Mapping[str, Any]) -> Said | None:
    person = _asked(actor, wanted["who"])
    return {"approver": person} if person else None


def _who_is_silent(actor: Actor, wanted: Mapping[str, Any]) -> Said | None:
    """Mostly somebody who has not decided: whoever has is not revoked."""
    current = actor.truth.approvals.current_round(TENANT, actor.campaign_id)
    if current is None or not wanted["silent"]:
        return _one(actor, wanted)
    said = {each.approver_id for each in actor.truth.approvals.decisions(TENANT, actor.campaign_id, current.n)}
    left = [each.email for each in current.approvers if not each.revoked and each.id not in said]
    return {"approver": left[wanted["who"] % len(left)]} if left else _one(actor, wanted)


def _successor(actor: Actor, wanted: Mapping[str, Any]) -> Said | None:
    person, new = _one(actor, wanted), actor._task["id"]
    return {**person, "name": f"Successor {new}", "email": f"s{new}@example.com"} if person else None


def _same(actor: Actor, wanted: Mapping[str, Any]) -> Said | None:
    person = _one(actor, wanted)
    return {**person, "name": "", "email": ""} if person else None


def _in_place_of(actor: Actor, wanted: Mapping[str, Any]) -> Said | None:
    person = _asked(actor, wanted["who"]) if wanted["for_one"] else ""
    if person is None:
        return None
    return {"decision": Decision(wanted["decision"]), "comment": f"As said in {actor._task['id']}.", "approver": person}


def _words(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    posts = actor.truth.posts.list(TENANT, actor.campaign_id)
    before = next(post.content.text for post in posts if post.number == wanted["post"] and post.content)
    letters = "".join(chr(ord("a") + int(digit)) for digit in actor._task["id"])  # a number would want a source
    return {"post": wanted["post"], "text": f"{before.partition(' So says')[0]} So says {letters}."}


def _again(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    return {"posts": str(wanted["post"]), "comment": f"Say it as {actor._task['id']} would."}


def _nothing_more(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    return {}


# --- what machines do ------------------------------------------------------------------------------------------------


def sweep(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    """Housekeeping: end what is over, remind who has not decided."""
    actor.begin({})
    return {"result": "ok", "done": dict(expire_and_remind(actor.store, actor.now))}


def give_up(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    """Housekeeping: end a campaign of which nobody hears any more."""
    actor.begin({})
    campaign = actor.store.campaigns.get(TENANT, actor.campaign_id)
    ended = fail(actor.store, campaign, code="QUARANTINED", message="nothing helps", retryable=True, now=actor.now)
    return {"result": "ok", "ended": str(ended.status)}


def run(actor: Actor, wanted: Mapping[str, Any]) -> Said:
    """The body of the flow, from its first line to its pause or its end, with the lease of its campaign."""
    actor.begin({})
    store, now, id_ = actor.store, actor.now, actor.campaign_id
    lease = store.leases.acquire(TENANT, id_, owner=f"run:{actor._task['id']}", now=now, ttl=LEASE)
    try:
        return {"result": "ok", "ended": _body(store, id_, lease, now)}
    finally:
        store.leases.release(lease)


def _body(store: Store, id_: str, fence: Lease, now: datetime) -> str:
    _write(store, [post for post in store.posts.list(TENANT, id_) if post.status is PostStatus.GENERATING], fence)
    n = round_to_ask(store, TENANT, id_)
    open_round(store, TENANT, id_, n, default_approver=ANA, now=now, fence=fence)
    while (came_to := outcome(store, TENANT, id_, n, now=now)) in {Outcome.NEEDS_REVISION, Outcome.PASSED_ON}:
        if came_to is Outcome.NEEDS_REVISION:
            asked = start_revision(store, TENANT, id_, n, now=now, fence=fence)
            if not asked:
                break
            seen = store.approvals.round(TENANT, id_, n).posts
            _write(store, [post for post in asked if post.content_hash() == seen[post.id]], fence, later=1)
        n += 1
        open_round(store, TENANT, id_, n, default_approver=ANA, now=now, fence=fence)
    if came_to is None:
        return "waits"
    return str(apply(store, TENANT, id_, n, came_to, now=now, fence=fence).status)


def _write(store: Store, posts: Sequence[Post], fence: Lease, later: int = 0) -> None:
    for post in posts:
        assert post.content is not None
        revision = post.revision + later
        named = f"{chr(96 + post.number)} in revision {chr(96 + revision)}"  # a number would want a source
        words = post.content.model_copy(update={"text": f"These are the words of post {named}."})
        written = {"content": words, "revision": revision, "status": PostStatus.COMPLETED}
        store.posts.save_revision(post.model_copy(update=written), fence=fence)


ACTS: Mapping[str, Callable[[Actor, Mapping[str, Any]], Said]] = {
    "decide": decide,
    "stale": decide,
    "own_words": change_words,
    "own_time": change_time,
    "page": on_the_page,
    "replay": replay,
    "undo": take_back,
    "revoke": _order(acts.revoke, _who_is_silent),
    "replace": _order(acts.replace, _successor),
    "renew": _order(acts.replace, _same),
    "extend": _order(acts.extend, lambda _, wanted: {"hours": wanted["hours"]}),
    "edit": _order(acts.edit, _words),
    "reopen": _order(operate.reopen, _nothing_more),
    "retry": _order(operate.retry, _nothing_more),
    "cancel": _order(acts.cancel, _nothing_more),
    "resend": _order(acts.resend, _nothing_more),
    "regenerate": _order(operate.regenerate, _again),
    "decide_for": _order(acts.decide_for, _in_place_of),
    "sweep": sweep,
    "fail": give_up,
    "run": run,
}


# --- the process ------------------------------------------------------------------------------------------------


def be_an_actor(director: Connection, client_of: Callable[[], Any] | None) -> None:
    logging.disable(logging.CRITICAL)
    Actor(director, client_of() if client_of else None).work()


def warm_up() -> None:
    """Do everything once, so that an actor has done it when it begins."""
    logging.disable(logging.CRITICAL)
    aws_session().client("dynamodb", endpoint_url=BASE)
    with tempfile.TemporaryDirectory() as folder:
        table = SQLiteTable(Path(folder) / "store.db")
        id_ = put_on_stage(table, "warm-up", {}, "marta@fernwood.example")
        here = _Silent()
        actor = Actor(here, None)  # type: ignore[arg-type]
        task = {"place": f"sqlite:{folder}/store.db", "campaign": id_, "trouble": None, "id": "0", "reason": "none"}
        task["now"] = "2027-03-08T11:00:00+00:00"
        who = {
            "who": 0,
            "post": 1,
            "decision": "approved",
            "right_code": True,
            "digest": True,
            "single": False,
            "attempt": True,
        }
        for kind in ("run", "edit", "page"):
            actor._do({**task, "kind": kind, "with": who})


class _Silent:
    """A director who hears nothing."""

    def send(self, _: object) -> None:
        return
