"""Every piece of advice in docs/runbook.md is followed by a test; a new one, or another wording, is refused until then.

A piece of advice is a clause of the last column of a table, or a sentence of the text that orders something. The
register says which tests follow it; whoever changes the advice looks at its tests and changes them with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from prefect import Flow

from flows import operations

TESTS: Final = Path(__file__).resolve().parents[1]
ROOT: Final = TESTS.parent
PAGE: Final = (ROOT / "docs" / "runbook.md").read_text()

ADVICE: Final = "housekeeping/test_runbook_advice.py"
OPERATIONS: Final = "housekeeping/test_operations.py"
RUNS: Final = "housekeeping/test_recover_runs.py"
HOUSEKEEPING: Final = "housekeeping/test_housekeeping_flow.py"
DUTIES: Final = "housekeeping/test_duties.py"
BUILD: Final = "flows/test_build_campaign.py"
LIMITS: Final = "flows/test_time_limits.py"
OWN: Final = "flows/test_own_run.py"
ORDERS: Final = "flows/test_orders.py"
FORM: Final = "flows/test_approval_form.py"
STYLE: Final = "flows/test_analysis_runs.py"
RESTORED: Final = "flows/test_restored_table.py"
CHAOS: Final = "system/test_chaos.py"
CHECKPOINTS: Final = "checkpoints/test_checkpoint_runs.py"
IDENTITY: Final = "api/test_identity.py"
MAIL: Final = "notices/test_mail.py"
TAMPERED: Final = f"{ADVICE}::test_content_that_was_tampered_with_is_found_rolled_back_and_retried"
MODEL_BACK: Final = f"{LIMITS}::test_posts_that_never_get_an_answer_are_tried_a_stated_number_of_times"
CHECKPOINT_KEY: Final = (
    f"{ADVICE}::test_a_checkpoint_key_that_still_verifies_keeps_a_campaign_going_and_a_revoked_one_stops_it"
)
POOL: Final = "system/test_work_pool.py::test_a_paused_pool_is_seen_and_resumed"
REFUSED: Final = f"{ADVICE}::test_an_act_is_refused_exactly_when_the_table_says_so"
SWITCH: Final = "flows/test_model_stopped.py::test_a_build_waits_while_calls_are_stopped_and_goes_on_when_resumed"
SWITCH_TURNED: Final = "flows/test_model_stopped.py::test_the_switch_is_turned_by_operators_under_their_name_once"
BUDGET: Final = f"{OPERATIONS}::test_a_budget_that_did_not_suffice_is_raised_and_the_campaign_goes_on"
RETRY: Final = f"{OPERATIONS}::test_a_failed_campaign_goes_on_where_it_stopped_and_failed_posts_are_written_again"

IN_TABLES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    # Row, by how it begins: each clause of its last column, and the tests that follow it.
    "`retry-campaign`": {"it has not failed": (RETRY, REFUSED)},
    "`regenerate-posts`": {
        "neither in review nor failed": (
            f"{OPERATIONS}::test_posts_are_written_again_for_an_operator_and_the_others_stay",
            f"{OPERATIONS}::test_words_of_a_failed_campaign_are_written_again_as_the_operator_says",
            REFUSED,
        )
    },
    "`edit-post`": {
        "nobody is asked, or somebody has decided": (
            f"{OPERATIONS}::test_an_operator_corrects_a_post_under_review",
            REFUSED,
        )
    },
    "`resend-links`": {
        "nobody is being asked": (f"{OPERATIONS}::test_links_go_out_again_only_to_who_has_not_decided", REFUSED)
    },
    "`replace-approver`": {
        "nobody is being asked": (f"{OPERATIONS}::test_an_approver_is_replaced_by_another_person", REFUSED),
        "that one has decided": (REFUSED,),
    },
    "`revoke-link`": {
        "that one has decided": (
            f"{OPERATIONS}::test_a_link_that_got_about_is_revoked_and_the_others_decide",
            REFUSED,
        ),
        "nobody would be left to decide": (REFUSED,),
    },
    "`extend-approval`": {
        "nobody is being asked": (f"{OPERATIONS}::test_a_round_gets_more_time_and_a_campaign_is_called_off", REFUSED)
    },
    "`reopen-campaign`": {
        "it has not timed out": (
            f"{OPERATIONS}::test_a_campaign_that_timed_out_is_put_to_its_approvers_once_more",
            REFUSED,
        )
    },
    "`decide-on-behalf`": {
        "nobody is being asked": (f"{OPERATIONS}::test_an_operator_decides_in_place_of_all", REFUSED),
        "that one has decided": (REFUSED,),
    },
    "`cancel-campaign`": {
        "it is decided": (f"{OPERATIONS}::test_a_round_gets_more_time_and_a_campaign_is_called_off", REFUSED)
    },
    "`redeliver-outbox`": {
        "nothing was set aside": (
            f"{HOUSEKEEPING}::test_operators_hear_of_what_was_set_aside_and_put_it_back",
            REFUSED,
        )
    },
    "`roll-back-campaign`": {
        "it has not failed": (
            f"{OPERATIONS}::test_a_partly_finished_campaign_goes_back_to_what_its_approvers_saw",
            REFUSED,
        )
    },
    "`raise-budget`": {"it has ended": (BUDGET,), "it has no budget": (BUDGET,), "it is not more": (BUDGET,)},
    "`stop-model`": {"calls are stopped already": (SWITCH,)},
    "`resume-model`": {"nothing is stopped": (SWITCH,)},
    "`verify-consistency`": {},
    "`failed`, `BUILD_TIMEOUT`": {
        "see whether the model is slow or throttles": (
            f"{LIMITS}::test_work_counts_over_all_runs_and_waiting_for_people_does_not",
        ),
        "`retry-campaign`: it goes on where it stopped, with as much time again": (
            f"{LIMITS}::test_a_build_that_hangs_ends_in_its_time_and_goes_on_where_it_stopped",
        ),
    },
    "Runs *Late*": {
        "`prefect work-pool inspect campaigns`": (POOL,),
        "start `python -m deployments.worker`": (
            "system/test_crash.py::test_posts_written_before_a_kill_stay_and_are_not_paid_again",
        ),
        "`prefect work-pool resume campaigns` if it is paused": (POOL,),
    },
    "Run *Crashed* or *Failed*, campaign in work": {
        "nothing": (
            f"{RUNS}::test_a_run_that_cannot_go_on_is_scheduled_again_once",
            f"{RUNS}::test_a_build_that_breaks_at_one_place_is_put_aside_with_the_reason",
            f"{RUNS}::test_a_worker_that_is_too_busy_to_start_a_run_puts_no_campaign_aside",
            f"{RUNS}::test_a_long_outage_puts_no_campaign_aside",
        )
    },
    "Run *Running*, its process is gone": {
        "nothing": (f"{RUNS}::test_a_run_that_cannot_go_on_is_scheduled_again_once",)
    },
    "Run *Suspended*, the campaign is decided": {
        "nothing": (
            f"{RUNS}::test_a_run_that_sleeps_through_its_decision_is_woken",
            f"{HOUSEKEEPING}::test_the_sweeper_rings_a_bell_that_was_lost",
        ),
        "after two minutes look whether an API process lives": (
            f"{HOUSEKEEPING}::test_the_sweepers_sweep_while_their_block_lasts",
        ),
    },
    "Run *Replaced* or *Skipped*": {
        "nothing": (
            RETRY,
            f"{OWN}::test_a_copy_of_a_run_ends_with_the_name_of_the_run_that_builds_the_campaign",
            f"{OWN}::test_a_scheduled_run_with_the_same_reference_ends",
        )
    },
    'Run *Failed*, "used with another brief"': {
        "submit the brief anew, or start the run without a brief": (
            f"{OWN}::test_a_run_with_another_brief_is_refused_and_does_no_harm",
            f"{OWN}::test_a_run_that_is_started_by_hand_builds_a_campaign_that_has_none",
        )
    },
    "Somebody set a run to": {
        "nothing, or `retry-campaign`": (
            f"{ORDERS}::test_a_run_that_is_stopped_in_prefect_pays_for_no_further_post_and_stays_stopped",
        )
    },
    "Somebody pressed *Suspend*": {
        "*Resume*: it goes on where it stopped": (
            f"{ORDERS}::test_a_run_that_is_suspended_in_prefect_rests_until_it_is_resumed",
        )
    },
    "Somebody pressed *Resume*": {"nothing": (f"{BUILD}::test_waking_a_run_without_a_decision_makes_it_wait_again",)},
    "Somebody answered *Resume*": {
        "open *Resume* again and answer the form as it is now": (
            f"{FORM}::test_a_name_that_is_nearly_right_is_refused_and_says_what_to_type",
            f"{FORM}::test_an_answer_is_about_the_words_that_its_form_was_made_for",
            f"{FORM}::test_a_rejection_without_a_reason_is_told",
        )
    },
    "Run cancelled in Prefect": {
        "nothing": (
            f"{RUNS}::test_a_run_cancelled_in_prefect_cancels_its_campaign_and_closes_its_links",
            f"{RUNS}::test_a_decision_takes_effect_whose_run_was_cancelled_in_prefect_meanwhile",
        ),
        "next time `cancel-campaign`": (f"{OPERATIONS}::test_a_round_gets_more_time_and_a_campaign_is_called_off",),
    },
    "Run deleted, or all runs gone": {
        "nothing": (f"{RUNS}::test_a_campaign_whose_run_is_gone_from_prefect_gets_another_and_pays_nothing_twice",),
        "for all: *Prefect's database*, below": (f"{CHAOS}::test_nothing_is_lost_doubled_or_asked_again_for_nothing",),
    },
    "`failed`, lastError `QUARANTINED`": {
        "read the log of its last run, mend the cause, `retry-campaign`": (
            f"{ADVICE}::test_a_refused_checkpoint_that_was_left_for_long_is_deleted_and_the_campaign_retried",
            f"{RUNS}::test_a_campaign_that_an_operator_starts_again_has_all_its_attempts",
        )
    },
    "A persona stays": {
        "ask, if nobody has": (f"{STYLE}::test_a_style_is_read_by_a_flow",),
        "else nothing: `undelivered` tells when it takes long": (
            f"{STYLE}::test_a_run_that_breaks_is_followed_by_another_one",
            f"{HOUSEKEEPING}::test_operators_hear_of_what_cannot_be_delivered",
        ),
    },
    "A persona is `failure`": {
        "mend that": (f"{STYLE}::test_a_run_that_somebody_cancelled_is_not_started_again",),
        "`POST /personas/{id}/analyze` again": (
            f"{STYLE}::test_after_five_broken_runs_it_is_a_failure_and_may_be_asked_for_again",
        ),
    },
    "`failed`, `REVISION_LIMIT`": {
        "`retry-campaign` (one round more) or leave it": (
            "api/test_advice.py::test_a_campaign_whose_changes_ran_out_gets_one_round_more",
        )
    },
    "`failed`, `INTEGRITY`": {
        "`verify-consistency`": (TAMPERED,),
        "find out who wrote to the table": (
            "deployments/test_aws_template.py::test_the_api_purges_nothing_and_reaches_no_checkpoint_and_no_model",
        ),
        "`roll-back-campaign`, `retry-campaign`": (TAMPERED,),
    },
    "`failed`, no usable post": {"see *model* below, then `retry-campaign`": (MODEL_BACK,)},
    '"I never got the link"': {
        "`resend-links`": (f"{OPERATIONS}::test_links_go_out_again_only_to_who_has_not_decided",),
        "is `undelivered` on? Then mend the channel (`CAMPAIGNS_NOTIFICATION_BLOCKS`)": (
            f"{HOUSEKEEPING}::test_operators_hear_of_what_cannot_be_delivered",
            f"{MAIL}::test_a_server_that_refuses_for_now_is_asked_again",
        ),
    },
    '"The link says it is over"': {
        "`extend-approval` while it is open, `reopen-campaign` after a time-out": (
            f"{OPERATIONS}::test_a_round_gets_more_time_and_a_campaign_is_called_off",
            f"{OPERATIONS}::test_a_campaign_that_timed_out_is_put_to_its_approvers_once_more",
        )
    },
    "The approver is away": {
        "`decide-on-behalf`, `replace-approver`, or `extend-approval`": (
            f"{OPERATIONS}::test_an_operator_decides_in_place_of_all",
            f"{OPERATIONS}::test_an_approver_is_replaced_by_another_person",
            f"{OPERATIONS}::test_a_round_gets_more_time_and_a_campaign_is_called_off",
        )
    },
    "A link was forwarded": {
        "`replace-approver` (the old link is worthless at once), or `revoke-link`": (
            f"{OPERATIONS}::test_an_approver_is_replaced_by_another_person",
            f"{OPERATIONS}::test_a_link_that_got_about_is_revoked_and_the_others_decide",
        )
    },
    "*Inconsistent*": {
        "`UNDELIVERED`: see the last error": (f"{HOUSEKEEPING}::test_operators_hear_of_what_cannot_be_delivered",),
        "`QUARANTINED`: mend what the log `campaigns.outbox` tells, then `redeliver-outbox`, or for a persona"
        " `POST /analyze`": (f"{HOUSEKEEPING}::test_operators_hear_of_what_was_set_aside_and_put_it_back",),
        "Else do what the finding says": (
            "approvals/test_consistency.py::test_a_reopening_that_was_left_half_done",
            "approvals/test_consistency.py::test_a_campaign_that_was_not_put_under_review_with_its_round",
        ),
        "without advice, `cancel-campaign` if nobody may decide on it meanwhile, and ask a developer": (
            f"{ADVICE}::test_an_inconsistent_campaign_on_which_nobody_may_decide_meanwhile_is_cancelled",
        ),
    },
    "Run of `housekeeping` *Failed*": {
        "mend what it names": (f"{HOUSEKEEPING}::test_a_duty_that_fails_is_told_and_the_others_are_done",)
    },
    "Event `campaign.checkpoint.refused`": {
        "treat it as an intrusion: who can write to the bucket? Delete the object": (
            f"{CHECKPOINTS}::test_a_changed_checkpoint_crashes_the_run_and_nothing_is_written_anew",
            "deployments/test_aws_template.py::test_a_worker_may_do_exactly_what_the_store_and_the_checkpoints_call",
        ),
        "the run goes on by itself within minutes": (
            f"{ADVICE}::test_a_refused_checkpoint_is_deleted_and_the_run_goes_on_by_itself",
        ),
        "If the campaign is `failed` with `QUARANTINED` meanwhile, `retry-campaign`": (
            f"{ADVICE}::test_a_refused_checkpoint_that_was_left_for_long_is_deleted_and_the_campaign_retried",
        ),
    },
    "`failure_rate`": {
        "`lastError` of the failed ones": ("api/test_execution.py::test_a_failed_build_says_where_and_why",)
    },
    "`timeout_rate`": {
        "whether notices arrive": (
            f"{MAIL}::test_a_server_that_refuses_for_good_is_not_asked_again_and_people_are_told",
        ),
        "whether the time is too short": (
            f"{DUTIES}::test_a_round_that_ran_out_counts_whatever_its_policy_makes_of_that",
        ),
    },
    "`slow_builds`": {
        "model latency, throttling, load of the workers": (
            "properties/test_property_13_alerting.py::test_slowness_compares_means_and_needs_a_baseline",
        )
    },
    "`denied_requests`": {
        "the log `campaigns.denied`, by network": (
            f"{IDENTITY}::test_a_denied_access_is_noted_with_its_reason_and_without_the_token",
        ),
        "*keys* below": (f"{IDENTITY}::test_a_key_that_only_verifies_still_does_and_a_revoked_one_does_not",),
    },
    "`tampering`": {
        "`verify-consistency`": (
            f"{HOUSEKEEPING}::test_operators_hear_at_once_of_content_that_is_not_what_was_approved",
        ),
        "who can write to the table?": (
            "deployments/test_aws_template.py::test_a_worker_may_do_exactly_what_the_store_and_the_checkpoints_call",
        ),
    },
    "`undelivered`": {
        "`verify-consistency`: it names entry and last error": (
            f"{HOUSEKEEPING}::test_operators_hear_of_what_cannot_be_delivered",
        )
    },
    "`model_stopped`": {
        "`python -m deployments.commands.model`: who stopped them, and why": (SWITCH_TURNED,),
        "`resume-model`": (SWITCH_TURNED,),
    },
    "`late_runs`": {
        "the worker, its work pool": (f"{HOUSEKEEPING}::test_operators_hear_of_a_missing_worker_without_one",)
    },
    "Prefect server": {
        "by itself within a minute": (
            f"{CHAOS}::test_nothing_is_lost_doubled_or_asked_again_for_nothing",
            f"{DUTIES}::test_mails_go_out_while_prefect_is_away",
            f"{STYLE}::test_asked_while_prefect_is_away_it_is_read_when_prefect_is_back",
        )
    },
    "Worker": {
        "by itself": ("system/test_worker.py::test_a_worker_without_its_server_goes_on_asking",),
        "runs under way when it died start again": (
            "system/test_crash.py::test_posts_written_before_a_kill_stay_and_are_not_paid_again",
        ),
    },
    "Table (DynamoDB)": {"by itself": (f"{RUNS}::test_a_long_outage_puts_no_campaign_aside",)},
    "Bucket (S3)": {
        "by itself": (
            f"{RUNS}::test_a_long_outage_puts_no_campaign_aside",
            f"{CHECKPOINTS}::test_a_storage_that_is_down_while_reading_crashes_the_run_and_the_next_one_goes_on",
        ),
        'Never delete checkpoints to "unstick" a run': (
            f"{CHECKPOINTS}::test_a_storage_that_is_down_while_reading_crashes_the_run_and_the_next_one_goes_on",
        ),
    },
    "Model throttled": {
        "by itself, within a minute": (
            "housekeeping/test_permits.py::test_the_limit_falls_while_the_model_throttles_and_rises_by_itself",
        ),
        "To work the model less for good: `CAMPAIGNS_WRITER_LIMIT`, and restart the workers": (
            "properties/test_property_10_parallel.py::"
            "test_every_planned_post_is_written_once_within_the_limit_whatever_fails",
        ),
    },
    "Model must not be called": {"`resume-model`": (SWITCH,)},
    "Model away": {
        "`retry-campaign`": (MODEL_BACK,),
        "in an open round `regenerate-posts`": (
            f"{ADVICE}::test_a_post_that_the_model_left_out_is_written_again_in_the_open_round",
        ),
    },
    "Mail, Slack": {"by itself": (f"{DUTIES}::test_what_waits_for_a_part_that_is_away_is_tried_for_ever",)},
    "`CAMPAIGNS_APPROVAL_KEYS`": {
        "`resend-links` for every campaign in review": (
            f"{ADVICE}::test_after_an_approval_key_was_revoked_links_are_sent_again",
        ),
        "new feeds for their readers": (f"{ADVICE}::test_after_an_approval_key_was_revoked_readers_get_new_feeds",),
    },
    "`CAMPAIGNS_API_KEYS`": {
        "issue new ones": (
            f"{IDENTITY}::test_a_key_that_only_verifies_still_does_and_a_revoked_one_does_not",
            f"{IDENTITY}::test_a_command_prints_a_token_for_development",
        )
    },
    "`CAMPAIGNS_CHECKPOINT_KEYS`": {
        "do not revoke it while campaigns are in work": (CHECKPOINT_KEY,),
        "keep it as `verify`": (CHECKPOINT_KEY,),
    },
}

THE_STACK: Final = ("system/test_crash.py::test_posts_written_before_a_kill_stay_and_are_not_paid_again",)
TABLE_BACK: Final = (f"{RESTORED}::test_a_campaign_goes_on_from_any_moment",)
POSTGRES_BACK: Final = (
    "system/test_restored_installation.py::test_prefects_database_is_put_back_while_campaigns_wait",
)
SERVER_BACK: Final = (f"{RUNS}::test_a_campaign_whose_run_is_gone_from_prefect_gets_another_and_pays_nothing_twice",)
IN_TEXT: Final[Mapping[str, tuple[str, ...]]] = {
    # Sentence that orders something, by how it begins.
    "Give it a minute before you act": (
        f"{RUNS}::test_a_run_that_cannot_go_on_is_scheduled_again_once",
        f"{HOUSEKEEPING}::test_the_sweeper_rings_a_bell_that_was_lost",
    ),
    "Prefect UI: *Deployments*, tag `operations`, *Run*": (
        "housekeeping/test_runbook_page.py::test_every_operation_is_a_deployment_with_the_tag_and_stands_in_the_table",
    ),
    "Or from a shell": ("system/test_work_pool.py::test_an_act_from_a_shell_is_done_and_says_so",),
    "One that ends *Unknown* may or may not be done: look at the audit trail": (
        f"{OPERATIONS}::test_a_retry_that_died_half_way_is_carried_on_by_the_next",
    ),
    "Outside of this system watch three things": ("api/test_gate.py::test_readiness_names_the_parts_and_their_state",),
    "`python -m deployments.engine.automations` makes five automations there": (
        "deployments/test_automations.py::test_automations_are_made_once_and_brought_up_to_date",
    ),
    "Back it up for those": SERVER_BACK,
    'SQLite: `sqlite3 "$PREFECT_HOME/prefect.db"': SERVER_BACK,
    "PostgreSQL: `pg_dump": POSTGRES_BACK,
    "Restore, or begin with an empty one": SERVER_BACK,
    "Stop the server, put the file back": SERVER_BACK,
    "PostgreSQL: `pg_restore": POSTGRES_BACK,
    "After an empty start: `python -m deployments.engine.blocks`": THE_STACK,
    "save your notification blocks": (f"{MAIL}::test_one_address_is_all_that_an_operator_sets",),
    "Then wait some minutes": SERVER_BACK,
    "restore to a new table and set": TABLE_BACK,
    'SQLite: `sqlite3 "$CAMPAIGNS_HOME/store.db"': TABLE_BACK,
    "In both cases stop API and workers first": TABLE_BACK,
    "Leave Prefect's database and the checkpoints as they are": TABLE_BACK,
    "Decisions after the moment of the restore are lost": TABLE_BACK,
    "In an emergency put a new key in front": (
        "test_keyring.py::test_in_an_emergency_a_new_key_stands_in_front_and_the_old_one_opens_nothing",
    ),
    "a ring needs exactly one key": ("test_keyring.py::test_a_ring_needs_exactly_one_key_that_signs",),
}

_ORDERS: Final = re.compile(
    r"(?:^|[:,;] (?:then )?|\bthen |\band )(?:back|do|give|issue|keep|leave|look|mark|mend|put|restart|restore|run|"
    r"save|set|start|stop|submit|wait|watch)\b|"
    r"\bneeds exactly\b|\bwatch three\b|\*Run\*|Or from a shell|by `resend-links`",
    re.IGNORECASE,
)
_COMMAND: Final = re.compile(r"`(?:prefect|python -m|sqlite3|pg_\w+) ")


def clauses(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[^.…])[.;](?:\s+|$)", text) if part.strip()]


def rows() -> Iterator[tuple[str, list[str]]]:
    """Yield how each row of a table begins, and the clauses of its last column."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    heads = {i - 1 for i, line in enumerate(lines) if not set(line) - set("|-")}
    for i, line in enumerate(lines):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if i not in heads and i - 1 not in heads:
            yield cells[0], clauses(cells[-1])


