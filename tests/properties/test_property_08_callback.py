"""Property 8: a callback decides once, is told truthfully and resumes the run.

A campaign waits on the machine, its run suspended in Prefect. Ana and Ben answer by the links in their mails, by the
form behind Prefect's Resume, twice, in contradiction, with links that were replaced, about words that were edited
since, while the store or Prefect does not answer. What each must be told, what must be kept, and what becomes of the
run is written down here by hand.

Many more orders of the same acts, without a run: `tests/approvals/test_callback_model.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from prefect.client.schemas.responses import SetStateStatus

from campaigns.operations import acts
from campaigns.operations.acts import By
from deployments.local.mail import newest_link
from tasks.upkeep import operate
from tests.properties.machine import TENANT, Fault, Machine, Mail

ANA, BEN = "ana@fernwood.example", "ben@fernwood.example"
NAMES = {ANA: "Ana Duarte", BEN: "Ben Okoro"}
WHY = "Please say it in other words."
OLGA = By("Olga", "a test orders it")

Who = str
Answer = Literal["approved", "rejected", "needs_revision"]


@dataclass(frozen=True)
class Says:
    """Somebody answers by a link: the newest or the first that they were sent, and with or without saying about what.

    `trouble`: the store does not answer, before or after it has done its part; or Prefect does not.
    """

    who: Who
    answer: Answer
    link: Literal["newest", "first"] = "newest"
    about: Literal["as the link", "as shown now"] = "as the link"
    trouble: Fault | None = None


@dataclass(frozen=True)
class Types:
    """Somebody answers in the form behind Resume, under their name, about the words that the form was made for."""

    who: Who
    answer: Answer


@dataclass(frozen=True)
class Repeats:
    """The last answer that was taken is sent once more."""


@dataclass(frozen=True)
class Replaces:
    """An operator makes somebody's link worthless and has another one sent."""

    who: Who


@dataclass(frozen=True)
class Edits:
    """An operator gives the post other words."""


@dataclass(frozen=True)
class Wakes:
    """Somebody presses Resume, and decides nothing."""


@dataclass(frozen=True)
class Opens:
    """Somebody, or a scanner of mails, opens the newest link."""


@dataclass(frozen=True)
class Forges:
    """Somebody tries a link with one part that is not ours."""

    part: Literal["signature", "nonce", "callback"]


Act = Says | Types | Repeats | Replaces | Edits | Wakes | Opens | Forges
people: st.SearchStrategy[Who] = st.sampled_from([ANA, ANA, BEN])
answers: st.SearchStrategy[Answer] = st.sampled_from(["approved", "approved", "rejected", "needs_revision"])
troubles = st.none() | st.sampled_from(
    [Fault("store", 1, "away"), Fault("store", 1, "lost"), Fault("prefect", 1, "away"), Fault("prefect", 1, "lost")]
)
says = st.builds(
    Says, people, answers, st.sampled_from(["newest", "newest", "first"]),
    st.sampled_from(["as the link", "as shown now"]), troubles,
)  # fmt: skip
things_done: st.SearchStrategy[Act] = st.one_of(
    says,
    says,
    says,
    st.builds(Types, people, answers),
    st.builds(Repeats),
    st.builds(Replaces, people),
    st.builds(Edits),
    st.builds(Edits),
    st.builds(Wakes),
    st.builds(Opens),
    st.builds(Forges, st.sampled_from(["signature", "nonce", "callback"])),
)

ENDS = {"approved": ("completed", "Approved"), "rejected": ("rejected", "Rejected")}


def outcome_of(quorum: str, said: dict[str, str]) -> str | None:
    """Return what answers come to: one is enough, or all are needed, and then the strictest counts; a no ends it."""
    if "rejected" in said.values():
        return "rejected"
    if len(said) < (1 if quorum == "any" else 2):
        return None
    return "needs_revision" if "needs_revision" in said.values() else "approved"


