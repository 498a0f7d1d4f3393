"""Property 5: status is a fold of the audit trail, steps are in the table, and what is final stays final.

A campaign lives its whole life, over HTTP and run by the engine; what is stored is held against a
table of steps that is written down here a second time.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from campaigns.errors import IllegalTransitionError
from campaigns.model.base import derived_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.campaign import FINAL, TRANSITIONS, Campaign, Move
from campaigns.model.vocabulary import CampaignStatus
from tests.properties.machine import TENANT, Machine
from tests.strategies import CREATED, PERSONA_IDS

AT = datetime(2027, 3, 1, 9, tzinfo=UTC)

# Written down a second time, from domain.md section 10 and not from the code.
CAMPAIGN_STEPS = {
    ("planning", "generating"), ("planning", "failed"), ("planning", "cancelled"),
    ("generating", "awaiting_review"), ("generating", "failed"), ("generating", "cancelled"),
    ("awaiting_review", "approved"), ("awaiting_review", "rejected"), ("awaiting_review", "needs_revision"),
    ("awaiting_review", "approval_timeout"), ("awaiting_review", "cancelled"),
    ("needs_revision", "generating"), ("needs_revision", "failed"), ("needs_revision", "cancelled"),
    ("approved", "completed"),
    ("approval_timeout", "awaiting_review"), ("approval_timeout", "cancelled"),
    ("failed", "planning"), ("failed", "generating"),
    # A failed integrity check ends what was awaited or approved (process.md section 3).
    ("awaiting_review", "failed"), ("approved", "failed"),
}  # fmt: skip
# --- the whole product --------------------------------------------------------------------------------

Act = Literal["approved", "rejected", "timeout", "cancel", "refused"]
ENDS: dict[str, tuple[list[str], str]] = {
    # How it ends: the statuses after the last "awaiting_review", and what the run is called.
    "approved": (["approved", "completed"], "Approved"),
    "rejected": (["rejected"], "Rejected"),
    "timeout": (["approval_timeout"], "Timed out"),
    "cancel": (["cancelled"], "Cancelled"),
}


@dataclass(frozen=True)
class Story:
    """What becomes of one campaign: so many posts, rewritten so often, an end, and what is wished for then."""

    posts: int
    revisions: int
    end: Act
    strange: list[str]


stories = st.builds(
    Story,
    posts=st.integers(1, 2),
    revisions=st.sampled_from([0, 0, 0, 1]),
    end=st.sampled_from(["approved", "approved", "rejected", "timeout", "cancel", "refused"]),
    strange=st.lists(st.sampled_from(sorted({each for step in CAMPAIGN_STEPS for each in step})), max_size=4),
)


@pytest.mark.property(5, "the status is a fold of the audit trail")
@settings(max_examples=100)
@given(story=stories)
@example(Story(1, 0, "approved", ["planning", "generating"]))
@example(Story(2, 1, "approved", ["awaiting_review"]))
@example(Story(1, 0, "rejected", ["approved", "completed"]))
@example(Story(1, 0, "timeout", ["generating"]))
@example(Story(1, 0, "cancel", ["planning"]))
@example(Story(2, 0, "refused", ["completed"]))
def test_the_status_of_a_campaign_is_the_fold_of_its_trail(machine: Machine, story: Story) -> None:
    """**Feature: campaign-orchestration-durable, Property 5: Workflow progression and status consistency**

    *For any* workflow step completion, the system should checkpoint results, update appropriate status
    values, and proceed to the next workflow step.
    """
    machine.fresh()
    if story.end == "refused":
        machine.model.script = {("write", number): ["refused"] for number in range(1, story.posts + 1)}
    campaign = machine.submit(machine.brief(story.posts))
    assert statuses(machine, campaign) == ["planning"]
    machine.run(campaign)
    told_truly(machine, campaign)
    machine.settle(campaign)
    expected = ["planning", "generating"]
    if story.end == "refused":
        expected += ["failed"]
        run = "Failed"
    else:
        for number in range(1, story.revisions + 1):
            expected += ["awaiting_review"]
            assert statuses(machine, campaign) == expected
            assert machine.decide(campaign, "needs_revision", f"shorter, {number}").status_code == 200
            machine.settle(campaign)
            expected += ["needs_revision", "generating"]
        expected += ["awaiting_review"]
        assert statuses(machine, campaign) == expected
        end, run = ENDS[story.end]
        match story.end:
            case "approved" | "rejected":
                assert machine.decide(campaign, story.end, "read by me").status_code == 200
            case "timeout":
                machine.clock.advance(timedelta(hours=73))
                machine.housekeeping()
            case "cancel":
                assert machine.http("POST", f"/campaigns/{campaign}/cancel").status_code == 200
        machine.settle(campaign)
        expected += end
    told_truly(machine, campaign)
    assert statuses(machine, campaign) == expected
    state = machine.run_state(campaign)
    assert state is not None
    assert state.name == run
    assert steps_kept(machine, campaign) == steps_of(story)

    # What is final stays final, and no step is taken that the table does not have.
    machine.execute(machine.run_id(campaign))  # somebody presses Retry in Prefect
    for wish in story.strange:
        before = machine.status(campaign)
        with suppress(IllegalTransitionError):
            machine.store.campaigns.move(
                TENANT, campaign, Move(CampaignStatus(wish), "tests", "a strange wish", machine.clock.now())
            )
            assert (before, wish) in CAMPAIGN_STEPS
        assert machine.status(campaign) in {before, wish}
    told_truly(machine, campaign)
    assert machine.status(campaign) == expected[-1] or expected[-1] in {"failed", "approval_timeout"}
    event(f"{story.end}, {story.revisions} revisions")


def statuses(machine: Machine, campaign: str) -> list[str]:
    """Return the statuses that the stored trail tells, in order."""
    return [entry["toStatus"] for entry in machine.trail(campaign) if "toStatus" in entry]


def told_truly(machine: Machine, campaign: str) -> None:
    """Every step is one of the table, begins where the last one ended, and leads to what is stored and shown."""
    trail = machine.trail(campaign)
    assert [entry["seq"] for entry in trail] == list(range(1, len(trail) + 1))
    current = None
    for entry in (entry for entry in trail if "toStatus" in entry):
        assert entry.get("fromStatus") == current
        assert current is None or (current, entry["toStatus"]) in CAMPAIGN_STEPS
        current = entry["toStatus"]
    assert machine.status(campaign) == current
    shown = machine.http("GET", f"/campaigns/{campaign}").json()
    assert shown["status"] == current
    audit = machine.http("GET", f"/campaigns/{campaign}/audit", params={"limit": 100}).json()["items"]
    assert [(entry["seq"], entry.get("fromStatus"), entry.get("toStatus")) for entry in audit] == [
        (entry["seq"], entry.get("fromStatus"), entry.get("toStatus")) for entry in trail
    ]
    for number, post in enumerate(machine.posts(campaign), start=1):
        assert post["number"] == number
        assert (post["status"] in {"completed", "needs_review"}) <= ("content" in post)


def steps_kept(machine: Machine, campaign: str) -> Counter[str]:
    """Return how many checkpoints each step has."""
    folder = machine.home / "checkpoints" / "checkpoints" / TENANT / campaign
    return Counter(file.parent.name for file in folder.glob("*/*"))


def steps_of(story: Story) -> Counter[str]:
    """Return how many results a campaign leaves that nothing disturbed: one for each step and what it is about."""
    if story.end == "refused":
        return Counter(save=1, plan=1, generate=story.posts)  # that there are no words is a result, too
    rounds = story.revisions + 1
    ended = 0 if story.end == "cancel" else 1
    return +Counter(
        save=1,
        plan=1,
        generate=story.posts * rounds,
        ask=rounds,
        revise=story.revisions,
        complete=ended,
    )


# --- the table of statuses, on values -----------------------------------------------------------------

# A status to ask for: any at all, or (a number) one that the table has, so that walks get far.
campaign_wishes: st.SearchStrategy[list[CampaignStatus | int]] = st.lists(
    st.one_of(st.integers(0, 20), st.sampled_from(CampaignStatus)), min_size=1, max_size=40
)


def aim(wish: CampaignStatus | int, current: CampaignStatus) -> CampaignStatus:
    if not isinstance(wish, int):
        return wish
    following = sorted(after for before, after in CAMPAIGN_STEPS if before == str(current))
    return CampaignStatus(following[wish % len(following)]) if following else current


def new_campaign() -> Campaign:
    brief = CampaignBrief.model_validate(
        {
            "name": "Huila",
            "brief": {"description": "The first bags arrive.", "objective": "launch"},
            "participants": {"personaIds": [PERSONA_IDS[0]], "platforms": ["linkedin"]},
            "schedule": {
                "timezone": "UTC",
                "startDate": "2027-03-15",
                "endDate": "2027-03-30",
                "allowedDaysOfWeek": ["mon"],
            },
        }
    )
    return Campaign.model_validate(
        brief.to_wire()
        | {"id": derived_id("campaign", 1), "tenantId": TENANT, "createdAt": CREATED, "updatedAt": CREATED}
    )


def lived(wishes: list[CampaignStatus | int]) -> Campaign:
    """Ask for every status in turn; what the machine refuses leaves no trace."""
    campaign, steps = new_campaign(), 0
    for wish in wishes:
        try:
            campaign = campaign.moved_to(aim(wish, campaign.status), at=AT)
            steps += 1
        except IllegalTransitionError:
            continue
    event(f"{min(steps, 5)}+ steps")
    return campaign


@settings(max_examples=300)
@given(wishes=campaign_wishes)
def test_a_campaign_takes_only_steps_of_the_table_and_every_wanted_one_of_them(
    wishes: list[CampaignStatus | int],
) -> None:
    campaign = new_campaign()
    for wanted in wishes:
        wish = aim(wanted, campaign.status)
        if (str(campaign.status), str(wish)) in CAMPAIGN_STEPS:
            campaign = campaign.moved_to(wish, at=AT)
            assert campaign.status is wish
            continue
        with pytest.raises(IllegalTransitionError) as refusal:
            campaign.moved_to(wish, at=AT)
        assert refusal.value.details == {"currentStatus": campaign.status, "wantedStatus": wish}


@given(wishes=campaign_wishes, then=campaign_wishes)
def test_a_final_campaign_stays_as_it_is(wishes: list[CampaignStatus | int], then: list[CampaignStatus | int]) -> None:
    # From wherever it got to, it is brought to an end.
    campaign = lived([*wishes, CampaignStatus.GENERATING, CampaignStatus.CANCELLED])
    if campaign.status in FINAL:
        event(f"final: {campaign.status}")
        for wish in then:
            with pytest.raises(IllegalTransitionError):
                campaign.moved_to(aim(wish, campaign.status), at=AT)
    assert {status for status, following in TRANSITIONS.items() if not following} == FINAL


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(CampaignStatus)
