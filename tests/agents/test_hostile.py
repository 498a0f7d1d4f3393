"""Hostile answers and injected briefs: nothing runs, nothing leaks, nothing unchecked comes out as a success."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from pydantic import ValidationError

from campaigns.agents.contracts import Revision, WriterInput, WriterOutput
from campaigns.agents.fence import unfenced
from campaigns.agents.planner import Planner
from campaigns.agents.providers.hosted import HostedModel
from campaigns.agents.providers.offline import OfflineModel
from campaigns.agents.writer import Writer
from campaigns.model.post import OFFLINE, PostContent
from campaigns.rules.guardrails import check_post
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.fake_bedrock_script import called, said
from tests.agents import hostile
from tests.agents.inputs import NOW, TENANT, Situation, situation

# What running a text would have to do. Reading and writing the store's files is not the agents' business either.
RUNS = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "pickle.find_class",
    "exec",
    "compile",
    "ctypes.dlopen",
}
_heard: list[str] | None = None


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _heard is None:
        return
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if (event in RUNS or writes) and not _importing():
        _heard.append(f"{event} {arguments!r:.200}")


def _importing() -> bool:
    """Whether a library is importing a module of its own late."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and "importlib" not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None


sys.addaudithook(_listen)  # cannot be taken out again, hence the switch


@contextmanager
def nothing_runs() -> Iterator[None]:
    """Fail if anything is executed, compiled, unpickled or opened for writing meanwhile."""
    global _heard
    _heard = []
    try:
        yield
        assert _heard == []
    finally:
        _heard = None


def test_the_watch_hears_what_runs(tmp_path: Path) -> None:
    with pytest.raises(AssertionError), nothing_runs():
        exec("1 + 1")
    with pytest.raises(AssertionError), nothing_runs():
        (tmp_path / "canary").write_text("x")


def given_with_revision(made: Situation) -> WriterInput:
    return made.writer_input(revision=Revision(previous_text="The bags are here.", comment="Warmer."))