@dataclass
class Desk:
    """Ana, Ben, an operator, and a note of what must have come of all they did in this round."""

    machine: Machine
    campaign: str
    quorum: str
    n: int = 1
    said: dict[str, str] = field(default_factory=dict)
    """Who is on record, with which answer."""
    links: dict[str, list[tuple[Mail, str, int]]] = field(default_factory=lambda: {ANA: [], BEN: []})
    """The links of each, in the order in which they came: with the words they were sent about, and their generation."""
    generation: dict[str, int] = field(default_factory=lambda: {ANA: 0, BEN: 0})
    last: tuple[Mail, dict[str, Any]] | None = None
    edits: int = 0
    form: str = ""
    """The digest of the words that the form behind Resume is about: those shown when the run went to wait."""
    seen: int = 0
    callbacks: set[str] = field(default_factory=set)

    @property
    def outcome(self) -> str | None:
        return outcome_of(self.quorum, self.said)

    def round(self) -> dict[str, Any]:
        [found] = [each for each in self.machine.raw.of(self.campaign, "round") if each["n"] == self.n]
        return found

    def collect(self) -> None:
        """Take the new mails out of the boxes."""
        mails = self.machine.mails(self.campaign)
        for mail in mails[self.seen :]:
            for who in (ANA, BEN):
                if who in mail.to and mail.token and mail.callback_id == self.round()["callbackId"]:
                    self.links[who].append((mail, self.round()["digest"], self.generation[who]))
        self.seen = len(mails)

    def do(self, act: Act) -> None:
        match act:
            case Says():
                self._say(act)
            case Types():
                self._type(act)
            case Repeats() if self.last is not None:
                before = self._record()
                told = self.post(*self.last)
                assert (told.status_code, told.json()["repeated"]) == (200, True)
                assert self._record() == before
            case Replaces(who) if who not in self.said and self.outcome is None:
                self._order(lambda store, found, now: acts.replace(store, found, OLGA, now, approver=who))
                self.generation[who] += 1
            case Edits() if not self.said:
                self.edits += 1
                [post] = self.machine.posts(self.campaign)  # words that no check holds, and a little more
                text = f"{post['content']['text']} We roast {'and roast ' * self.edits}."
                self._order(lambda store, found, now: acts.edit(store, found, OLGA, now, post=1, text=text))
            case Wakes() if self.outcome is None:
                self._resume({"decision": "look_again"})
            case Opens():
                self._open()
            case Forges():
                self._forge(act)
            case _:
                return
        self.collect()
        self.holds()

    def _say(self, act: Says) -> None:
        mail, about, generation = self.links[act.who][0 if act.link == "first" else -1]
        about = self.round()["digest"] if act.about == "as shown now" else about
        body = {
            "decision": act.answer,
            "callbackId": mail.callback_id,
            "comments": WHY if act.answer != "approved" else "",
        }
        body |= {"digest": about} if act.about == "as shown now" else {}
        before = self._record()
        told = self.post(mail, body, *([act.trouble] if act.trouble else []))
        expected = self._expected(act, about, generation)
        if expected == 200 and act.who not in self.said and act.trouble is not None and act.trouble.place == "store":
            # The store did not answer: nobody may say that it is recorded, or that it is not.
            assert told.status_code == 503
            if act.trouble.kind == "lost":
                self.said[act.who] = act.answer
            else:
                assert self._record() == before
            told = self.post(mail, body)
            assert told.status_code == 200
            assert told.json()["repeated"] == (act.trouble.kind == "lost")
        else:
            assert told.status_code == expected, told.text
        if expected != 200:
            assert self._record() == before, "what was refused was recorded"
            if told.json()["errorCode"] == "STALE_REVIEW":
                assert told.json()["details"]["digest"] == self.round()["digest"]
            event(f"told {told.json()['errorCode']}")
            return
        self.said[act.who] = act.answer
        self.last = mail, body
        assert told.json().get("outcome") == self.outcome
        assert (told.json()["decision"], told.json()["decidedBy"]) == (act.answer, NAMES[act.who])

    def _expected(self, act: Says, about: str, generation: int) -> int:
        """Return the status that an answer must get, by what is on record."""
        replaced = generation != self.generation[act.who]
        newer = len(self.machine.raw.of(self.campaign, "round")) > self.n
        if act.who in self.said:
            return 410 if replaced else 200 if self.said[act.who] == act.answer else 409
        if replaced or newer:
            return 410
        if self.outcome is not None or about != self.round()["digest"]:
            return 409
        return 200

    def post(self, mail: Mail, body: dict[str, Any], *faults: Fault) -> Any:
        headers = {"Authorization": f"Bearer {mail.token}"}
        path = f"/campaigns/{self.campaign}/approve"
        return self.machine.http("POST", path, json=body, headers=headers, faults=faults)

    def _type(self, act: Types) -> None:
        if self.outcome is not None:
            return
        round_ = self.round()
        typed = {
            "decision": act.answer, "decided_by": NAMES[act.who], "decide_as": "approver",
            "comments": WHY if act.answer != "approved" else "", "round": round_["n"], "digest": self.form,
        }  # fmt: skip
        if act.who not in self.said and self.form == round_["digest"]:  # else it asks anew, about the words of now
            self.said[act.who] = act.answer
        self._resume(typed)

    def _resume(self, typed: dict[str, Any]) -> None:
        """Send the form of the pause, and let the run go on as far as it can."""
        run_id = self.machine.run_id(self.campaign)
        assert run_id is not None
        told = self.machine.prefect.resume_flow_run(run_id, run_input=typed)
        assert told.status is SetStateStatus.ACCEPT, told
        self.machine.run(self.campaign)
        self.form = self.round()["digest"]

    def _order(self, act: Any) -> None:
        operate.carry_out.fn(TENANT, self.campaign, act)

    def _open(self) -> None:
        before = self._record()
        link = newest_link(self.machine.home / "mail", self.campaign)
        assert link is not None
        parts = urlsplit(link)
        answer = self.machine.client.get(f"{parts.path}?{parts.query}", follow_redirects=False)
        assert answer.status_code == 303
        self.machine.client.cookies.clear()
        assert self._record() == before, "opening a link decided something"

    def _forge(self, act: Forges) -> None:
        before = self._record()
        mail, _, _ = self.links[ANA][-1]
        body = {"decision": "approved", "callbackId": mail.callback_id}
        match act.part:
            case "signature":
                end = "A" if mail.token[-2] != "A" else "B"
                forged = Mail(mail.to, mail.subject, mail.callback_id, mail.token[:-2] + end + mail.token[-1])
                assert self.post(forged, body).status_code == 401
            case "callback":
                assert self.post(mail, body | {"callbackId": "another-callback-of-somebody"}).status_code in {404, 422}
            case "nonce":
                address = f"/approve/{mail.callback_id}?token={mail.token}&nonce={'0' * 32}"
                answer = self.machine.client.get(address, follow_redirects=False)
                assert answer.status_code == 404
                assert "set-cookie" not in answer.headers
        assert self._record() == before

    def _record(self) -> list[dict[str, Any]]:
        """Return what is on record about decisions and rounds."""
        return [*self.machine.raw.of(self.campaign, "decision"), *self.machine.raw.of(self.campaign, "round")]

    def holds(self) -> None:
        """What is on record is what was taken; the round is as that comes to; and the run waits while nothing does."""
        people = {each["id"]: each["email"] for each in self.round()["approvers"]}
        found = [each for each in self.machine.raw.of(self.campaign, "decision") if each["round"] == self.n]
        assert {people[each["approverId"]]: each["decision"] for each in found} == self.said
        assert len(found) == len(self.said)
        assert all(each["digest"] == self.round()["digest"] for each in found), "decided about other words"
        assert self.round().get("outcome") == self.outcome
        assert self.round()["status"] == ("pending" if self.outcome is None else "decided")
        if self.outcome is None:
            self.is_suspended()

    def is_suspended(self) -> None:
        """The run waits: suspended, and no process holds its campaign."""
        state = self.machine.run_state(self.campaign)
        assert state is not None
        assert state.name == "Suspended"
        assert self.machine.status(self.campaign) == "awaiting_review"
        [lease] = [each for each in self.machine.raw.items("lease") if each["pk"].endswith(f"#{self.campaign}")]
        assert lease["owner"] == "", "a process waits with the run"

    def asks_again(self) -> None:
        """The run has gone on with what was asked for: other words, a new round, and links of its own."""
        self.n += 1
        self.said, self.last = {}, None
        self.invited()
        self.holds()
        assert [post["revision"] for post in self.machine.posts(self.campaign)] == [self.n - 1 + self.edits]
        texts = [each["content"]["text"] for each in self.machine.raw.of(self.campaign, "revision")]
        assert len(set(texts)) == len(texts) == self.n + self.edits, "the same words are shown again"

    def invited(self) -> None:
        """Both have got a link of their own, which nobody else has and no round had before."""
        self.links = {ANA: [], BEN: []}
        self.generation, self.seen = {ANA: 0, BEN: 0}, 0
        self.collect()
        round_ = self.round()
        self.form = round_["digest"]
        assert all(len(found) == 1 for found in self.links.values())
        [ana], [ben] = self.links[ANA], self.links[BEN]
        assert ana[0].callback_id == ben[0].callback_id == round_["callbackId"]
        assert ana[0].token != ben[0].token
        assert round_["callbackId"] not in self.callbacks
        self.callbacks.add(round_["callbackId"])


