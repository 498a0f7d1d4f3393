"""Faults of beginnings, answers and ends, of time and of work side by side, that a marked property must meet alone."""

from __future__ import annotations

from tests.mutants.run import Mutant

TIMEOUT = "tests/properties/test_property_09_timeout.py::test_what_nobody_decides_in_time_ends_by_its_policy_once"
INITIATION = (
    "tests/properties/test_property_01_initiation.py::"
    "test_every_accepted_request_is_one_campaign_and_one_run_and_ends_as_it_was_decided"
)
CALLBACK = (
    "tests/properties/test_property_08_callback.py::test_a_callback_decides_once_is_told_truthfully_and_resumes_the_run"
)
VOICES = "campaigns/rules/approval/gate/voices.py"
PARALLEL = (
    "tests/properties/test_property_10_parallel.py::"
    "test_every_planned_post_is_written_once_within_the_limit_whatever_fails"
)
CONDITIONS = "campaigns/rules/approval/gate/conditions.py"

MUTANTS: list[Mutant] = [
    {
        "name": "property 8: a second answer overwrites the first",
        "file": VOICES,
        "old": "        raise already_decided(own)  # also an attempt of before with another answer in it",
        "new": "        pass",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: the digest is not compared when somebody decides",
        "file": VOICES,
        "old": "if decision.digest != case.round.digest or request.callback_id",
        "new": "if request.callback_id",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: who lost the answer is told that somebody decided",
        "file": VOICES,
        "old": "if says_the_same(own, decision):",
        "new": "if False:",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: a link that was replaced stays good",
        "file": CONDITIONS,
        "old": "if isinstance(voice.proof, LinkProof) and asked is not None and voice.proof.jti != asked.jti:",
        "new": "if isinstance(voice.proof, LinkProof) and asked is not None and not voice.proof.jti:",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: the nonce of a link is not looked at",
        "file": "campaigns/keys/links.py",
        "old": "if not hmac.compare_digest(_nonce(self._key(token), token).encode(), nonce.encode()):",
        "new": "if not nonce:",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: the bell resumes nothing",
        "file": "tasks/engine/server/runs.py",
        "old": "    answer = client.resume_flow_run(run_id, run_input=LOOK_AGAIN)\n",
        "new": "    return Bell.RUNG\n",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: no doorbell is kept",
        "file": "campaigns/approval/rounds.py",
        "old": "    return [bell, to_the_team(kind, before, *fact, due_at=due)]",
        "new": "    return [to_the_team(kind, before, *fact, due_at=due)]",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: the gate waits for ever unless it was approved",
        "file": "flows/approval_gate.py",
        "old": "        if (outcome := read_outcome(campaign, asked)) is not None:",
        "new": "        if (outcome := read_outcome(campaign, asked)) is Outcome.APPROVED:",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: who wakes the run approves",
        "file": "campaigns/approval/rounds.py",
        "old": "        case RoundStatus.PENDING:\n            return None",
        "new": "        case RoundStatus.PENDING:\n            return Outcome.APPROVED",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: one voice is enough where all are asked",
        "file": "campaigns/rules/approval/decisions.py",
        "old": '    return able if round_.quorum == "all" else min(int(round_.quorum), able)',
        "new": '    return 1 if round_.quorum == "all" else min(int(round_.quorum), able)',
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: what was answered in the form is not recorded",
        "file": "tasks/forms/form_answer.py",
        "old": "        decide(store, round_, voice, request, attempt_id=attempt, now=datetime.now(UTC))\n",
        "new": "        _ = voice, request, attempt\n",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 8: a run that waits keeps its campaign",
        "file": "tasks/engine/lease.py",
        "old": "        hold.let_go()\n        threads[0].join()",
        "new": "        hold._let_go.set()\n        threads[0].join()",
        "killed_by": CALLBACK,
    },
    {
        "name": "property 9: nobody calls the reaper",
        "file": "tasks/upkeep/housekeeping.py",
        "old": "    return _counts(expired=expire_due(store, now=now, rounds=due), reminded",
        "new": "    return _counts(expired=0, reminded",
        "killed_by": TIMEOUT,
    },
    {
        "name": "property 9: who has decided is reminded",
        "file": "campaigns/approval/messages/reminding.py",
        "old": "    silent = still_asked(round_, decisions)",
        "new": "    silent = list(round_.approvers)",
        "killed_by": TIMEOUT,
    },
    {
        "name": "property 9: a reminder goes out at every look",
        "file": "campaigns/approval/messages/reminding.py",
        "old": "ends, past[-1].isoformat(), due_at=past[-1], ends=ends)",
        "new": "ends, now.isoformat(), due_at=past[-1], ends=ends)",
        "killed_by": TIMEOUT,
    },
    {
        "name": "property 9: a round ends a moment after its end",
        "file": "campaigns/rules/approval/gate/ends.py",
        "old": "if round_.status is not RoundStatus.PENDING or now < round_.expires_at:",
        "new": "if round_.status is not RoundStatus.PENDING or now <= round_.expires_at:",
        "killed_by": TIMEOUT,
    },
    {
        "name": "property 9: a campaign that timed out is rejected",
        "file": "campaigns/approval/outcomes.py",
        "old": "CampaignStatus.APPROVAL_TIMEOUT,",
        "new": "CampaignStatus.REJECTED,",
        "killed_by": TIMEOUT,
    },
    {
        "name": "property 9: a round is extended for ever",
        "file": "campaigns/rules/approval/decisions.py",
        "old": 'return round_.on_timeout == "extend" and not round_.extended',
        "new": 'return round_.on_timeout == "extend"',
        "killed_by": TIMEOUT,
    },
    {
        "name": "property 9: silence approves whatever the terms say",
        "file": "campaigns/rules/approval/decisions.py",
        "old": 'if round_.on_timeout != "approve":',
        "new": 'if round_.on_timeout == "extend":',
        "killed_by": TIMEOUT,
    },
    {
        "name": "property 9: one may decide after the end",
        "file": CONDITIONS,
        "old": "    if now >= round_.expires_at:",
        "new": "    if now >= round_.expires_at + (round_.expires_at - round_.opened_at):",
        "killed_by": TIMEOUT,
    },
    {
        "name": "property 1: each delivery starts a run",
        "file": "tasks/engine/server/runs.py",
        "old": "target, parameters=parameters, idempotency_key=wanted, tags=tags",
        "new": "target, parameters=parameters, idempotency_key=None, tags=tags",
        "killed_by": INITIATION,
    },
    {
        "name": "property 1: an approved campaign never becomes completed",
        "file": "campaigns/approval/outcomes.py",
        "old": "    if campaign.status is CampaignStatus.APPROVED:",
        "new": "    if campaign.status is CampaignStatus.PLANNING:",
        "killed_by": INITIATION,
    },
    {
        "name": "property 1: every decided campaign ends rejected",
        "file": "campaigns/approval/outcomes.py",
        "old": "campaign = _move(store, campaign, CampaignStatus.APPROVED, n,",
        "new": "campaign = _move(store, campaign, CampaignStatus.REJECTED, n,",
        "killed_by": INITIATION,
    },
    {
        "name": "property 1: what names a request is everybody's",
        "file": "campaigns/store/items/keys.py",
        "old": '#idem", _hashed(key))',
        "new": '#idem"[-5:], _hashed(key))',
        "killed_by": INITIATION,
    },
    {
        "name": "property 1: a start that got lost is never made up for",
        "file": "tasks/upkeep/housekeeping.py",
        "old": "lanes=[BELLS, RUNS])",
        "new": "lanes=[BELLS])",
        "killed_by": INITIATION,
    },
    {
        "name": "property 1: the run of a rejected campaign says approved",
        "file": "tasks/complete.py",
        "old": 'name, message = "Rejected", f"Rejected by {by}"',
        "new": 'name, message = "Approved", f"Rejected by {by}"',
        "killed_by": INITIATION,
    },
    {
        "name": "property 1: the run of a cancelled campaign is left as it is",
        "file": "tasks/engine/server/runs.py",
        "old": "if run.state is not None and (run.state.is_final() or run.state.is_cancelling()):",
        "new": "if run.state is not None:",
        "killed_by": INITIATION,
    },
    {
        "name": "property 10: a process that lost the campaign writes on",
        "file": "campaigns/build/writing.py",
        "old": "patiently(lambda: store.posts.save_revision(post, fence=fence))",
        "new": "patiently(lambda: store.posts.save_revision(post, fence=None))",
        "killed_by": PARALLEL,
    },
    {
        "name": "property 10: there is no limit for all",
        "file": "tasks/generate.py",
        "old": "    with permit(campaign):",
        "new": "    if permit(campaign):",
        "killed_by": PARALLEL,
    },
    {
        "name": "property 10: five hundred posts are written at once",
        "file": "prefect.toml",
        "old": "thread_pool_max_workers = 5",
        "new": "thread_pool_max_workers = 500",
        "killed_by": PARALLEL,
    },
    {
        "name": "property 10: a post without words takes the others down",
        "file": "tasks/generate.py",
        "old": "if not isinstance(error, AgentError) or error.retryable:",
        "new": "if error is not None:",
        "killed_by": PARALLEL,
    },
    {
        "name": "property 10: a written post is paid for again",
        "file": "campaigns/build/writing.py",
        "old": "    if is_written(post, revision):\n        return post\n    if revision and",
        "new": "    if revision and",
        "killed_by": PARALLEL,
    },
    {
        "name": "property 10: all posts share one checkpoint",
        "file": "tasks/generate.py",
        "old": 'return {"post": post.id, "revision": post.revision,',
        "new": 'return {"post": "any", "revision": post.revision,',
        "killed_by": PARALLEL,
    },
    {
        "name": "property 10: a post that the model refuses is not stored as failed",
        "file": "campaigns/build/writing.py",
        "old": "        if not again:\n            give_up",
        "new": "        if again:\n            give_up",
        "killed_by": PARALLEL,
    },
]
