"""Faults of the product's own run that a marked property must meet alone: status, retries, recovery."""

from __future__ import annotations

from tests.mutants.run import Mutant, Survivor

PROGRESSION = "tests/properties/test_property_05_progression.py::test_the_status_of_a_campaign_is_the_fold_of_its_trail"
RETRY = (
    "tests/properties/test_property_06_retry.py::test_attempts_follow_the_kind_of_failure_and_end_in_a_truthful_status"
)

MUTANTS: list[Mutant] = [
    {
        "name": "property 5: the trail says that a move began where it ended",
        "file": "campaigns/store/campaigns.py",
        "old": 'fact = Fact(actor, "moved", at, campaign.status, to, reason, round, details or {})',
        "new": 'fact = Fact(actor, "moved", at, to, to, reason, round, details or {})',
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 5: a move leaves no entry in the trail",
        "file": "campaigns/store/campaigns.py",
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
        "file": "campaigns/planning.py",
        "old": "CampaignStatus.GENERATING,",
        "new": "CampaignStatus.CANCELLED,",
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 5: a campaign that timed out counts as rejected",
        "file": "campaigns/outcomes.py",
        "old": "CampaignStatus.APPROVAL_TIMEOUT,",
        "new": "CampaignStatus.REJECTED,",
        "killed_by": PROGRESSION,
    },
    {
        "name": "property 5: an approved campaign never becomes completed",
        "file": "campaigns/outcomes.py",
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
        "file": "tasks/policies.py",
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
        "file": "tasks/failure.py",
        "old": "    if campaign.status not in AT_REST:",
        "new": "    if campaign.status in AT_REST:",
        "killed_by": RETRY,
    },
    {
        "name": "property 6: no pause before the next attempt",
        "file": "tasks/policies.py",
        "old": "retry_delay_seconds=[delay(attempt, jitter=1.0) for",
        "new": "retry_delay_seconds=[0.0 * delay(attempt, jitter=1.0) for",
        "killed_by": RETRY,
    },
    {
        "name": "property 6: what fails for good is tried again",
        "file": "tasks/policies.py",
        "old": "retryable = error.retryable if isinstance(error, CampaignError) else True",
        "new": "retryable = isinstance(error, CampaignError) or True",
        "killed_by": RETRY,
    },
    {
        "name": "property 6: a post that nobody comes back to is never stored as failed",
        "file": "campaigns/writing.py",
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
]

SURVIVORS: list[Survivor] = [
    {
        "name": "23 retries in the options of a step",
        "file": "tasks/policies.py",
        "reason": "Prefect asks the rule before each retry, and the rule has three attempts: nothing changes",
    },
]