@pytest.mark.property(8, "a callback decides once, is told truthfully and resumes the run")
@settings(max_examples=100, deadline=None)
@given(quorum=st.sampled_from(["any", "all", "all"]), things=st.lists(things_done, min_size=1, max_size=4))
@example(quorum="any", things=[Wakes(), Opens(), Says(ANA, "needs_revision"), Says(BEN, "approved")])
@example(quorum="any", things=[Replaces(ANA), Says(ANA, "approved", "first"), Says(ANA, "rejected")])
@example(quorum="all", things=[Edits(), Says(ANA, "approved", "first"), Says(ANA, "approved", "first", "as shown now")])
@example(quorum="all", things=[Says(ANA, "approved"), Says(ANA, "rejected"), Repeats(), Types(BEN, "approved")])
@example(quorum="any", things=[Edits(), Types(ANA, "rejected"), Types(BEN, "approved")])
@example(quorum="all", things=[Says(ANA, "approved", trouble=Fault("store", 1, "lost")), Says(BEN, "rejected")])
@example(quorum="any", things=[Forges("signature"), Forges("nonce"), Forges("callback"), Opens()])
@example(quorum="any", things=[Says(BEN, "approved", trouble=Fault("prefect", 1, "away")), Repeats()])
@example(quorum="any", things=[Says(BEN, "rejected", trouble=Fault("prefect", 1, "away"))])
def test_a_callback_decides_once_is_told_truthfully_and_resumes_the_run(
    machine: Machine, quorum: str, things: list[Act]
) -> None:
    """**Feature: campaign-orchestration-durable, Property 8: Callback workflow consistency**

    *For any* approval workflow, the system should create callbacks with unique URLs, suspend execution, and resume
    with approval decisions when callbacks are submitted.
    **Validates: Requirements 5.1, 5.2, 5.3, 5.4, 5.5**
    """
    machine.fresh()
    approvers = [{"name": NAMES[who], "email": who} for who in (ANA, BEN)]
    approval = {"approvers": approvers, "quorum": quorum, "expiresInHours": 72}
    campaign = machine.submit(machine.brief(1, approval=approval))
    machine.run(campaign)
    machine.settle(campaign)
    desk = Desk(machine, campaign, quorum)
    desk.invited()
    desk.holds()
    for thing in things:
        desk.do(thing)
    for who in (ANA, BEN):  # whoever has not answered does now
        if desk.outcome is None and who not in desk.said:
            desk.do(Says(who, "approved", about="as shown now"))
    event(f"{quorum}: {desk.outcome}")
    if desk.outcome == "needs_revision":
        first, said = desk.links, desk.said
        machine.settle(campaign)
        desk.asks_again()
        for who, sent in first.items():  # and the links of before decide nothing any more
            told = desk.post(sent[-1][0], {"decision": "approved", "callbackId": sent[-1][0].callback_id})
            assert told.status_code in ({200} if said.get(who) == "approved" else {409, 410}), told.text
            desk.holds()
            if desk.outcome is None:
                desk.do(Says(who, "approved"))
    assert desk.outcome in ENDS
    shown = machine.posts(campaign)

    machine.settle(campaign)

    status, run = ENDS[desk.outcome]
    assert machine.status(campaign) == status
    state = machine.run_state(campaign)
    assert state is not None
    assert state.name == run
    [post] = machine.posts(campaign)
    assert post["content"] == shown[0]["content"], "other words go out than were decided on"
    assert post["review"]["state"] == desk.outcome
    desk.holds()
