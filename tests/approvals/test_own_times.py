"""Approvers who move a post: only to a moment that the calendar's rules allow, with the decision and not after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.approval.editing import material_of
from campaigns.approval.expiry import expire
from campaigns.approval.renewing import extend_round
from campaigns.approval.rounds import undo
from campaigns.errors import FaultsError
from campaigns.model.brief import Messaging
from campaigns.model.post import Post, round_digest
from campaigns.model.terms.given import Given, Inclusion, Near
from campaigns.model.terms.key_dates import KeyDate, PlatformTimes
from campaigns.model.terms.schedule import PostingWindow
from campaigns.model.vocabulary import Decision, PostStatus, RoundStatus
from campaigns.rules.approval.rewriting import board_of
from campaigns.rules.calendar.moving import Board
from tests.approvals.reader import read, send
from tests.approvals.scene import TENANT, TWO, Scene, a_campaign, some_posts
from tests.approvals.test_own_words import answer, decisions, other_words, told
from tests.approvals.voices import by_link

LISBON = ZoneInfo("Europe/Lisbon")
FREE = datetime(2027, 3, 25, 9, 0, tzinfo=UTC)
"""A Thursday morning on which nothing is planned, in a week with room."""

BROKEN = {
    "campaign": (datetime(2027, 4, 6, 9, 0, tzinfo=LISBON), "between the first and the last day"),
    "start": (datetime(2027, 3, 12, 9, 0, tzinfo=LISBON), "between the first and the last day"),
    "blackout": (datetime(2027, 3, 26, 9, 0, tzinfo=LISBON), "blackout"),
    "weekday": (datetime(2027, 3, 20, 9, 0, tzinfo=LISBON), "none of mon, tue, wed, thu, fri"),
    "window": (datetime(2027, 3, 25, 12, 0, tzinfo=LISBON), "08:00 to 10:30, 17:00 to 19:00"),
    "step": (datetime(2027, 3, 25, 9, 2, tzinfo=LISBON), "steps of 5 minutes"),
}


def board(scene: Scene) -> Board:
    return board_of(material_of(scene.store, TENANT, scene.campaign.id), scene.round())


def moved(scene: Scene, number: int, at: datetime, **said: str) -> dict[str, Any]:
    whole = answer(scene, **said)
    whole[scene.posts()[number - 1].id]["moveTo"] = at.isoformat()
    return whole


def refused(scene: Scene, posts: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(FaultsError) as error:
        scene.decide(posts=posts)
    assert not decisions(scene)
    return [(fault.code, fault.message) for fault in error.value.faults]


def test_one_approver_moves_a_post_and_approves_in_one_act(scene: Scene) -> None:
    scene.stand_up(posts=4, allow_moves=True)
    before = scene.posts()[1]

    scene.decide(posts=moved(scene, 2, FREE))

    after = next(post for post in scene.posts() if post.id == before.id)
    assert (after.scheduled_at, after.content, after.revision) == (FREE, before.content, 1)
    assert (scene.round().status, scene.round().outcome) == (RoundStatus.DECIDED, Decision.APPROVED)
    assert scene.round().digest == round_digest(scene.posts())


def test_nobody_moves_a_post_where_the_campaign_does_not_say_so(scene: Scene) -> None:
    scene.stand_up(posts=2)

    assert [code for code, _ in refused(scene, moved(scene, 2, FREE))] == ["MOVE_NOT_ALLOWED"]


@pytest.mark.parametrize("rule", BROKEN)
def test_a_moment_that_breaks_a_rule_is_refused_by_its_name(scene: Scene, rule: str) -> None:
    scene.stand_up(posts=4, allow_moves=True)
    wall, words = BROKEN[rule]

    ((code, message),) = refused(scene, moved(scene, 2, wall))

    assert code == "MOVE_BREAKS_RULE"
    assert words in message


def test_a_post_is_moved_within_the_days_and_hours_of_its_platform(scene: Scene) -> None:
    platform = some_posts(scene.campaign, 4)[1].platform
    early = [PostingWindow(start="07:00", end="08:00")]
    times = [PlatformTimes(platform=platform, days=["sat"], windows=early)]
    scene = replace(scene, campaign=a_campaign(platform_times=times)).stand_up(posts=4, allow_moves=True)
    saturday = datetime(2027, 3, 20, 7, 30, tzinfo=LISBON)

    ((code, message),) = refused(scene, moved(scene, 2, FREE))  # free, and of the campaign's windows
    assert (code, "on a day that is none of sat" in message) == ("MOVE_BREAKS_RULE", True)
    ((code, message),) = refused(scene, moved(scene, 2, saturday + timedelta(hours=2)))
    assert (code, "(07:00 to 08:00)" in message) == ("MOVE_BREAKS_RULE", True)
    offered = board(scene).offered(scene.posts()[1])
    assert offered
    assert {(f"{at.astimezone(LISBON):%a}", at.astimezone(LISBON).hour) for at in offered} == {("Sat", 7)}

    scene.decide(posts=moved(scene, 2, saturday))

    assert saturday in {post.scheduled_at for post in scene.posts()}


def test_a_post_that_is_moved_carries_what_holds_on_its_new_day(scene: Scene) -> None:
    offer, festival = (
        "Free shipping this week",
        {"label": "Harvest festival", "date": date(2027, 3, 16), "wants": ["on"]},
    )
    until = Inclusion(text=offer, scope="every_post", until=date(2027, 3, 19))
    brief = {"key_dates": [KeyDate.model_validate(festival)], "messaging": Messaging(inclusions=[until])}
    campaign = a_campaign(**brief)
    posts = some_posts(campaign, 4)
    near = [Near(label="Harvest festival", date=date(2027, 3, 16), when="ahead")]
    posts = [post.model_copy(update={"given": Given(key_dates=near)}) for post in posts]
    said = posts[2].content.model_copy(update={"text": f"{offer}. {posts[2].content.text}"})
    posts[2] = posts[2].model_copy(update={"content": said, "required_inclusions": [offer]})
    scene = replace(scene, campaign=campaign).stand_up(posts=posts, allow_moves=True, settle_seconds=60)
    before = scene.posts()[1]

    found = refused(scene, moved(scene, 3, FREE))
    assert ("MOVE_BREAKS_RULE", f"“{offer}” holds on other days, not on the day of this post.") in found

    scene.decide(posts=moved(scene, 2, FREE))
    after = next(post for post in scene.posts() if post.id == before.id)
    assert after.given == Given(key_dates=[near[0].model_copy(update={"when": "over"})], not_said=[offer])
    undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)
    assert next(post for post in scene.posts() if post.id == before.id).given == before.given


def test_no_post_is_moved_into_the_time_to_decide(scene: Scene) -> None:
    scene.stand_up(posts=4, expires_in_hours=720, allow_moves=True)
    late = scene.posts()[1]
    early = datetime(2027, 3, 15, 8, 30, tzinfo=UTC)
    assert early < scene.round().expires_at + timedelta(hours=1)

    ((_, message),) = refused(scene, moved(scene, late.number, early))

    assert "the time to decide and one hour" in message


def test_the_moment_of_another_post_and_its_hours_are_taken(scene: Scene) -> None:
    scene.stand_up(posts=7, allow_moves=True)
    posts = scene.posts()
    same = [
        (one, other)
        for one in posts
        for other in posts
        if one.id != other.id and (one.persona_id, one.platform) == (other.persona_id, other.platform)
    ]
    one, other = same[0]
    near = other.scheduled_at.replace(minute=(other.scheduled_at.minute + 5) % 60)

    assert board(scene).broken(one, other.scheduled_at) == "same_time" or board(scene).broken(one, near) == "spacing"
    assert board(scene).broken(one, near) == "spacing"


def test_days_and_weeks_have_only_so_many_posts(scene: Scene) -> None:
    scene.stand_up(posts=12, expires_in_hours=720, allow_moves=True)
    here = board(scene)
    found = {
        here.broken(post, day + timedelta(hours=hours, minutes=5 * step))
        for post in scene.posts()
        for day in (datetime(2027, 3, 15, tzinfo=UTC) + timedelta(days=n) for n in range(21))
        for hours in (8, 9, 17, 18)
        for step in range(12)
    }

    assert {"day_full", "week_full", "spacing", "lead", "blackout", "weekday", None} <= found


def test_whatever_is_offered_may_be_taken(scene: Scene) -> None:
    scene.stand_up(posts=7, allow_moves=True)
    here = board(scene)

    offers = {post.number: here.offered(post) for post in scene.posts()}

    assert any(offers.values())
    for post in scene.posts():
        assert all(here.broken(post, at) is None for at in offers[post.number])
        assert post.scheduled_at not in offers[post.number]
        assert offers[post.number] == sorted(offers[post.number])
        assert len(offers[post.number]) <= 6


def test_whoever_approved_the_old_time_is_asked_again(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=TWO, quorum="all", allow_moves=True)
    scene.decide(2, posts=answer(scene))
    second = scene.posts()[1]

    scene.decide(1, posts=moved(scene, 2, FREE))

    assert scene.round().status is RoundStatus.PENDING
    assert told(scene, "changed") == ["ap-2"]
    scene.decide(2, posts={second.id: {"decision": "approved"}})
    assert scene.round().outcome is Decision.APPROVED


def test_undo_brings_the_post_back_unless_its_place_is_taken(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=TWO, quorum="all", settle_seconds=600, allow_moves=True)
    before = scene.posts()[1]
    scene.decide(1, posts=moved(scene, 2, FREE))

    undo(scene.store, scene.round(), by_link(scene.round(), 1), now=scene.clock.now)

    assert scene.posts()[1].scheduled_at == before.scheduled_at
    assert scene.round().posts[before.id] == before.content_hash()


def test_undo_leaves_a_post_where_it_is_when_its_day_has_its_posts_by_now(scene: Scene) -> None:
    scene.stand_up(posts=6, approvers=TWO, quorum="all", settle_seconds=600, allow_moves=True)
    gone, *others = scene.posts()[1:4]
    day = gone.scheduled_at.replace(hour=17, minute=0)
    scene.decide(1, posts=moved(scene, gone.number, FREE))
    said = answer(scene)
    for hours, other in enumerate(others):
        said[other.id]["moveTo"] = (day + timedelta(hours=hours)).isoformat()
    scene.decide(2, posts=said)
    per_day = board(scene).terms.per_day
    assert [post.scheduled_at.date() for post in scene.posts()].count(day.date()) == per_day

    undo(scene.store, scene.round(), by_link(scene.round(), 1), now=scene.clock.now)

    after = next(post for post in scene.posts() if post.id == gone.id)
    assert after.scheduled_at == FREE
    assert [post.scheduled_at.date() for post in scene.posts()].count(day.date()) == per_day


def test_undo_judges_the_words_of_before_by_the_time_that_they_keep(scene: Scene) -> None:
    text = "Join us on 16 March at the roastery."
    posts = some_posts(scene.campaign, 3)
    assert posts[1].content is not None
    posts[1] = posts[1].model_copy(update={"content": posts[1].content.model_copy(update={"text": text})})
    scene.stand_up(
        posts=posts, approvers=TWO, quorum="all", settle_seconds=600, allow_edits=True, allow_moves=True
    )  # fmt: skip
    place, said = posts[1].scheduled_at, moved(scene, 2, FREE)
    said[posts[1].id]["edit"] = "Join us on 25 March at the roastery."
    scene.decide(1, posts=said)
    theirs = answer(scene)
    theirs[posts[2].id]["moveTo"] = place.isoformat()
    scene.decide(2, posts=theirs)

    undo(scene.store, scene.round(), by_link(scene.round(), 1), now=scene.clock.now)

    after = next(post for post in scene.posts() if post.id == posts[1].id)
    assert after.content is not None
    assert after.quality is not None
    assert (after.content.text, after.scheduled_at) == (text, FREE)
    assert after.quality.blocked, "it says another day than that on which it goes out"
    assert after.status is PostStatus.NEEDS_REVIEW
    assert after.id in scene.round().blocked


@pytest.mark.parametrize("act", ["extended by an operator", "extended as agreed"])
def test_more_time_is_reckoned_by_when_posts_are_due_as_it_is_given(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    scene.stand_up(posts=3, approvers=TWO, quorum="all", on_timeout="extend", allow_moves=True)
    first, later = scene.posts()[0], scene.round().expires_at + timedelta(minutes=1)
    number, listed = first.number, scene.store.posts.list
    place, round_ = (TENANT, scene.campaign.id), scene.round()

    def listed_and_then_moved(*given: Any) -> list[Post]:
        found = listed(*given)
        monkeypatch.setattr(scene.store.posts, "list", listed)
        scene.decide(1, posts=moved(scene, number, FREE))
        return found

    monkeypatch.setattr(scene.store.posts, "list", listed_and_then_moved)
    if act == "extended by an operator":
        until = first.scheduled_at + timedelta(minutes=1)
        extend_round(scene.store, *place, 1, until=until, actor="operator:Olga", reason="late", now=scene.clock.now)
        told = scene.store.audit.entries(*place)[-1]
        assert "postsDueBefore" not in told.details
    else:
        expire(scene.store, round_, later)
        by_now_first = min(post.scheduled_at for post in scene.posts())
        assert scene.round().expires_at == by_now_first - timedelta(hours=1) > first.scheduled_at


def test_undo_brings_back_posts_that_changed_places(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=TWO, quorum="all", settle_seconds=600, allow_moves=True)
    before = {post.id: post.scheduled_at for post in scene.posts()}
    one, other = scene.posts()[1:3]
    posts = moved(scene, 2, other.scheduled_at)
    posts[other.id]["moveTo"] = one.scheduled_at.isoformat()
    scene.decide(1, posts=posts)
    assert {post.id: post.scheduled_at for post in scene.posts()} != before

    undo(scene.store, scene.round(), by_link(scene.round(), 1), now=scene.clock.now)

    assert {post.id: post.scheduled_at for post in scene.posts()} == before


def test_a_post_that_names_its_day_is_not_moved_without_other_words(scene: Scene) -> None:
    text = "Join us on 16 March at the roastery."
    posts = some_posts(scene.campaign, 3)
    assert posts[1].scheduled_at.day == 16
    assert posts[1].content is not None
    posts[1] = posts[1].model_copy(update={"content": posts[1].content.model_copy(update={"text": text})})
    scene.stand_up(posts=posts, allow_edits=True, allow_moves=True)

    told_why = refused(scene, moved(scene, 2, FREE))
    assert [code for code, _ in told_why] == ["MOVE_BREAKS_RULE"]
    assert "16" in told_why[0][1]
    right = moved(scene, 2, FREE)
    right[posts[1].id]["edit"] = "Join us on 25 March at the roastery."
    scene.decide(posts=right)

    assert next(post for post in scene.posts() if post.id == posts[1].id).scheduled_at == FREE


def test_words_and_time_change_in_one_revision(scene: Scene) -> None:
    scene.stand_up(posts=3, allow_edits=True, allow_moves=True)
    before = scene.posts()[1]
    posts = moved(scene, 2, FREE)
    posts[before.id]["edit"] = other_words(before)

    scene.decide(posts=posts)

    after = next(post for post in scene.posts() if post.id == before.id)
    assert after.content is not None
    assert (after.scheduled_at, after.content.text, after.revision) == (FREE, other_words(before), 1)


# --- on the page --------------------------------------------------------------------------------------


def test_the_page_offers_moments_and_moves_the_post(scene: Scene) -> None:
    scene.stand_up(posts=3, allow_moves=True)
    browser = scene.browser()
    page = browser.get(scene.url())
    offered = [value for value in read(page).options["t.2"] if value and value[:2] == "20"]
    assert len(offered) >= 3
    before = scene.posts()[1]

    chosen = {f"d_{n}": "approved" for n in (1, 2, 3)}
    step = send(browser, page, "review", **chosen, t_2=offered[0])
    assert "Moved to" in step.text
    receipt = send(browser, step, "send", confirm="yes")

    assert read(receipt).heading == "Approved"
    assert "Moved to" in receipt.text
    after = next(post for post in scene.posts() if post.id == before.id)
    assert after.scheduled_at.astimezone(LISBON).strftime("%Y-%m-%dT%H:%M") == offered[0]


def test_another_moment_says_which_rule_it_would_break_and_keeps_what_was_typed(scene: Scene) -> None:
    scene.stand_up(posts=3, allow_moves=True)
    browser = scene.browser()
    page = browser.get(scene.url())
    chosen = {f"d_{n}": "approved" for n in (1, 2, 3)}

    wrong = send(browser, page, "review", **chosen, c_1="Lovely.", w_2="2027-03-26T09:00")

    assert wrong.status_code == 422
    assert "it is a blackout date" in wrong.text
    found = read(wrong)
    assert (found.fields["w.2"], found.fields["c.1"], found.checked["d.2"]) == (
        "2027-03-26T09:00", "Lovely.", "approved",
    )  # fmt: skip
    assert send(browser, wrong, "review", w_2="9999-99-99T99:99").status_code == 422
    assert send(browser, wrong, "review", w_2="2027-03-25T09:00").status_code == 200


def test_nothing_is_offered_where_the_campaign_does_not_say_so(scene: Scene) -> None:
    page = scene.browser().get(scene.stand_up(posts=2).url())

    assert not [name for name in read(page).fields if name[:2] in {"t.", "w."}]