def orders() -> list[str]:
    """Return the sentences outside of tables that tell somebody to do something."""
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(("|", "#")))
    paragraphs = [re.sub(r"^- |\*\*", "", " ".join(part.split())) for part in re.split(r"\n\n|\n(?=- )", kept)]
    sentences = [sentence for part in paragraphs for sentence in clauses(part)]
    return [sentence for sentence in sentences if _ORDERS.search(sentence) or _COMMAND.search(sentence)]


def begins(text: str, known: Mapping[str, Any]) -> str | None:
    return next((start for start in known if text.startswith(start)), None)


def test_every_piece_of_advice_in_a_table_is_followed_by_a_test() -> None:
    told = list(rows())

    assert len(told) >= 50
    assert {
        row: advice for row, advice in told if list(IN_TABLES.get(begins(row, IN_TABLES) or "", ())) != advice
    } == {}
    assert [start for start in IN_TABLES if not any(row.startswith(start) for row, _ in told)] == []


def test_every_sentence_that_orders_something_is_followed_by_a_test() -> None:
    told = orders()

    assert [sentence for sentence in told if begins(sentence, IN_TEXT) is None] == []
    assert [start for start in IN_TEXT if not any(sentence.startswith(start) for sentence in told)] == []
    assert [start for start, tests in IN_TEXT.items() if not tests] == []


