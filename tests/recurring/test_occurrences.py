"""One occurrence for each template and period, whoever starts it and however often; and the policies around it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.agents.topics import repeats
from campaigns.build.earlier import earlier_topics
from campaigns.errors import BadBriefError, ConflictError, FaultsError, NotDueError, StoreUnavailableError
from campaigns.model.library.template import OccurrenceStatus, TemplateStatus
from campaigns.model.terms.schedule import DateRange
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations import recurring
from campaigns.operations.forecasts import accepted, forecasts
from campaigns.operations.next_slot import made_up_for
from campaigns.operations.recurring import begin_queued, due_at, one_more, paused, result_of, resumed, skip
from campaigns.rules.recurrence.rule import Calendar
from campaigns.store.items import keys
from campaigns.store.tables.table import Put
from tests.recurring.studio import BEGIN, DAY, HOUR, REQUESTER, TUESDAY, WEEK, S, Series
from tests.store.samples import TENANT
from tests.strategies import ZONES

STARTED, QUEUED, SKIPPED = OccurrenceStatus.STARTED, OccurrenceStatus.QUEUED, OccurrenceStatus.SKIPPED


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path)


# --- once ---------------------------------------------------------------------------------------------


def test_a_run_makes_a_campaign_for_its_period_with_dates_of_its_window(series: Series) -> None:
    made = series.at(TUESDAY)

    campaign = series.store.campaigns.get(TENANT, made.campaign_id)
    assert (made.status, made.period, made.scheduled_at) == (STARTED, "2027-W09", TUESDAY)
    assert campaign.name == "Weekly roast · 2027-W09"
    assert [str(campaign.schedule.start_date), str(campaign.schedule.end_date)] == ["2027-03-08", "2027-03-14"]
    assert campaign.metadata.source == "schedule"
    assert campaign.occurrence is not None
    assert campaign.occurrence.period == "2027-W09"
    assert campaign.requested_by == "rui"
    assert [entry.kind for entry in series.store.outbox.of(TENANT, campaign.id)] == ["start_run"]


def test_a_platform_may_have_days_and_hours_of_its_own(tmp_path: Path) -> None:
    early = {"platform": "linkedin", "days": ["wed"], "windows": [{"start": "07:00", "end": "08:00"}]}
    series = Series(tmp_path, brief={"platformTimes": [early]})

    made = series.at(TUESDAY)

    (post,) = series.posts(made, now=TUESDAY)
    assert post.scheduled_at.date() == date(2027, 3, 10)
    assert 7 <= post.scheduled_at.hour < 8  # Lisbon in winter: its own hours, not 09:00 to 17:00
    assert faults(series, brief={"platformTimes": [early, early]}) == {"brief.platformTimes": "NOT_UNIQUE"}


@pytest.mark.parametrize("again", [timedelta(0), HOUR, DAY, 5 * DAY, -DAY])
def test_another_run_in_the_same_period_finds_what_the_first_one_made(series: Series, again: timedelta) -> None:
    first = series.at(TUESDAY)

    second = series.at(TUESDAY + again)  # by hand, a retry, a second schedule, one at another hour

    assert second == first
    assert len(series.campaigns()) == 1


def test_many_at_once_make_one(series: Series) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: series.at(TUESDAY, now=TUESDAY + number * HOUR), range(8)))

    assert len({each.campaign_id for each in made}) == 1
    assert {each.status for each in made} == {STARTED}
    assert len(series.campaigns()) == 1


@pytest.mark.parametrize("far", ["claimed", "started"])
@pytest.mark.parametrize(("overlap", "second"), [("queue", QUEUED), ("skip", SKIPPED), ("allow", STARTED)])
def test_of_two_that_are_made_at_once_the_later_one_finds_the_other_in_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlap: str, second: OccurrenceStatus, far: str
) -> None:
    """Two runs that are late together; the policy is about what stands when the second is claimed."""
    series = Series(tmp_path, policies={"overlap": overlap, "catchUp": "all"})
    now, looked = TUESDAY + WEEK, recurring.planned_posts

    def meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(recurring, "planned_posts", looked)
        with monkeypatch.context() as patch:
            if far == "claimed":
                patch.setattr(recurring, "submit", dies)
            with suppress(StoreUnavailableError):
                series.at(TUESDAY, now=now)
        return looked(*args)

    monkeypatch.setattr(recurring, "planned_posts", meanwhile)
    made = series.at(TUESDAY + WEEK, now=now)

    assert made.status is second
    first = series.store.occurrences.find(TENANT, series.template.id, "2027-W09")
    assert first is not None
    assert first.status is STARTED
    assert len(series.campaigns()) == (2 if overlap == "allow" else 1)


def dies(*_: Any, **__: Any) -> Any:
    raise StoreUnavailableError("the process is gone")


def test_whoever_finds_a_claim_goes_on_with_the_brief_that_lies_in_it(
    series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(recurring, "submit", dies)
        with pytest.raises(StoreUnavailableError):
            series.at(TUESDAY)
    claimed = series.store.occurrences.find(TENANT, series.template.id, "2027-W09")
    assert claimed is not None
    assert claimed.status is OccurrenceStatus.CLAIMED
    assert not series.campaigns()
    changed = series.template.model_copy(update={"name": "Another name", "updated_at": TUESDAY})
    series.store.templates.update(changed, expect_version=1, action="changed", actor="rui")

    made = series.at(TUESDAY, now=TUESDAY + 2 * HOUR)

    assert made.status is STARTED
    assert [campaign.name for campaign in series.campaigns()] == ["Weekly roast · 2027-W09"]


def test_a_period_in_which_the_template_does_not_come_makes_nothing(tmp_path: Path) -> None:
    series = Series(tmp_path, recurrence={"rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "startsOn": "2027-03-02"})

    with pytest.raises(NotDueError):
        series.at(TUESDAY + WEEK)
    assert series.at(TUESDAY + 2 * WEEK).period == "2027-W11"
    assert len(series.campaigns()) == 1


def test_of_a_period_there_are_so_many_and_no_more(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurring, "MOST_OF_A_PERIOD", 2)
    series.at(TUESDAY)
    due = due_at(series.template, TUESDAY)
    one_more(series.store, series.template, due, now=TUESDAY)

    with pytest.raises(ConflictError):
        one_more(series.store, series.template, due, now=TUESDAY)


@pytest.mark.parametrize("dies", ["before its campaign is stored", "after that"])
def test_one_more_that_is_ordered_again_by_the_same_run_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    series = Series(tmp_path, policies={"overlap": "allow"})
    series.at(TUESDAY)
    due = due_at(series.template, TUESDAY)

    def ordered(run: str) -> int:
        how = {"actor": "ana", "correlation_id": run, "order": run, "now": TUESDAY}
        return one_more(series.store, series.template, due, **how).n

    if dies == "before its campaign is stored":
        with monkeypatch.context() as broken, suppress(StoreUnavailableError):
            broken.setattr(recurring, "submit", _away)
            ordered("first-run")
    else:
        assert ordered("first-run") == 2

    assert ordered("first-run") == 2
    assert ordered("second-run") == 3
    assert len(series.campaigns()) == 3


def _away(*_: object, **__: object) -> None:
    raise StoreUnavailableError("away")


def test_one_more_of_a_period_is_made_only_when_it_is_asked_for(series: Series) -> None:
    first = series.at(TUESDAY)
    series.end(first, S.COMPLETED, at=TUESDAY + HOUR)

    more = one_more(
        series.store, series.template, due_at(series.template, TUESDAY), actor="rui", now=TUESDAY + 2 * HOUR
    )

    assert (more.n, more.started_by, more.status) == (2, "rui", STARTED)
    assert more.campaign_id != first.campaign_id
    assert more.earlier == [first.campaign_id]  # nor does it say what the first one said


def test_what_could_not_be_written_is_made_once_more_when_the_template_comes_next(tmp_path: Path) -> None:
    series = Series(tmp_path, policies={"generationFailed": "retry_next_slot", "overlap": "queue"})
    failed = series.at(TUESDAY)
    series.end(failed, S.FAILED, at=TUESDAY + HOUR)
    due = series.at(TUESDAY + WEEK)
    assert due.status is STARTED

    now, next_due = TUESDAY + WEEK, due_at(series.template, TUESDAY + WEEK)
    again, twice = (made_up_for(series.store, series.template, next_due, now=now) for _ in range(2))

    assert again == twice
    assert again is not None
    assert (again.period, again.n, again.status) == ("2027-W09", 2, STARTED)
    assert again.campaign_id not in {failed.campaign_id, due.campaign_id}
    made = series.store.campaigns.get(TENANT, again.campaign_id)
    assert (str(made.schedule.start_date)[:10], str(made.schedule.end_date)) == ("2027-03-11", "2027-03-14")
    series.end(again, S.FAILED, at=now + HOUR)  # once is enough
    series.end(due, S.COMPLETED, at=now + HOUR)
    assert made_up_for(series.store, series.template, next_due, now=now + 2 * HOUR) == again
    later = due_at(series.template, TUESDAY + 2 * WEEK)
    assert made_up_for(series.store, series.template, later, now=TUESDAY + 2 * WEEK) is None


def test_what_is_left_of_its_window_says_whether_it_is_made_once_more(tmp_path: Path) -> None:
    policies = {"generationFailed": "retry_next_slot", "leadHours": 200}
    series = Series(tmp_path, policies=policies)
    series.end(series.at(TUESDAY), S.FAILED, at=TUESDAY + HOUR)

    due = due_at(series.template, TUESDAY + WEEK)
    again = made_up_for(series.store, series.template, due, now=TUESDAY + WEEK)

    assert again is not None
    assert (again.status, again.code) == (SKIPPED, "WINDOW_OVER")


@pytest.mark.parametrize("status", [S.FAILED, S.COMPLETED, S.REJECTED])
def test_an_operator_decides_about_what_failed_unless_the_template_says_otherwise(
    tmp_path: Path, status: CampaignStatus
) -> None:
    policy = "alert" if status is S.FAILED else "retry_next_slot"
    series = Series(tmp_path, policies={"generationFailed": policy})
    series.end(series.at(TUESDAY), status, at=TUESDAY + HOUR)

    due = due_at(series.template, TUESDAY + WEEK)

    assert made_up_for(series.store, series.template, due, now=TUESDAY + WEEK) is None


zones = st.sampled_from(ZONES)
rules = st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU", "FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=MONTHLY;BYMONTHDAY=-1"])
POLICIES = {"overlap": "allow", "pauseAfterRejections": 0}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    zone=zones,
    rule=rules,
    at=st.sampled_from(["00:00", "02:30", "09:00", "23:30"]),
    catch_up=st.sampled_from(["latest_only", "skip", "all"]),
    start=st.timedeltas(timedelta(), 240 * DAY).map(lambda past: TUESDAY + past),
    acts=st.lists(st.tuples(st.timedeltas(timedelta(), timedelta(days=9)), st.booleans(), st.booleans()), max_size=8),
)
def test_any_clock_zone_downtime_and_double_start_make_each_period_once(
    tmp_path_factory: pytest.TempPathFactory,
    zone: str,
    rule: str,
    at: str,
    catch_up: str,
    start: datetime,
    acts: list[tuple[timedelta, bool, bool]],
) -> None:
    series = Series(
        tmp_path_factory.mktemp("series"),
        recurrence={"rrule": rule, "at": at, "startsOn": "2027-01-01"},
        policies={**POLICIES, "catchUp": catch_up, "leadHours": 24},
        brief={
            "schedule": {
                "timezone": zone,
                "allowedDaysOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "postingWindows": [{"start": "00:00", "end": "24:00"}],
            },
            "cadenceOverrides": {"minPostsPerWeek": 0, "maxPostsPerWeek": 1},
        },
    )
    calendar = Calendar(series.template.recurrence, zone)
    now, seen = start, start - timedelta(days=1)
    for away, twice, by_hand in acts:
        now += away
        due = calendar.between(seen, now)  # what the scheduler had made while nobody was there, oldest first
        for each in [*due, *(due if twice else [])]:
            series.at(each.at, now=now)
        if by_hand and (here := calendar.at(now)):
            series.of(here.period, now=now, by_hand=True)
        seen = now

    made = [each for each in series.all() if each.status is STARTED]
    campaigns = series.campaigns()
    assert len({each.period for each in series.all()}) == len(series.all())
    assert sorted(campaign.id for campaign in campaigns) == sorted(each.campaign_id for each in made)
    for campaign in campaigns:
        assert campaign.occurrence is not None
        day = calendar.of(campaign.occurrence.period)
        assert day is not None
        monday = day.day + timedelta(days=7 - day.day.weekday())
        ends = monday + timedelta(days=6)
        assert campaign.schedule.end_date == ends
        # From midnight to midnight in the zone, on the days the clocks change too.
        midnight = datetime.combine(monday, datetime.min.time(), ZoneInfo(zone))
        assert campaign.schedule.starts_at() >= midnight.astimezone(UTC)


# --- what is in the way -------------------------------------------------------------------------------


def test_after_three_weeks_without_a_server_the_latest_is_made_if_it_is_not_too_late(tmp_path: Path) -> None:
    series = Series(tmp_path, policies={"leadHours": 24, "maxLatenessHours": 96})
    back = TUESDAY + 3 * WEEK + 2 * DAY

    made = [series.at(TUESDAY + number * WEEK, now=back) for number in range(4)]

    assert [(each.status, each.code) for each in made] == [(SKIPPED, "OVERTAKEN")] * 3 + [(STARTED, None)]
    campaign = series.campaigns()[0]
    assert str(campaign.schedule.start_date) == "2027-03-29"


def test_by_default_what_is_later_than_half_the_lead_is_left_out_and_says_so(series: Series) -> None:
    made = series.at(TUESDAY, now=TUESDAY + 37 * HOUR)

    assert (made.status, made.code) == (SKIPPED, "TOO_LATE")
    assert "36 hours" in str(made.reason)
    assert series.at(TUESDAY, now=TUESDAY) == made  # whatever the clock of the next one says: it is settled


def test_a_window_is_cut_where_the_approvers_time_ends(tmp_path: Path) -> None:
    window = {"anchor": "scheduled_time", "length": "P7D"}
    series = Series(tmp_path, window=window, policies={"leadHours": 48, "maxLatenessHours": 200})

    made = series.at(TUESDAY, now=TUESDAY + 30 * HOUR)

    campaign = series.store.campaigns.get(TENANT, made.campaign_id)
    assert campaign.schedule.start_date == TUESDAY + 78 * HOUR
    assert str(campaign.schedule.end_date) == "2027-03-08"


@pytest.mark.parametrize(("hours", "code"), [(48, "TOO_FEW_POSTS"), (121, "WINDOW_OVER")])
def test_what_is_no_use_any_more_is_left_out(tmp_path: Path, hours: int, code: str) -> None:
    series = Series(
        tmp_path,
        window={"anchor": "scheduled_time", "length": "P7D"},
        policies={"leadHours": 48, "maxLatenessHours": 1000, "minUsefulPosts": 2},
        brief={"cadenceOverrides": {"minPostsPerWeek": 0, "maxPostsPerWeek": 3}},
    )

    made = series.at(TUESDAY, now=TUESDAY + hours * HOUR)

    assert (made.status, made.code) == (SKIPPED, code)
    assert not series.campaigns()


def test_the_next_one_waits_for_the_one_before_and_begins_when_that_has_ended(series: Series) -> None:
    first = series.at(TUESDAY)
    later = TUESDAY + WEEK

    second = series.at(later)
    assert (second.status, second.code) == (QUEUED, "QUEUED")
    assert begin_queued(series.store, now=later + HOUR) == []
    series.end(first, S.COMPLETED, at=later + 2 * HOUR)
    begun = begin_queued(series.store, now=later + 3 * HOUR)

    assert [(each.period, each.status) for each in begun] == [("2027-W10", STARTED)]
    assert begin_queued(series.store, now=later + 4 * HOUR) == []
    assert len(series.campaigns()) == 2


def test_a_queued_one_whose_template_is_gone_is_given_up(series: Series) -> None:
    series.at(TUESDAY)
    queued = series.at(TUESDAY + WEEK)
    series.store.templates.delete(TENANT, series.template.id, at=TUESDAY + WEEK)

    assert begin_queued(series.store, now=TUESDAY + WEEK + HOUR) == []
    found = series.store.occurrences.find(TENANT, queued.template_id, queued.period)
    assert found is not None
    assert (found.status, found.code) == (SKIPPED, "TEMPLATE_CHANGED")


def test_a_queued_one_that_cannot_be_begun_keeps_no_other_waiting(
    series: Series,
) -> None:
    damaged, first = series.template.id, series.at(TUESDAY)
    series.at(TUESDAY + WEEK)
    series.template = series.save(name="Another series")
    series.end(first, S.COMPLETED, at=TUESDAY + HOUR)
    other = series.at(TUESDAY + WEEK)
    waits = series.at(TUESDAY + 2 * WEEK)
    series.end(other, S.COMPLETED, at=TUESDAY + 2 * WEEK + HOUR)
    key = keys.template(TENANT, damaged)
    series.store.table.write(Put({**series.store.table.get(key), "body": "{}"}))

    begun = begin_queued(series.store, now=TUESDAY + 2 * WEEK + 2 * HOUR)

    assert [each.id for each in begun] == [waits.id]


def test_the_one_before_is_cancelled_where_the_policy_says_so(tmp_path: Path) -> None:
    series = Series(tmp_path, policies={"overlap": "supersede_previous"})
    first = series.at(TUESDAY)

    second = series.at(TUESDAY + WEEK)

    assert second.status is STARTED
    assert series.store.campaigns.get(TENANT, first.campaign_id).status is CampaignStatus.CANCELLED


def test_the_one_before_is_cancelled_also_by_whoever_goes_on_with_a_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = Series(tmp_path, policies={"overlap": "supersede_previous"})
    first = series.at(TUESDAY)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as until_then:
        until_then.setattr(recurring, "cancel", killed)
        with pytest.raises(KeyboardInterrupt):
            series.at(TUESDAY + WEEK)

    second = series.at(TUESDAY + WEEK)

    assert second.status is STARTED
    assert series.store.campaigns.get(TENANT, first.campaign_id).status is CampaignStatus.CANCELLED


def test_the_one_before_is_cancelled_also_by_the_one_behind_who_finds_the_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = Series(tmp_path, policies={"overlap": "supersede_previous"})
    made = [series.at(TUESDAY)]
    with monkeypatch.context() as until_then:
        until_then.setattr(recurring, "cancel", dies)
        with pytest.raises(StoreUnavailableError):
            series.at(TUESDAY + WEEK)

    made.append(series.at(TUESDAY + 2 * WEEK, now=TUESDAY + WEEK + HOUR))

    claimed = series.store.occurrences.find(TENANT, series.template.id, "2027-W10")
    assert claimed is not None
    assert claimed.status is STARTED
    found = [series.store.campaigns.get(TENANT, each.campaign_id).status for each in (made[0], claimed, made[1])]
    assert found == [CampaignStatus.CANCELLED, CampaignStatus.CANCELLED, CampaignStatus.PLANNING]


def test_two_rejections_in_a_row_pause_the_template_until_somebody_had_a_look(series: Series) -> None:
    for number in range(2):
        series.end(series.at(TUESDAY + number * WEEK), S.REJECTED, at=TUESDAY + number * WEEK + DAY)

    third = series.at(TUESDAY + 2 * WEEK)

    template = series.store.templates.get(TENANT, series.template.id)
    assert (third.status, third.code) == (SKIPPED, "REJECTED")
    assert template.status is TemplateStatus.PAUSED
    assert series.at(TUESDAY + 3 * WEEK).code == "PAUSED"
    resumed(series.store, template, actor="rui", now=TUESDAY + 3 * WEEK + DAY)
    assert series.at(TUESDAY + 4 * WEEK).status is STARTED
    log = [(change.action, change.actor) for change in series.store.templates.changes(TENANT, template.id)]
    assert log == [("resumed", "rui"), ("paused", "recurring-campaign"), ("created", "rui")]


def test_a_person_can_have_made_what_was_left_out(series: Series) -> None:
    paused(series.store, series.template, actor="rui", reason="holidays", now=TUESDAY)
    assert series.at(TUESDAY).code == "PAUSED"

    made = series.of("2027-W09", now=TUESDAY + HOUR, by_hand=True, actor="rui")

    assert (made.status, made.started_by) == (STARTED, "rui")
    assert series.at(TUESDAY) == made


def test_the_next_one_is_skipped_and_then_the_one_after_it(series: Series) -> None:
    def left_out(period: str | None = None) -> str:
        return skip(series.store, series.template, period=period, actor="rui", reason="fair", now=TUESDAY - DAY).period

    assert [left_out(), left_out()] == ["2027-W09", "2027-W10"]
    assert (series.at(TUESDAY).status, series.at(TUESDAY).reason) == (SKIPPED, "fair")
    coming = forecasts(series.store, series.template, now=TUESDAY - DAY, count=3)
    assert [each.status for each in coming] == [SKIPPED, SKIPPED, None]
    series.at(TUESDAY + 2 * WEEK)
    with pytest.raises(ConflictError):
        left_out("2027-W11")


def test_what_cannot_be_made_now_is_refused_with_every_fault_and_made_once_it_can(series: Series) -> None:
    persona = series.store.personas.get(TENANT, series.persona.id)
    away = persona.model_copy(update={"is_active": False})
    away = series.store.personas.update(away, expect_version=persona.version)

    refused = series.at(TUESDAY)

    assert (refused.status, refused.code) == (OccurrenceStatus.REFUSED, BadBriefError.code)
    assert "brief.participants.personaIds[0]" in str(refused.reason)
    assert not series.campaigns()
    back = away.model_copy(update={"is_active": True})
    series.store.personas.update(back, expect_version=away.version)
    assert series.at(TUESDAY, now=TUESDAY + HOUR).status is STARTED


# --- a year -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recurrence", "window", "count", "places"),
    [
        ({"rrule": "FREQ=WEEKLY;BYDAY=TU", "startsOn": "2027-01-04"}, {}, 52, ["linkedin"]),
        (
            {"rrule": "FREQ=MONTHLY;BYMONTHDAY=20", "startsOn": "2027-01-01"},
            {"anchor": "first_of_next_month", "length": "P1M"},
            12,
            ["linkedin", "twitter"],
        ),
    ],
)
def test_a_year_has_each_period_once_and_says_nothing_twice(
    tmp_path: Path, recurrence: dict[str, Any], window: dict[str, Any], count: int, places: list[str]
) -> None:
    series = Series(tmp_path, recurrence={"at": "09:00", **recurrence}, window=window, policies={"topicMemory": 60})
    calendar = Calendar(series.template.recurrence, "Europe/Lisbon")
    topics: list[str] = []
    for due in calendar.between(BEGIN, BEGIN + 365 * DAY):
        made = series.at(due.at, now=due.at + timedelta(minutes=1))
        assert series.at(due.at, now=due.at + HOUR) == made  # a second schedule
        posts = series.posts(made, now=due.at + HOUR)
        assert posts
        # Five facts do not last for a year; a post that repeats one says so.
        noted = {post.id for post in posts if post.quality and "repeats one" in post.quality.checks[0].message}
        assert not [post.topic for post in posts if post.id not in noted and repeats(post.topic, topics)]
        topics += [post.topic for post in posts]
        series.end(made, S.COMPLETED, at=due.at + DAY)

    assert len(series.all()) == len({each.period for each in series.all()}) == count
    assert {each.status for each in series.all()} == {STARTED}
    assert len(series.campaigns()) == count


def test_the_topics_of_the_last_six_are_kept_in_mind_and_no_others(series: Series) -> None:
    said: list[list[str]] = []
    for number in range(8):
        at = TUESDAY + number * WEEK
        made = series.at(at)
        campaign = series.store.campaigns.get(TENANT, made.campaign_id)
        assert earlier_topics(series.store, campaign) == [topic for week in said[-6:] for topic in week]
        said.append([post.topic for post in series.posts(made, now=at)])
        series.end(made, S.COMPLETED, at=at + DAY)


# --- before anything is saved -------------------------------------------------------------------------


def test_what_comes_is_told_with_windows_posts_and_warnings(tmp_path: Path) -> None:
    holidays = "\r\n".join(
        [
            "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y//EN",
            "BEGIN:VEVENT", "UID:1", "DTSTAMP:20200101T000000Z", "DTSTART;VALUE=DATE:20200425",
            "RRULE:FREQ=YEARLY;UNTIL=20400101T000000Z", "SUMMARY:Freedom Day", "END:VEVENT",
            "BEGIN:VEVENT", "UID:2", "DTSTAMP:20200101T000000Z", "DTSTART;VALUE=DATE:20270329",
            "DTEND;VALUE=DATE:20270331", "SUMMARY:Easter", "END:VEVENT", "END:VCALENDAR",
        ]
    )  # fmt: skip
    series = Series(tmp_path, holidays=holidays)

    coming = forecasts(series.store, series.template, now=datetime(2027, 3, 10, tzinfo=UTC), count=3)

    assert [(each.period, each.window.from_, each.window.to) for each in coming] == [
        ("2027-W11", "2027-03-22", "2027-03-28"),
        ("2027-W12", "2027-03-29", "2027-04-04"),
        ("2027-W13", "2027-04-05", "2027-04-11"),
    ]
    assert "the clocks change on 2027-03-28" in coming[0].warnings
    assert "2027-03-29 is a holiday: Easter" in coming[1].warnings
    assert "2027-03-30 is a holiday: Easter" in coming[1].warnings
    assert not [each for each in coming if each.faults]
    made = series.of("2027-W12", now=datetime(2027, 3, 23, 9, tzinfo=UTC))
    posts = series.posts(made, now=datetime(2027, 3, 23, 9, tzinfo=UTC))
    assert posts
    assert min(post.scheduled_at for post in posts) > datetime(2027, 3, 31, tzinfo=UTC)
    assert not series.campaigns()[0].schedule.blackout_days() ^ {date(2027, 3, 29), date(2027, 3, 30)}


def test_of_a_range_without_posts_only_the_days_of_the_window_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred ranges of a thousand years are 36 million days."""

    def listed(_: DateRange) -> list[date]:
        raise AssertionError("all days of the range were listed")

    monkeypatch.setattr(DateRange, "days", listed)
    ranges = [{"from": "2027-03-10", "to": "2999-12-31"}, {"from": "2000-01-01", "to": "2026-12-31"}]
    schedule = {"timezone": "Europe/Lisbon", "allowedDaysOfWeek": ["tue", "wed"], "blackoutDates": ranges}

    series = Series(tmp_path, brief={"schedule": schedule})
    series.of("2027-W09", now=TUESDAY)

    assert series.campaigns()[0].schedule.blackout_days() == {date(2027, 3, day) for day in range(10, 15)}


