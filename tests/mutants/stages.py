"""Breaks of approval in stages, and the test that must notice each."""

from __future__ import annotations

from tests.mutants.run import Mutant

STAGES = "tests/approvals/test_stages.py"
RULES = "campaigns/rules/approval/stages.py"

MUTANTS: list[Mutant] = [
    {
        "name": "other words keep the approval of the stages before",
        "file": RULES,
        "old": "    if before.posts[post_id] == words:",
        "new": "    if before.posts[post_id]:",
        "killed_by": f"{STAGES}::TestStages",
    },
    {
        "name": "the first stage that approves is the last",
        "file": RULES,
        "old": "    return _first_lacking(going, len(round_.stage.names))",
        "new": "    return None",
        "killed_by": f"{STAGES}::test_a_stage_is_asked_when_the_one_before_has_approved_and_about_that_only",
    },
    {
        "name": "a change goes back to the first stage whatever the terms name",
        "file": RULES,
        "old": "return [n for n in known if n < terms.returns_to(before.stage.n)]",
        "new": "return []",
        "killed_by": f"{STAGES}::test_a_change_goes_back_to_the_stage_that_is_named",
    },
    {
        "name": "what a stage passed over goes on to the next",
        "file": RULES,
        "old": "    shown = {post_id: words for post_id, words in hashed.items() if left_out.get(post_id) != words}",
        "new": "    shown, left_out = hashed, {}",
        "killed_by": f"{STAGES}::test_what_a_stage_passed_over_goes_nowhere",
    },
    {
        "name": "the next stage is asked although the one before was taken back",
        "file": "campaigns/store/campaign/approvals.py",
        "old": "if passes_on is not None and passes_on != current:",
        "new": "if False:",
        "killed_by": f"{STAGES}::test_a_stage_that_is_taken_back_in_that_moment_opens_nothing",
    },
    {
        "name": "the next stage is asked about what was changed behind the back of the one before",
        "file": "campaigns/approval/opening.py",
        "old": "    if round_digest(approved) != before.digest:",
        "new": "    if False:",
        "killed_by": f"{STAGES}::test_what_was_changed_behind_a_stages_back_is_shown_to_nobody",
    },
    {
        "name": "a post stands as approved once one stage has approved it",
        "file": "campaigns/approval/verdicts.py",
        "old": "len(cleared[post_id]) < len(round_.stage.names)",
        "new": "not cleared[post_id]",
        "killed_by": f"{STAGES}::test_what_not_all_stages_approved_does_not_go_out_while_the_rest_is_rewritten",
    },
    {
        "name": "a stage takes the hours of those behind it",
        "file": RULES,
        "old": "    return now + left * hours / (hours + later)",
        "new": "    return now + min(left, timedelta(hours=hours))",
        "killed_by": f"{STAGES}::test_time_is_planned_backwards_from_the_first_post",
    },
]
