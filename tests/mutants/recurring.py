"""Small breaks of templates and their occurrences, each with the test that notices."""

from __future__ import annotations

from tests.mutants.run import Mutant

RULE = "campaigns/rules/recurrence/rule.py"
POLICY = "campaigns/rules/recurrence/policy.py"
WINDOW = "campaigns/rules/recurrence/window.py"
WORK = "campaigns/operations/recurring.py"
RULES = "tests/rules/test_recurrence.py"
OCCUR = "tests/recurring/test_occurrences.py"
ONCE = f"{OCCUR}::test_any_clock_zone_downtime_and_double_start_make_each_period_once"
DOWN = f"{OCCUR}::test_after_three_weeks_without_a_server_the_latest_is_made_if_it_is_not_too_late"

MUTANTS: list[Mutant] = [
    {
        "name": "recurring: a period is named by the day in UTC",
        "file": RULE,
        "old": "        day = moment.astimezone(self.zone).date()\n",
        "new": "        day = moment.date()\n",
        "killed_by": RULES,
    },
    {
        "name": "recurring: a week belongs to the year of its day",
        "file": RULE,
        "old": 'return f"{year:04d}-W{week:02d}"',
        "new": 'return f"{day.year:04d}-W{week:02d}"',
        "killed_by": RULES,
    },
    {
        "name": "recurring: a due is counted from the day before",
        "file": RULE,
        "old": "if after < due.at <= until]",
        "new": "if after <= due.at < until]",
        "killed_by": RULES,
    },
    {
        "name": "recurring: a window lasts a day longer",
        "file": WINDOW,
        "old": "last = first + _delta(window.length) - timedelta(days=1)",
        "new": "last = first + _delta(window.length)",
        "killed_by": ONCE,
    },
    {
        "name": "recurring: what exists does not stand",
        "file": WORK,
        "old": "            case OccurrenceStatus.STARTED:\n                return True",
        "new": "            case OccurrenceStatus.STARTED:\n                return False",
        "killed_by": f"{OCCUR}::test_another_run_in_the_same_period_finds_what_the_first_one_made",
    },
    {
        "name": "recurring: nobody can have made what was left out",
        "file": WORK,
        "old": "                return not self.by_hand\n            case OccurrenceStatus.QUEUED",
        "new": "                return True\n            case OccurrenceStatus.QUEUED",
        "killed_by": f"{OCCUR}::test_a_person_can_have_made_what_was_left_out",
    },
    {
        "name": "recurring: one occurrence more is remembered",
        "file": WORK,
        "old": "before[: self.template.policies.topic_memory]",
        "new": "before[: self.template.policies.topic_memory + 1]",
        "killed_by": f"{OCCUR}::test_the_topics_of_the_last_six_are_kept_in_mind_and_no_others",
    },
    {
        "name": "recurring: the one that was overtaken is made too",
        "file": POLICY,
        "old": "    if later:\n",
        "new": "    if later > 1:\n",
        "killed_by": DOWN,
    },
    {
        "name": "recurring: one more is caught up",
        "file": POLICY,
        "old": "if later >= policies.catch_up_at_most:",
        "new": "if later > policies.catch_up_at_most:",
        "killed_by": RULES,
    },
    {
        "name": "recurring: later than allowed is made",
        "file": POLICY,
        "old": "if late > policies.lateness():",
        "new": "if late > 2 * policies.lateness():",
        "killed_by": f"{OCCUR}::test_by_default_what_is_later_than_half_the_lead_is_left_out_and_says_so",
    },
    {
        "name": "recurring: it takes one rejection more to pause",
        "file": POLICY,
        "old": "0 < policies.pause_after_rejections <= rejected",
        "new": "0 < policies.pause_after_rejections < rejected",
        "killed_by": f"{OCCUR}::test_two_rejections_in_a_row_pause_the_template_until_somebody_had_a_look",
    },
    {
        "name": "recurring: next Monday may be today",
        "file": WINDOW,
        "old": "return day + timedelta(days=7 - day.weekday())",
        "new": "return day + timedelta(days=-day.weekday() % 7)",
        "killed_by": RULES,
    },
    {
        "name": "recurring: the approvers' time is counted from the due",
        "file": WINDOW,
        "old": "return Days(first, last, max(now, due.at) + lead)",
        "new": "return Days(first, last, due.at + lead)",
        "killed_by": f"{OCCUR}::test_a_window_is_cut_where_the_approvers_time_ends",
    },
    {
        "name": "recurring: posts go out on holidays",
        "file": WINDOW,
        "old": "    fixed |= {holiday.day for holiday in holidays_in(template, days.first, days.last)}\n",
        "new": "",
        "killed_by": f"{OCCUR}::test_what_comes_is_told_with_windows_posts_and_warnings",
    },
]
