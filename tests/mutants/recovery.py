"""Breaks of what is done about broken runs, and of what a run does when its world changes (process.md section 5)."""

from __future__ import annotations

from tests.mutants.run import Mutant

RULES = "tests/housekeeping/test_recovery_rules.py"
RUNS = "tests/housekeeping/test_recover_runs.py"

MUTANTS: list[Mutant] = [
    {
        "name": "a start that was decided while the lease ran out comes to nothing",
        "file": "tasks/delivery/deliver.py",
        "old": "if lease is None or (found is not None and renewed_at(lease) < found.at):",
        "new": "if lease is None:",
        "killed_by": f"{RUNS}::test_the_lease_of_a_crashed_process_runs_out_while_its_run_is_started_again",
    },
    {
        "name": "a process that is heard of after all loses its run",
        "file": "tasks/delivery/deliver.py",
        "old": "if lease is None or (found is not None and renewed_at(lease) < found.at):",
        "new": "if lease is None or lease is not None:",
        "killed_by": f"{RUNS}::test_a_process_that_is_heard_of_after_all_keeps_its_run",
    },
    {
        "name": "a process that lives, and was said to have crashed, gets a second one beside it",
        "file": "campaigns/operations/recovery.py",
        "old": "return crashed and renewed_at(lease) < run.since",
        "new": "return crashed",
        "killed_by": f"{RULES}::test_a_crashed_run_is_started_again_while_the_lease_of_its_silent_process_runs_out",
    },
    {
        "name": "a worker that is too busy to start a run is held against its campaign",
        "file": "campaigns/operations/recovery.py",
        "old": "return self.outage or self.state is RunState.PENDING",
        "new": "return self.outage",
        "killed_by": f"{RULES}::test_what_is_not_the_campaigns_doing_never_uses_up_the_attempts_and_is_looked_at_soon",
    },
    {
        "name": "a run cancelled after the decision is left where it is",
        "file": "tasks/upkeep/recover.py",
        "old": "return _start_again(store, campaign, decided, now)",
        "new": "return decided is None",
        "killed_by": RUNS + "::test_a_decision_takes_effect_whose_run_was_cancelled_in_prefect_meanwhile",
    },
    {
        "name": "one document that cannot be read keeps all campaigns from help",
        "file": "tasks/upkeep/recover.py",
        "old": "except Exception:  # a document that nobody can read",
        "new": "except KeyboardInterrupt:  # a document that nobody can read",
        "killed_by": f"{RUNS}::test_a_document_that_nobody_can_read_does_not_keep_the_other_campaigns_from_help",
    },
    {
        "name": "a late restart revives the run of a cancelled campaign",
        "file": "tasks/delivery/deliver.py",
        "old": 'if campaign.status in AT_REST or campaign.execution_id != entry.payload["run"]:',
        "new": 'if campaign.execution_id != entry.payload["run"]:',
        "killed_by": f"{RUNS}::test_a_restart_that_comes_after_the_cancelling_revives_nothing",
    },
    {
        "name": "the model is paid for a campaign that is over",
        "file": "campaigns/build/planning.py",
        "old": "if campaign.status in AT_REST:",
        "new": "if campaign.status in set():",
        "killed_by": f"{RUNS}::test_nothing_is_paid_for_a_campaign_that_is_over",
    },
    {
        "name": "an operator's retry has no attempts left",
        "file": "campaigns/store/campaign/recoveries.py",
        "old": "replace(before, attempts=0)",
        "new": "replace(before)",
        "killed_by": f"{RUNS}::test_a_campaign_that_an_operator_starts_again_has_all_its_attempts",
    },
    {
        "name": "a post that the store kept from being written is missing from the round",
        "file": "tasks/generate.py",
        "old": "if not isinstance(error, AgentError) or error.retryable:",
        "new": "if error is None:",
        "killed_by": "tests/flows/test_build_campaign.py"
        "::test_a_store_that_is_away_while_posts_are_written_leaves_no_post_out_of_the_round",
    },
    {
        "name": "a decision takes effect although it is taken back in this moment",
        "file": "campaigns/store/campaign/campaigns.py",
        "old": "standing = [_stands(decided)] if decided is not None else []",
        "new": "standing: builtins.list[Operation] = []",
        "killed_by": "tests/approvals/test_undo.py::test_exactly_one_of_an_undo_and_the_effect_of_a_decision_wins",
    },
    {
        "name": "who was not asked stands in for an approver",
        "file": "campaigns/rules/approval/decisions.py",
        "old": "heard = sum(said.approver_id in asked for said in heard_out)",
        "new": "heard = len(heard_out)",
        "killed_by": "tests/rules/test_decisions.py"
        "::test_who_was_not_asked_decides_in_place_of_all_and_stands_in_for_nobody",
    },
    {
        "name": "a channel that hangs keeps the bells waiting",
        "file": "tasks/delivery/deliver.py",
        "old": "if at - began > left[lane]:",
        "new": "if at - began > left[lane] + 1e9:",
        "killed_by": "tests/housekeeping/test_duties.py::test_a_channel_that_hangs_keeps_no_bell_from_ringing",
    },
]
