"""A campaign of 60 posts on a service that throttles: it finishes, and pays little for it."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from campaigns.agents.contracts import TOPIC_FALLBACK, WriterOutput
from campaigns.agents.planner import Planner
from campaigns.agents.providers.hosted import HostedModel
from campaigns.agents.writer import Writer
from campaigns.model.post import Post
from campaigns.rules.guardrails import check_post
from campaigns.rules.retry import pause_before_retry
from deployments.local.fake_bedrock import FakeBedrock
from tests.agents.inputs import NOW, TENANT, Situation, situation

POSTS = 60


def attempts(writer: Writer, made: Situation, post: Post, jitter: random.Random) -> WriterOutput:
    """Write one post as the task does: again while that may help, without waiting for real."""
    attempt, elapsed = 1, 0.0
    while True:
        answer = writer.run(TENANT, made.writer_input(post))
        if answer.error is None:
            return answer
        pause = pause_before_retry(attempt, retryable=answer.error.retryable, jitter=jitter.random(), elapsed=elapsed)
        if pause is None:
            return answer
        attempt, elapsed = attempt + 1, elapsed + pause


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_no_post_is_lost_and_calls_stay_within_1_6_a_post(
    share: float, bedrock: FakeBedrock, claude: HostedModel
) -> None:
    made = situation()
    planned = Planner(claude).run(TENANT, made.planner_input(POSTS))
    posts = [each.as_post(TENANT, made.campaign.id, at=NOW) for each in planned.posts]
    bedrock.requests.clear()
    bedrock.throttle = share
    writer, jitter = Writer(claude), random.Random(7)

    waiting = list(posts)
    done: dict[str, WriterOutput] = {}
    while waiting:  # what three attempts did not get is taken up once more, as a retry of the campaign does
        answers = {post.id: attempts(writer, made, post, jitter) for post in waiting}
        done |= {post_id: answer for post_id, answer in answers.items() if answer.success}
        waiting = [post for post in waiting if not answers[post.id].success]

    assert len(done) == POSTS
    assert len(bedrock.requests) <= 1.6 * POSTS
    if share:
        assert len(bedrock.requests) > 1.2 * POSTS  # the faults were really injected
    # The stand-in's topics run out before the posts: exactly those without one of their own are to be looked at.
    without_topic = {
        post.id for post in posts if post.quality and TOPIC_FALLBACK in {check.code for check in post.quality.checks}
    }
    assert {post_id for post_id, answer in done.items() if answer.status == "needs_review"} == without_topic
    assert {answer.status for post_id, answer in done.items() if post_id not in without_topic} == {"completed"}
    assert len(without_topic) < POSTS / 2


def test_every_stored_post_passes_the_guardrails_or_says_why_not(bedrock: FakeBedrock, claude: HostedModel) -> None:
    made = situation()
    bad = {"text": "Guaranteed! 45 % of people love it. Not like Starbucks. @stranger https://evil.example"}
    posts = [made.post(slot) for slot in made.slots(POSTS)]
    script = random.Random(5)
    seen = Counter[str]()

    for post in posts:
        bedrock.script = [bad] * script.randrange(4)
        answer = Writer(claude).run(TENANT, made.writer_input(post))

        assert answer.content is not None
        again = check_post(answer.content, post=post, policy=made.writer_input(post).policy)
        assert answer.quality == again
        assert answer.status == ("needs_review" if again.blocked else "completed")
        seen[str(answer.status)] += 1
        bedrock.script.clear()

    assert seen["needs_review"] >= 5
    assert seen["completed"] >= 30
