"""The recount of the stress program is not blind: whatever is changed in the raw items of a good campaign, it sees."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.approvals import recount
from tests.approvals.check import Plan
from tests.approvals.stress import on_sqlite, settings

BEGIN = datetime(2027, 3, 8, 12, tzinfo=UTC)
NOW = BEGIN + timedelta(days=1)
Body = dict[str, Any]


def played(terms: Body, told: list[tuple[str, Body]]) -> tuple[list[recount.Item], list[Body]]:
    """Return what is stored of a campaign, and the acts that were carried out on it, one after the other."""
    from tests.approvals.stress_acts import Actor, open_table, put_on_stage, the_app

    class Nobody:
        prepared: Body

        def send(self, told: tuple[str, Body]) -> None:
            if told[0] == "prepared":
                self.prepared = told[1]

    with settings() as folder:
        place, heard = f"sqlite:{folder}/store.db", Nobody()
        id_ = put_on_stage(open_table(place), "story", terms, "marta@fernwood.example")
        the_app.cache_clear()  # it holds the keys of the settings that it was made by
        actor, acts = Actor(heard, None), []  # type: ignore[arg-type]
        said = {"decision": "approved", "digest": True, "attempt": True, "single": False, "who": 0, "for_one": True}
        said["silent"] = False
        for number, (kind, more) in enumerate(told, start=1):
            wanted = {**said, **more}
            if kind == "undo":
                wanted["link"] = acts[-1]["prepared"]
            now = BEGIN + timedelta(minutes=10 * number, microseconds=number)
            now -= timedelta(minutes=9, seconds=30) * (kind == "undo")
            task = {"id": f"{number:05d}", "kind": kind, "campaign": id_, "place": place, "reason": f"order {number}"}
            task |= {"now": now.isoformat(timespec="microseconds"), "trouble": None, "with": wanted}
            heard.prepared = {}
            answer = actor._do(task)
            done = {"began": 2 * number, "ended": 2 * number + 1, "said": answer, "result": answer["result"]}
            acts.append({**task, **done, "prepared": {"minted": 2 * number, **heard.prepared}})
        assert [act["result"] for act in acts] == ["ok"] * len(acts), acts
        return recount.items_of_sqlite(folder / "store.db"), acts


@pytest.fixture(scope="module")
def story() -> tuple[list[recount.Item], list[Body]]:
    """A campaign from its first round to its end, as items and acts: a revoked and a replaced approver, two rounds."""
    people = [{"name": f"Approver {n}", "email": f"a{n}@example.com"} for n in (1, 2, 3)]
    terms = {"approvers": people, "quorum": "all", "settle_seconds": 60, "require_otp": False}
    told = [
        ("run", {}), ("revoke", {"who": 2}), ("replace", {"who": 1}), ("decide", {}),
        ("decide", {"who": 1, "decision": "needs_revision", "single": True}), ("undo", {}),
        ("decide", {"who": 1, "decision": "needs_revision", "single": True}), ("run", {}),
        ("edit", {"post": 1}), ("decide", {}), ("decide", {"who": 1}), ("decide", {"who": 2}), ("run", {}),
    ]  # fmt: skip
    return played(terms, told)


def found(items: list[recount.Item], acts: list[Body]) -> list[str]:
    (mine,) = recount.by_campaign(items).values()
    return recount.violations(mine, acts, at_the_end=True, now=NOW)


def test_a_good_story_has_nothing_to_find(story: tuple[list[recount.Item], list[Body]]) -> None:
    assert found(*story) == []


def _round(n: int, **changes: Any) -> Callable[[str, Body], Body | None]:
    return lambda kind, body: body | changes if kind == "round" and body["n"] == n else body


def _without(kind_: str, **which: Any) -> Callable[[str, Body], Body | None]:
    return lambda kind, body: None if kind == kind_ and which.items() <= body.items() else body


def _revoked_no_more(kind: str, body: Body) -> Body:
    if kind == "round" and body["n"] == 1:
        return body | {"approvers": [each | {"revoked": False} for each in body["approvers"]]}
    return body


def _asked_again(kind: str, body: Body) -> Body:
    if kind == "round" and body["n"] == 2:
        return body | {"approvers": [each | {"email": "a2@example.com"} for each in body["approvers"][:1]]}
    return body


def _other_words(kind: str, body: Body) -> Body:
    if kind == "post" and body["number"] == 2:
        return body | {"content": body["content"] | {"text": "Nobody has read this."}}
    return body


def _other_time(kind: str, body: Body) -> Body:
    return body | {"at": "2027-03-08T12:00:00Z"} if kind == "audit" and body["seq"] == 5 else body


def _failed_while_it_was_asked(kind: str, body: Body) -> Body:
    opened = kind == "audit" and body["action"] == "moved" and body["toStatus"] == "awaiting_review"
    return body | {"toStatus": "failed"} if opened else body


def _withdrawn(kind: str, body: Body) -> Body:
    return body | {"doneAt": "2027-03-08T12:00:00Z"} if kind == "outbox" and body["kind"] == "ring" else body


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_round(1, status="pending"), "are open, the latest is 2"),
        (_round(2, status="pending"), "is complete (approved) and open"),
        (_round(2, status="pending"), "the campaign is completed, and round 2 is open"),
        (_round(2, outcome="rejected"), "was closed as rejected, its voices come to approved"),
        (_round(2, digest="0" * 64), "decided about something else"),
        (_without("decision", round=1, approverId="ap-1"), "decision was acknowledged, and is lost"),
        (_without("decision", round=2), "no standing voice approved these words"),
        (_without("audit", seq=9), "the chain is broken"),
        (_revoked_no_more, "round 1: revoked is []"),
        (_asked_again, "asks a2@example.com, who was replaced before"),
        (_other_words, "what is stored is not what the last round showed"),
        (_other_words, "goes out in words that the last round did not show"),
        (_other_time, "the chain is broken"),
        (_failed_while_it_was_asked, "decided on a campaign that was failed"),
        (_failed_while_it_was_asked, "took back what was said on a campaign that was failed"),
        (_failed_while_it_was_asked, "words changed on a campaign that was failed"),
        (_withdrawn, "no bell waits for its run"),
    ],
)
def test_what_is_changed_in_the_items_is_seen(
    story: tuple[list[recount.Item], list[Body]], change: Callable[[str, Body], Body | None], words: str
) -> None:
    items, acts = story

    assert words in "\n".join(found(_changed(items, change), acts))


def _changed(items: list[recount.Item], change: Callable[[str, Body], Body | None]) -> list[recount.Item]:
    changed = []
    for item in items:
        body = change(str(item["kind"]), json.loads(item["body"])) if item.get("body") else {}
        if body is not None:
            changed.append({**item, **({"body": json.dumps(body)} if item.get("body") else {})})
    return changed


def _nobody_asked_for_it(act: Body) -> Body:
    return act | {"now": "2027-03-08T11:00:00.000000+00:00"} if act["kind"] == "decide" else act


def _saw_something_else(act: Body) -> Body:
    return act | {"prepared": act["prepared"] | {"shown": "0" * 64}}


def _refused(act: Body) -> Body:
    return act | {"result": "refused"}


def _not_done(act: Body) -> Body:
    return act | {"reason": "another"} if act["kind"] == "revoke" else act


def _the_same_answer(act: Body) -> Body:
    return act | {"prepared": act["prepared"] | {"answer": "the same"}} if act["kind"] == "decide" else act


def _an_old_link(act: Body) -> Body:
    return act | {"prepared": act["prepared"] | {"minted": 1}} if act["kind"] == "decide" else act


def _the_link_of_before(act: Body) -> Body:
    replaced_by = {"replacedBy": "00003"} if act["kind"] == "decide" else {}
    return act | {"prepared": act["prepared"] | replaced_by}


def _refused_while_others_are_left(act: Body) -> Body:
    return act | {"result": "refused", "said": {"code": "CONFLICT"}} if act["kind"] == "revoke" else act


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_nobody_asked_for_it, "nobody had asked for it"),
        (_saw_something_else, "was shown 00000000"),
        (_refused, "revoke was refused (None), and left ['link_revoked']"),
        (_not_done, "revoke was done, and stands 0 times in the audit"),
        (_the_same_answer, "was taken back, and recorded anew"),
        (_an_old_link, "decided with a link that was replaced"),
        (_the_link_of_before, "decided with a link that was replaced"),
        (_refused_while_others_are_left, "though ap-1, ap-2 could decide"),
    ],
)
def test_what_is_not_what_was_asked_for_is_seen(
    story: tuple[list[recount.Item], list[Body]], change: Callable[[Body], Body], words: str
) -> None:
    items, acts = story

    assert words in "\n".join(found(items, [change(act) for act in acts]))


def _act(kind: str, began: float, result: str, **prepared: Any) -> Body:
    """An act that nobody did, from a moment of the story: its acts begin at 2, 4, 6…, and are over at 3, 5, 7…"""
    now = (BEGIN + timedelta(hours=9)).isoformat(timespec="microseconds")
    act = {"id": "99", "kind": kind, "now": now, "reason": "order 99", "began": began, "ended": began + 0.2}
    return {**act, "result": result, "prepared": prepared, "said": {"code": "CONFLICT", "why": "nobody is left"}}


def test_a_revocation_that_would_complete_the_round_may_not_be_refused(
    story: tuple[list[recount.Item], list[Body]],
) -> None:
    items, acts = story
    early = {each["now"]: each for each in acts}
    refused = _act("revoke", 23.4, "refused", who="ap-3", round=2)  # two of three have decided in round 2
    refused["now"] = (BEGIN + timedelta(minutes=115)).isoformat(timespec="microseconds")
    assert refused["now"] not in early

    (told,) = found(items, [*acts, refused])

    assert told == "act 99: revoke was refused (nobody is left), though everybody left had decided"
    assert found(items, [*acts, refused | {"began": 21.4, "ended": 25.6}]) == []  # a third decided meanwhile


@pytest.mark.parametrize(
    ("who", "began", "decision", "right"),
    [
        ("ap-1", 9.2, "approved", True),
        ("ap-1", 7.2, "approved", False),  # nothing had been said by then
        ("ap-1", 9.2, "rejected", False),
        ("ap-3", 9.2, "approved", False),  # another one had said so
        ("ap-2", 13.2, "needs_revision", False),  # it had been taken back
    ],
)
def test_what_is_decided_for_somebody_stood_already_or_is_recorded(
    story: tuple[list[recount.Item], list[Body]], who: str, began: float, decision: str, right: bool
) -> None:
    items, acts = story
    told = found(items, [*acts, _act("decide_for", began, "ok", who=who, round=1, given={"decision": decision})])

    assert told == ([] if right else ["act 99: decide_for was done, and stands 0 times in the audit"])


@pytest.mark.parametrize(("settle", "right"), [(180, True), (600, False)])
def test_a_revocation_that_completes_a_round_settles_with_the_last_voice_that_stands(settle: int, right: bool) -> None:
    at = [(BEGIN + timedelta(minutes=minute)).isoformat() for minute in range(9)]
    said = {"decision": "approved", "digest": "d", "channel": "operator"}
    done: list[tuple[str, str, Body]] = [
        ("flow", "round_opened", {"digest": "d"}),
        ("ap-2", "decided", said),
        ("ap-2", "commented", {}),
        ("ap-1", "decided", {**said, "outcome": "approved"}),
        ("ap-1", "undone", {}),
        ("olga", "link_revoked", {"approver": "ap-1", "outcome": "approved"}),
        ("flow", "moved", {}),
    ]
    audit = [
        {"seq": n, "at": at[n], "actor": actor, "action": action, "round": 1, "details": details}
        | ({"fromStatus": "awaiting_review", "toStatus": "approved"} if action == "moved" else {})
        for n, (actor, action, details) in enumerate(done)
    ]
    round_ = {"approvers": [{"id": "ap-1", "email": "", "name": ""}, {"id": "ap-2", "email": "", "name": ""}]}
    told = recount.Told(
        {"approval": {"settleSeconds": settle}}, {1: round_ | {"expiresAt": at[8]}}, {}, {}, audit, None, []
    )

    assert recount.Trail(told, []).found == (
        [] if right else ["audit 6: round 1 took effect while it could be taken back"]
    )


@pytest.mark.parametrize(("failed", "right"), [(True, True), (False, False)])
def test_a_round_takes_effect_again_only_where_the_campaign_failed_before_anything_went_out(
    failed: bool, right: bool
) -> None:
    moves = [
        ("awaiting_review", "approved"),
        *([("approved", "failed"), ("failed", "generating")] if failed else [("approved", "generating")]),
        ("generating", "awaiting_review"),
        ("awaiting_review", "approved"),
    ]
    done: list[tuple[str, str, Body]] = [
        ("flow", "round_opened", {"digest": "d"}),
        ("ap-1", "decided", {"decision": "approved", "digest": "d", "channel": "operator", "outcome": "approved"}),
    ]
    at = [(BEGIN + timedelta(minutes=minute)).isoformat() for minute in range(9)]
    audit: list[Body] = [
        {"at": at[n], "actor": actor, "action": action, "round": 1, "details": details}
        for n, (actor, action, details) in enumerate(done)
    ]
    audit += [
        {"at": at[2], "action": "moved", "round": 1, "fromStatus": before, "toStatus": after} for before, after in moves
    ]
    audit = [{"seq": n, **entry} for n, entry in enumerate(audit)]
    round_ = {"approvers": [{"id": "ap-1", "email": "", "name": ""}], "expiresAt": at[8]}
    told = recount.Told({"approval": {}}, {1: round_}, {}, {}, audit, None, [])

    assert [each for each in recount.Trail(told, []).found if "twice" in each] == (
        [] if right else ["audit 5: round 1 took effect twice: ['approved'], approved"]
    )


@pytest.fixture(scope="module")
def in_stages() -> tuple[list[recount.Item], list[Body]]:
    """Two stages, and the second one rewrites a post and moves another: so the first is asked again about these."""
    people = [
        [{"name": f"Stage {stage} {n}", "email": f"s{stage}a{n}@example.com"} for n in (1, 2)] for stage in (1, 2)
    ]
    stages = [
        {"name": f"Stage {n}", "approvers": each, "quorum": "all", "expiresInHours": 48}
        for n, each in enumerate(people, start=1)
    ]
    terms = {"stages": stages, "allow_edits": True, "allow_moves": True}
    told = [
        ("run", {}), ("decide", {}), ("decide", {"who": 1}), ("run", {}),
        ("own_words", {"post": 1}), ("own_time", {"who": 1, "post": 2}), ("decide", {}), ("run", {}),
        ("decide", {}), ("decide", {"who": 1}), ("run", {}),
    ]  # fmt: skip
    return played(terms, told)


def test_a_good_story_in_stages_has_nothing_to_find(in_stages: tuple[list[recount.Item], list[Body]]) -> None:
    items, acts = in_stages

    assert found(items, acts) == []
    bodies = [json.loads(item["body"]) for item in items if item["kind"] in {"round", "campaign"}]
    assert [each["status"] for each in bodies if "n" not in each] == ["completed"]
    assert sorted((each["n"], each["stage"]["n"]) for each in bodies if "n" in each) == [(1, 1), (2, 2), (3, 1)]


def _stage_of_round(n: int, stage: int) -> Callable[[str, Body], Body | None]:
    return lambda kind, body: (
        body | {"stage": body["stage"] | {"n": stage}} if kind == "round" and body["n"] == n else body
    )


def _they_may_not(kind: str, body: Body) -> Body:
    if kind != "campaign":
        return body
    terms = {name: value for name, value in body["approval"].items() if not name.startswith("allow")}
    return body | {"approval": terms}


def _of_the_words_before(kind: str, body: Body) -> Body:
    if kind == "decision" and body["round"] == 2 and "completes" not in body:
        return body | {"words": dict.fromkeys(body["words"], "0" * 64)}
    return body


def _late(kind: str, body: Body) -> Body:
    return body | {"decidedAt": "2027-05-30T09:00:00Z"} if kind == "round" and body["n"] == 3 else body


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_stage_of_round(3, 2), "no standing voice approved these words in Stage 1"),
        (_without("decision", round=3), "no standing voice approved these words in Stage 1"),
        (_they_may_not, "changed words, and may not"),
        (_of_the_words_before, "round 2 was closed as approved, its voices come to None"),
        (_late, "was due before its campaign was approved"),
    ],
)
def test_what_is_wrong_in_stages_and_with_own_words_is_seen(
    in_stages: tuple[list[recount.Item], list[Body]], change: Callable[[str, Body], Body | None], words: str
) -> None:
    items, acts = in_stages

    assert words in "\n".join(found(_changed(items, change), acts))


def test_the_recount_shares_nothing_with_the_product() -> None:
    tree = ast.parse(Path(recount.__file__).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }

    assert imported.isdisjoint({"api", "campaigns", "deployments", "flows", "tasks", "tests"})


@pytest.mark.system
def test_what_several_processes_did_at_once_is_well() -> None:
    row = on_sqlite(Plan(campaigns=25))

    assert [each for each in row.findings if each.startswith("campaign")] == []