def test_the_tests_that_follow_the_advice_are_there() -> None:
    named = {name for row in IN_TABLES.values() for tests in row.values() for name in tests}
    named |= {name for tests in IN_TEXT.values() for name in tests}
    there = {
        f"{file}::{node.name}"
        for file in {name.split("::")[0] for name in named}
        for node in ast.parse((TESTS / file).read_text()).body
        if isinstance(node, ast.FunctionDef)
    }

    assert named - there == set()
    assert {row for row, told in IN_TABLES.items() if not all(told.values())} == set()


def test_every_test_of_advice_follows_some_of_the_page() -> None:
    named = {name for row in IN_TABLES.values() for tests in row.values() for name in tests}
    named |= {name for tests in IN_TEXT.values() for name in tests}
    tried = {
        f"{ADVICE}::{node.name}"
        for node in ast.parse((TESTS / ADVICE).read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }

    assert tried - named == set()


def test_every_operation_is_a_deployment_with_the_tag_and_stands_in_the_table() -> None:
    deployed = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    tagged = {each["name"]: each["entrypoint"] for each in deployed if "operations" in each["tags"]}
    listed = {row.strip("`") for row, _ in rows() if row.startswith("`") and row.strip("`") in tagged}

    made = {thing.name for thing in vars(operations).values() if isinstance(thing, Flow)}
    assert made ^ tagged.keys() == set()
    assert listed ^ tagged.keys() == set()
    for name, entrypoint in tagged.items():
        assert getattr(operations, entrypoint.split(":")[1]).name == name
