"""Faults of the product's own run that a marked property must meet alone: recovery, status, retries, what is told."""

from __future__ import annotations

from tests.mutants.run import Mutant, Survivor

PROGRESSION = "tests/properties/test_property_05_progression.py::test_the_status_of_a_campaign_is_the_fold_of_its_trail"
RECOVERY = (
    "tests/properties/test_property_02_recovery.py::"
    "test_an_interrupted_campaign_goes_on_with_what_it_kept_and_pays_for_nothing_twice"
)
MONITORING = (
    "tests/properties/test_property_11_monitoring.py::test_what_is_told_of_a_campaign_is_what_happened_to_it_once"
)
RETRY = (
    "tests/properties/test_property_06_retry.py::test_attempts_follow_the_kind_of_failure_and_end_in_a_truthful_status"
)
ALERTING = (
    "tests/properties/test_property_13_alerting.py::"
    "test_operators_hear_of_exactly_what_crosses_a_line_and_a_throttled_model_is_spared"
)

MUTANTS: list[Mutant] = [
    {
        "name": "property 2: what was written is not read back",
        "file": "campaigns/checkpoints/vault.py",
        "old": "        if kept != sealed or self._open(key, kept) != plain:",
        "new": "        if kept == plain:",
        "killed_by": RECOVERY,
    },
    {
        "name": "property 2: an unknown error of reading counts as not there",
        "file": "tasks/checkpoints/storage.py",
        "old": '        raise CheckpointUnavailable("checkpoint", f"{act} failed: {type(error).__name__}") from error',
        "new": '        raise CheckpointAbsentError("checkpoint") from error',
        "killed_by": RECOVERY,
    },
    {
        "name": "property 2: a storage that does not answer counts as empty",
        "file": "tasks/checkpoints/storage.py",
        "old": "            record = self.vault().read(key)\n            if record is None:",
        "new": (
            "            try:\n                record = self.vault().read(key)\n"
            "            except CheckpointUnavailable:\n                record = None\n            if record is None:"
        ),
        "killed_by": RECOVERY,
    },
    {
        "name": "property 2: no step ever finds its checkpoint",
        "file": "tasks/checkpoints/storage.py",
        "old": "            if record is None:\n                raise",
        "new": "            if record is not None:\n                raise",
        "killed_by": RECOVERY,
    },
    {
        "name": "property 2: changed bytes count as not there",
        "file": "tasks/checkpoints/storage.py",
        "old": "            _report_refusal(key, error.reason)\n            raise\n",
        "new": "            raise CheckpointAbsentError(key.path) from error\n",
        "killed_by": RECOVERY,
    },
    {
        "name": "property 2: all posts share one checkpoint",
        "file": "tasks/generate.py",
        "old": 'return {"post": post.id, "revision": post.revision,',
        "new": 'return {"post": "", "revision": post.revision,',
        "killed_by": RECOVERY,
    },
    {
        "name": "property 2: what was sealed with the key before does not open",
        "file": "campaigns/keys/seal.py",
        "old": "        key = self.ring.readable(kid)\n",
        "new": "        key = self.ring.signing if self.ring.signing.kid == kid else None\n",
        "killed_by": RECOVERY,
    },
    {
        "name": "property 2: words that are stored and not kept are paid for again",
        "file": "campaigns/build/writing.py",
        "old": "    if is_written(post, revision):\n        return post\n    if revision and",
        "new": "    if revision and",
        "killed_by": RECOVERY,
    },
    {
        "name": "property 2: a plan that is stored and not kept is made again",
        "file": "campaigns/build/planning.py",
        "old": "        if setting.campaign.plan_summary is not None:\n            return store.posts.list",
        "new": "        if setting.campaign.deleted_at is not None:\n            return store.posts.list",
        "killed_by": RECOVERY,
    },
    {
        "name": "property 2: who begins again under a new run has nothing kept",
        "file": "tasks/checkpoints/cached.py",
        "old": '    digest = content_hash({"planVersion": scope.plan_version, "inputs": _canonical(inputs)})',
        "new": '    digest = content_hash({"planVersion": scope.plan_version, "inputs": str(datetime.now(UTC))})',
        "killed_by": RECOVERY,
    },
    {
        "name": "property 5: the trail says that a move began where it ended",
        "file": "campaigns/store/campaign/campaigns.py",
        "old": 'move.actor, "moved", at, campaign.status, to, move.reason',
        "new": 'move.actor, "moved", at, to, to, move.reason',
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 5: a move leaves no entry in the trail",
        "file": "campaigns/store/campaign/campaigns.py",
        "old": "told, first = [fact, *facts], len(operations)",
        "new": "told, first = [*facts], len(operations)",
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 5: a completed campaign may be planned again",
        "file": "campaigns/model/campaign.py",
        "old": "S.COMPLETED: frozenset(),",
        "new": "S.COMPLETED: frozenset({S.PLANNING}),",
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 5: a campaign is cancelled once it is planned",
        "file": "campaigns/build/planning.py",
        "old": "CampaignStatus.GENERATING,",
        "new": "CampaignStatus.CANCELLED,",
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 5: a campaign that timed out counts as rejected",
        "file": "campaigns/approval/outcomes.py",
        "old": "CampaignStatus.APPROVAL_TIMEOUT,",
        "new": "CampaignStatus.REJECTED,",
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 5: an approved campaign never becomes completed",
        "file": "campaigns/approval/outcomes.py",
        "old": "    if campaign.status is CampaignStatus.APPROVED:",
        "new": "    if campaign.status is CampaignStatus.PLANNING:",
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 5: the run of a rejected campaign says approved",
        "file": "tasks/complete.py",
        "old": 'name, message = "Rejected", f"Rejected by {by}"',
        "new": 'name, message = "Approved", f"Rejected by {by}"',
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 5: all posts share one checkpoint",
        "file": "tasks/generate.py",
        "old": 'return {"post": post.id, "revision": post.revision,',
        "new": 'return {"post": "", "revision": post.revision,',
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 6: a step is tried again whatever the rule says",
        "file": "tasks/engine/policies.py",
        "old": "jitter=1.0, elapsed=elapsed) is not None",
        "new": "jitter=1.0, elapsed=elapsed) != 0",
        "killed_by": RETRY,
    },
    {
        "name": "property 6: two dozen attempts",
        "file": "campaigns/rules/retry.py",
        "old": "MAX_ATTEMPTS: Final = 3",
        "new": "MAX_ATTEMPTS: Final = 24",
        "killed_by": RETRY,
    },
    {
        "name": "property 6: a campaign whose run failed for good never says so",
        "file": "tasks/engine/failure.py",
        "old": "    if campaign.status not in AT_REST:",
        "new": "    if campaign.status in AT_REST:",
        "killed_by": RETRY,
    },
    {
        "name": "property 6: no pause before the next attempt",
        "file": "tasks/engine/policies.py",
        "old": "retry_delay_seconds=[delay(attempt, jitter=1.0) for",
        "new": "retry_delay_seconds=[0.0 * delay(attempt, jitter=1.0) for",
        "killed_by": RETRY,
    },
    {
        "name": "property 6: what fails for good is tried again",
        "file": "tasks/engine/policies.py",
        "old": "retryable = error.retryable if isinstance(error, CampaignError) else True",
        "new": "retryable = isinstance(error, CampaignError) or True",
        "killed_by": RETRY,
    },
    {
        "name": "property 6: a post that nobody comes back to is never stored as failed",
        "file": "campaigns/build/writing.py",
        "old": "again, message = failure.retryable and tried < MAX_POST_ATTEMPTS, failure.message",
        "new": "again, message = failure.retryable and tried <= MAX_POST_ATTEMPTS, failure.message",
        "killed_by": RETRY,
    },
    {
        "name": "property 6: the planner is given one attempt more",
        "file": "tasks/plan.py",
        "old": "    if failures < MAX_ATTEMPTS:",
        "new": "    if failures <= MAX_ATTEMPTS:",
        "killed_by": RETRY,
    },
    {
        "name": "property 6: the code of a failed campaign is another one",
        "file": "tasks/ask.py",
        "old": "fail(store, stored, code=nothing.code,",
        "new": 'fail(store, stored, code="ASK_FAILED",',
        "killed_by": RETRY,
    },
    {
        "name": "property 11: no metric for a change of status",
        "file": "campaigns/telemetry/measures.py",
        "old": '    if action == "moved" and to_status in _STATUSES:',
        "new": '    if action == "moves" and to_status in _STATUSES:',
        "killed_by": MONITORING,
    },
    {
        "name": "property 11: every outcome counts as approved",
        "file": "campaigns/telemetry/measures.py",
        "old": '{"Outcome": str(outcome)}',
        "new": '{"Outcome": "approved"}',
        "killed_by": MONITORING,
    },
    {
        "name": "property 11: another writer's entry of the trail is written over",
        "file": "campaigns/store/commits/audit.py",
        "old": '"audit", entry), ABSENT))',
        "new": '"audit", entry)))',
        "killed_by": MONITORING,
    },
    {
        "name": "property 11: a campaign that waits is said to have failed",
        "file": "api/schemas/execution.py",
        "old": '    S.AWAITING_REVIEW: "waiting_callback",',
        "new": '    S.AWAITING_REVIEW: "failed",',
        "killed_by": MONITORING,
    },
    {
        "name": "property 11: a campaign that is written is said to be planned still",
        "file": "api/schemas/execution.py",
        "old": '            return "generate" if _unwritten(known) else "ask"',
        "new": '            return "plan"',
        "killed_by": MONITORING,
    },
    {
        "name": "property 11: what is told is told twice",
        "file": "campaigns/telemetry/recorder.py",
        "old": "                    sink(measure, moment)\n",
        "new": "                    sink(measure, moment)\n                    sink(measure, moment)\n",
        "killed_by": MONITORING,
    },
    {
        "name": "property 11: a sink that breaks takes the work with it",
        "file": "campaigns/telemetry/recorder.py",
        "old": "                except Exception:  # whatever a sink raises, the work that it watches goes on\n",
        "new": "                except KeyError:\n",
        "killed_by": MONITORING,
    },
    {
        "name": "property 11: a click tells its own story and not the campaign's",
        "file": "campaigns/store/commits/transaction.py",
        "old": '            "correlation_id": story or mine,',
        "new": '            "correlation_id": mine or story,',
        "killed_by": MONITORING,
    },
    {
        "name": "property 11: a step that is kept is not counted",
        "file": "tasks/checkpoints/taken.py",
        "old": "    recorder.record(measures_of_receipt(receipt), receipt.ended)\n",
        "new": "    recorder.record([], receipt.ended)\n",
        "killed_by": MONITORING,
    },
    {
        "name": "property 11: a round that opens again counts as built",
        "file": "campaigns/telemetry/measures.py",
        "old": '    if action == "round_opened" and round_ == _FIRST_ROUND and took is not None:',
        "new": '    if action == "round_opened" and took is not None:',
        "killed_by": MONITORING,
    },
    {
        "name": "property 13: the rates are not watched",
        "file": "tasks/upkeep/housekeeping.py",
        "old": '    "watch the rates": watch_rates,',
        "new": '    "watch the rates": expire_and_remind,',
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: a model that throttles is not spared",
        "file": "campaigns/operations/permits.py",
        "old": "refused = error.reason == FailureCode.THROTTLED if",
        "new": "refused = error.reason == FailureCode.MODEL_TIMEOUT if",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: what was counted in a burst is never written",
        "file": "tasks/upkeep/housekeeping.py",
        "old": "    get_signals().flush(now=now)\n",
        "new": "    get_signals()\n",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: the failure rate counts completed campaigns",
        "file": "tasks/upkeep/watch.py",
        "old": "share(sum(one.status is S.FAILED for one in lately), len(lately))",
        "new": "share(sum(one.status is S.COMPLETED for one in lately), len(lately))",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: the failure rate looks back a week",
        "file": "tasks/upkeep/watch.py",
        "old": "lately = [one for one in ended if one.at > now - FAILURES.window]",
        "new": "lately = [one for one in ended if one.at > now - TIMEOUTS.window]",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: an alarm that changes is told to nobody",
        "file": "tasks/upkeep/watch.py",
        "old": "    if store.signals.turn(changed, before=before):",
        "new": "    if not store.signals.turn(changed, before=before):",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: an alarm is told at every look",
        "file": "tasks/upkeep/watch.py",
        "old": "    if on == was_on:\n        return on\n",
        "new": "    if on == was_on and not on:\n        return on\n",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: rounds that ran out are not counted",
        "file": "campaigns/store/items/round_state.py",
        "old": "    ran_out = round_.ran_out_at is not None or round_.status is RoundStatus.TIMED_OUT",
        "new": "    ran_out = round_.ran_out_at is not None and round_.status is RoundStatus.PENDING",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: nobody hears of changed bytes",
        "file": "tasks/upkeep/watch.py",
        "old": "frozenset({IntegrityError.code, str(FailureCode.TENANT_MISMATCH)})",
        "new": "frozenset({str(FailureCode.TENANT_MISMATCH)})",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: the time before is compared with itself",
        "file": "tasks/upkeep/watch.py",
        "old": "if since - BASELINE_WINDOW < one.at <= since]",
        "new": "if since - BASELINE_WINDOW < one.at]",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: runs are late at once",
        "file": "tasks/upkeep/watch.py",
        "old": "count_late_runs(before=now - LATE_RUNS.window)",
        "new": "count_late_runs(before=now)",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: what cannot be delivered is not counted",
        "file": "tasks/upkeep/watch.py",
        "old": "    return sum(now - entry.due_since > UNDELIVERED_AFTER for entry in waiting) + len(aside)",
        "new": "    return len(aside)",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: an alarm comes without its figures",
        "file": "tasks/upkeep/watch.py",
        "old": "advice=rule.advice, context=figures)",
        "new": "advice=rule.advice, context=None)",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: the blocks that operators chose are not told",
        "file": "tasks/upkeep/alerts.py",
        "old": '    for channel in filter(None, get_settings().alert_blocks.split(",")):',
        "new": '    for channel in filter(None, get_settings().alert_blocks.split(",")[1:]):',
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: an alarm is on at the line",
        "file": "campaigns/operations/watching/alarms.py",
        "old": "    return reading.rate > (rule.back_to if before else rule.above)",
        "new": "    return reading.rate >= (rule.back_to if before else rule.above)",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: an alarm flutters at the line",
        "file": "campaigns/operations/watching/alarms.py",
        "old": "    return reading.rate > (rule.back_to if before else rule.above)",
        "new": "    return reading.rate > rule.above",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: few cases are enough",
        "file": "campaigns/operations/watching/alarms.py",
        "old": "    if reading.cases < rule.least:\n        return before\n",
        "new": "",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: the limit of the model is never lowered",
        "file": "campaigns/rules/permits.py",
        "old": "(1 - refused / (2 * asked))",
        "new": "1",
        "killed_by": ALERTING,
    },
    {
        "name": "property 13: the limit of the model is never raised again",
        "file": "campaigns/rules/permits.py",
        "old": "return min(most, limit + max(1, most // 20))",
        "new": "return min(most, limit)",
        "killed_by": "tests/rules/test_permits.py",
    },
    {
        "name": "property 13: requests without a token are not counted",
        "file": "campaigns/operations/watching/metrics.py",
        "old": '        if getattr(record, "status", 0) in {401, 403, 404}:',
        "new": '        if getattr(record, "status", 0) in {403, 404}:',
        "killed_by": ALERTING,
    },
]

SURVIVORS: list[Survivor] = [
    {
        "name": "23 retries in the options of a step",
        "file": "tasks/engine/policies.py",
        "reason": "Prefect asks the rule before each retry, and the rule has three attempts: nothing changes",
    },
]