def faults(series: Series, **changes: Any) -> dict[str, str]:
    raw = series.given(**changes)
    with pytest.raises(FaultsError) as caught:
        accepted(series.store, raw, tenant_id=TENANT, requester=REQUESTER, now=BEGIN)
    return {fault.field: fault.code for fault in caught.value.faults}


def test_every_fault_of_a_template_is_told_at_once_where_it_is_mended(series: Series) -> None:
    stranger = "persona_01JZ0K7A3M5T9Y1C4GQVSB8WEX"
    participants = {"personaIds": [stranger], "platforms": ["linkedin"]}

    assert faults(series, brief={"participants": participants}, window={"length": "P0D"}, name="") == {
        "name": "TOO_SHORT",
        "window.length": "DURATION",
        "brief.participants.personaIds[0]": "PERSONA_UNKNOWN",
    }
    assert faults(series, window={"length": "P4M"}) == {"window.length": "SPAN_TOO_LONG"}
    assert faults(series, brief={"participants": participants}) == {
        "brief.participants.personaIds[0]": "PERSONA_UNKNOWN"
    }
    never = {"rrule": "FREQ=MONTHLY;BYMONTHDAY=31;BYSETPOS=2", "startsOn": "2027-01-01"}
    assert faults(series, recurrence=never) == {"recurrence": "RECURRENCE_EMPTY"}
    weekend = {"timezone": "Europe/Lisbon", "allowedDaysOfWeek": ["sun"]}
    saturday = {"anchor": "next_monday", "length": "P2D"}
    assert set(faults(series, brief={"schedule": weekend}, window=saturday)) == {"brief.schedule"}
    assert faults(series, policies={"minUsefulPosts": 50}) == {"window": "TOO_FEW_POSTS"}


def test_the_result_of_an_occurrence_is_that_of_its_campaign(series: Series) -> None:
    made = series.at(TUESDAY)
    series.posts(made, now=TUESDAY)

    result = result_of(series.store, made)

    assert result is not None
    assert (result.status, result.posts, result.rounds) == (CampaignStatus.GENERATING, 2, 0)
    series.end(made, S.CANCELLED, at=TUESDAY + DAY)
    series.store.campaigns.delete(TENANT, made.campaign_id, actor="rui", at=TUESDAY + DAY)
    assert result_of(series.store, made) is None
    assert series.at(TUESDAY).campaign_id == made.campaign_id  # deleted is not unmade


def test_another_tenant_has_templates_and_periods_of_its_own(series: Series) -> None:
    series.at(TUESDAY)

    assert series.store.templates.list("rival").items == []
    assert series.store.occurrences.find("rival", series.template.id, "2027-W09") is None