def require_sound(answer: WriterOutput, given: WriterInput) -> None:
    """A success holds only what its form allows, and says of itself what the guardrails say of it."""
    if not answer.success:
        assert answer.content is None
        return
    assert answer.content is not None
    assert answer.quality is not None
    assert PostContent.model_validate(answer.content.to_wire()) == answer.content
    again = check_post(answer.content, post=given.post, policy=given.policy, siblings=given.sibling_texts)
    assert answer.quality == again
    drafted = answer.usage.model == OFFLINE  # a draft is looked at, whatever it says
    assert answer.status == ("needs_review" if again.blocked or drafted else "completed")
    for text in [answer.content.text, *(each.answer for each in answer.comment_answers)]:
        assert not [char for char in text if unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t"]
    assert len(answer.comment_answers) == 1


CORPUS = hostile.outputs("CANARY")


def test_the_corpus_is_as_large_as_promised() -> None:
    distinct = {(answer.raw, answer.as_tool) for answer in CORPUS}

    assert len(distinct) >= 300
    assert len(hostile.PAYLOADS) >= 75


ODD_BUT_TEXT = {"entity", "pickle base64", "private use", "zalgo", "isolates", "zero width", "bom"}


def may_complete(name: str) -> bool:
    """Whether words of this kind do nothing by themselves: escaped where they are shown, and read by a person first.

    Dropped fields and answers to comments never are content. A hostile text of its own, link, hashtag
    or handle always stops at a guardrail: the call to action and the inclusion are missing, at least.
    """
    payload, _, place = name.rpartition(" as ")
    return place in {"field", "answer", "within", "alt"} or payload in ODD_BUT_TEXT


def test_no_hostile_answer_runs_or_passes_unchecked(bedrock: FakeBedrock, claude: HostedModel, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    given = given_with_revision(situation())
    writer = Writer(claude, clock=lambda: NOW)
    writer.run(TENANT, given)
    seen = Counter[str]()

    for hostile_answer in hostile.outputs(str(canary)):
        bedrock.requests.clear()
        scripted = called(hostile_answer.raw) if hostile_answer.as_tool else said(hostile_answer.raw)
        bedrock.script = [scripted] * 5
        with nothing_runs():
            answer = writer.run(TENANT, given)

        assert len(bedrock.requests) <= 3, hostile_answer.name
        assert answer.usage.calls == len(bedrock.requests), hostile_answer.name
        require_sound(answer, given)
        assert answer.status != "completed" or may_complete(hostile_answer.name), hostile_answer.name
        assert answer.error is None or answer.error.code != "AGENT_ERROR", (hostile_answer.name, answer.error)
        seen[str(answer.status or (answer.error and answer.error.code))] += 1

    assert not canary.exists()
    assert seen.keys() == {"completed", "needs_review", "INVALID_OUTPUT", "MODEL_UNAVAILABLE", "REFUSED"} & seen.keys()
    assert seen["needs_review"] >= 150
    assert seen["INVALID_OUTPUT"] >= 100


@pytest.mark.parametrize("agent", ["hosted", "offline"])
def test_what_people_type_changes_no_rule_and_leaves_no_fence(
    agent: str, bedrock: FakeBedrock, claude: HostedModel
) -> None:
    model = claude if agent == "hosted" else OfflineModel()
    made = situation()
    plain = made.writer_input()
    Writer(model).run(TENANT, plain)
    tried = 0

    for name, payload in hostile.PAYLOADS.items():
        try:
            given = injected(made, payload)
        except ValidationError:
            assert name in {"null byte", "ansi", "osc", "bidi", "surrogate", "zalgo"}
            continue
        tried += 1
        bedrock.requests.clear()
        with nothing_runs():
            answer = Writer(model, clock=lambda: NOW).run(TENANT, given)

        require_sound(answer, given)
        assert answer.success, name
        for request in bedrock.requests:
            blocks = request["body"]["messages"][0]["content"]
            told = "\n\n".join(block["text"] for block in blocks if "text" in block)
            assert set(unfenced(told)) <= {"shared", "request", "previous", "revision"}
            opened = told.count("<data ") + told.count("<wishes ")
            assert opened == told.count("</data>") + told.count("</wishes>") == len(unfenced(told))
            assert told.count("<") == 2 * len(unfenced(told))
            assert unfenced(told)["request"]["post"]["topic"] == given.post.topic
            assert payload[:20] not in json.dumps(request["body"]["system"], ensure_ascii=False)

    assert tried >= 65


def injected(made: Situation, payload: str) -> WriterInput:
    """An input in which everybody typed the payload: brief, persona, topic, comment, examples of others."""
    brief = {**made.campaign.brief.to_wire(), "description": f"{made.campaign.brief.description} {payload}"[:2000]}
    wire = made.writer_input(
        made.post(topic=f"The first bags {payload}"[:500]),
        brief=brief,
        campaign_name=f"Harvest {payload}"[:200],
        revision=Revision(previous_text="The bags are here.", comment=payload),
    ).to_wire()
    wire["personaConfig"]["opinions"]["strongBeliefs"] = [payload[:300]]
    wire["personaConfig"]["role"] = payload[:100]
    wire["siblingTexts"] = [payload]
    return WriterInput.model_validate(wire)


def test_an_injected_campaign_is_planned_like_any_other(bedrock: FakeBedrock, claude: HostedModel) -> None:
    made = situation()

    for name, payload in hostile.PAYLOADS.items():
        wire = made.planner_input(3).to_wire()
        wire["campaign"]["brief"]["description"] = f"{made.campaign.brief.description} {payload}"[:2000]
        wire["alreadyUsedTopics"] = [payload]
        with nothing_runs():
            answer = Planner(claude).run(TENANT, wire)

        if answer.error is not None:
            assert answer.error.code == "INVALID_INPUT", name
            continue
        assert [post.number for post in answer.posts] == [1, 2, 3], name


@pytest.mark.parametrize("place", ["topic", "assetDescription", "references"])
def test_a_hostile_plan_changes_no_slot_and_adds_no_address(
    place: str, bedrock: FakeBedrock, claude: HostedModel
) -> None:
    made = situation()
    given = made.planner_input(3)

    for name, payload in hostile.PAYLOADS.items():
        topics = [
            {
                "number": slot.number,
                "topic": f"Bag {slot.number} of the harvest",
                "assetDescription": "Hands sorting cherries",
            }
            | ({place: [payload]} if place == "references" else {place: payload})
            for slot in given.slots
        ]
        bedrock.requests.clear()
        bedrock.script = [called(json.dumps({"topics": topics, "slots": [], "budget": 10**9}))] * 5
        with nothing_runs():
            answer = Planner(claude).run(TENANT, given)

        assert answer.success, name
        assert len(bedrock.requests) <= 3
        assert [post.scheduled_at for post in answer.posts] == [slot.scheduled_at for slot in given.slots]
        assert all(post.references == [] for post in answer.posts)
