"""The words of one post: written once for each revision, however often a run asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, Literal

from campaigns.agents import writer
from campaigns.agents.contracts import MAX_EXAMPLES_SHOWN, Revision, WriterInput, WriterOutput
from campaigns.agents.failures import FailureCode, agent_error, failure_of
from campaigns.agents.prompts import is_on
from campaigns.agents.providers import models
from campaigns.agents.providers.money import most_for_a_post
from campaigns.build.budget import share
from campaigns.build.earlier import earlier_texts
from campaigns.build.memory import Memory, memory_of
from campaigns.build.planning import Setting, budget_left, read_setting, require_work
from campaigns.errors import AgentError
from campaigns.model.base import cut
from campaigns.model.campaign import Campaign
from campaigns.model.library.persona import WritingExample
from campaigns.model.post import LastError, Post, Quality, Review
from campaigns.model.vocabulary import PostStatus, ReviewState
from campaigns.patience import patiently
from campaigns.rules.approval.feedback import joined, other_remarks, remarks_on
from campaigns.rules.guardrails import check_post
from campaigns.rules.guardrails.policy_of import content_policy
from campaigns.rules.retry import MAX_POST_ATTEMPTS
from campaigns.rules.text.similarity import duplicate_of
from campaigns.store import Lease, Store, if_there

WRITTEN = frozenset({PostStatus.COMPLETED, PostStatus.NEEDS_REVIEW, PostStatus.SKIPPED})


def write_post(
    store: Store,
    tenant_id: str,
    campaign_id: str,
    post_id: str,
    *,
    revision: int,
    attempt: str,
    now: datetime,
    fence: Lease | None = None,
    seconds: float | None = None,
    judge: Judging = "off",
) -> Post:
    """Return the stored post with its words at `revision`; the model is called only if they are not stored.

    Args:
        attempt: names this call, so that its cost is counted once.
        seconds: for all that the model is asked; None: no limit.
        judge: when a second call of the model judges the words; `automatic`: where posts may pass without a person.

    Raises:
        AgentError: no words. What will not get better by trying again is stored as a failed post first, and so is
            the last failure that a post may have, whatever runs tried it.
        ConflictError: the campaign is over, and nothing more is paid for it.
    """
    post = store.posts.get(tenant_id, campaign_id, post_id)
    if is_written(post, revision):
        return post
    if revision and post.review.state is ReviewState.APPROVED:
        return post  # approved words are locked, whoever asks
    memory = memory_of(store, tenant_id, campaign_id, fence)
    setting = read_setting(store, tenant_id, campaign_id, known=memory.planned_with, costs=False)
    require_work(setting.campaign)
    siblings = memory.siblings(post)
    with _money(store, setting.campaign) as dollars:
        said = [*earlier_texts(store, setting.campaign, post.platform), *siblings.values()][-MAX_SIBLINGS:]
        request = _request(store, setting, post, revision, said, dollars, seconds).model_copy(
            update={"other_topics": memory.other_topics(post), "judged": _is_judged(setting, judge)}
        )
        tried = store.recoveries.count_attempt(tenant_id, campaign_id, f"{post_id}:{revision}")
        if tried > MAX_POST_ATTEMPTS:
            answer = WriterOutput(success=False, error=failure_of(agent_error(FailureCode.TRIED_TOO_OFTEN)))
        else:
            answer = writer.run(tenant_id, request)
        once = f"{post_id}:{revision}:{attempt}"
        with _counting:
            patiently(lambda: store.campaigns.add_usage(tenant_id, campaign_id, answer.usage, once=once, about=post_id))
    if answer.error is not None:
        failure = answer.error
        again, message = failure.retryable and tried < MAX_POST_ATTEMPTS, failure.message
        if failure.retryable and not again:
            message = f"{message} It was tried {tried} times."
        if not again:
            give_up(store, post, code=failure.code, message=message, revision=revision, now=now, fence=fence)
        raise AgentError(failure.code, message, again, failure.details)
    with _saving:
        memory = memory_of(store, tenant_id, campaign_id, fence)
        new = [text for post_id, text in memory.siblings(post).items() if siblings.get(post_id) != text]
        written = _written(asked_about(post, setting), _compared(answer, request, new), revision, now)
        return _saved(store, written, memory, fence)


Judging = Literal["off", "automatic", "always"]


def _is_judged(setting: Setting, judge: Judging) -> bool:
    return judge == "always" or (judge == "automatic" and setting.config.review.mode.value != "always_review")


def asked_about(post: Post, setting: Setting) -> Post:
    """Return a post as the next round will ask about it, so that its words and that are one write.

    Where policy may let a post pass, the opening of the round says which.
    """
    if post.review.state is not ReviewState.NONE or setting.config.review.mode.value != "always_review":
        return post
    review = Review(state=ReviewState.PENDING, round=setting.campaign.round + 1)
    return post.model_copy(update={"review": review})


MAX_SIBLINGS: Final = 1000
"""Texts that the writer takes, to say none of them again."""

_saving: Final = threading.Lock()
"""Between the last look at the other posts and the saving of this one no other post is saved."""
_counting: Final = threading.Lock()
"""Costs are added to one item: who waits here does not lose a conflict there, and pays for no second write."""


def _saved(store: Store, post: Post, memory: Memory, fence: Lease | None) -> Post:
    saved = patiently(lambda: store.posts.save_revision(post, fence=fence))
    memory.note(saved)
    return saved


def give_up(
    store: Store, post: Post, *, code: str, message: str, revision: int, now: datetime, fence: Lease | None = None
) -> Post:
    """Store that there will be no words at this revision, and why."""
    error = LastError(code=code, message=message, at=now, retryable=False)
    failed = {"status": PostStatus.FAILED, "revision": revision, "last_error": error, "updated_at": now}
    return store.posts.save_revision(post.model_copy(update=failed), fence=fence)


ASKED: Final = (
    "number",
    "persona_id",
    "platform",
    "scheduled_at",
    "topic",
    "intent",
    "pillar",
    "required_inclusions",
    "needs_cta",
    "asset_requirements",
    "references",
    "given",
    "review",
)
"""The fields of a post that its words answer."""


def put_back(store: Store, kept: Post, *, fence: Lease | None = None) -> Post | None:
    """Store the words of a post again that a restored table has lost, and return them as stored.

    None: they are no answer to what is asked now (the post was planned, reviewed or ordered otherwise since the
    table was restored), or there is no such post.

    Raises:
        LeaseLostError: the fence's owner no longer holds the campaign.
    """
    if (current := if_there(store.posts.get, *kept.campaign_ref, kept.id)) is None:
        return None
    if is_written(current, kept.revision):
        return current
    if kept.review.state is ReviewState.PENDING and current.review.state is ReviewState.NONE:
        current = current.model_copy(update={"review": kept.review})  # its words came with that
    if current.instruction is not None or any(getattr(current, name) != getattr(kept, name) for name in ASKED):
        return None
    return _saved(store, kept, memory_of(store, *kept.campaign_ref, fence), fence)


def is_written(post: Post, revision: int) -> bool:
    """Whether a post has its words of this revision, or will have none, or is past it."""
    return post.revision > revision or (post.revision == revision and post.status in WRITTEN | {PostStatus.FAILED})


@contextmanager
def _money(store: Store, campaign: Campaign) -> Iterator[float | None]:
    """Hold what this post may spend; None: there is no budget."""
    if campaign.budget_usd is None:
        yield None
        return

    def left() -> float:
        return budget_left(store.campaigns.get(*campaign.ref)) or 0.0

    with share(campaign.id, left, most_for_a_post(models.model())) as dollars:
        yield dollars


def _compared(answer: WriterOutput, request: WriterInput, new: list[str]) -> WriterOutput:
    """Hold words for review that another post has said meanwhile: posts in the making do not see each other.

    Args:
        new: words on the same platform that were stored since the request was made.
    """
    if answer.content is None or answer.quality is None:
        return answer
    if not duplicate_of(answer.content.text, new)[1]:
        return answer
    found = check_post(answer.content, post=request.post, policy=request.policy, siblings=new)
    known = {check.code for check in answer.quality.checks}
    said = [check for check in found.checks if check.code == "DUPLICATE" and check.code not in known]
    if not said:
        return answer
    quality = Quality(score=min(answer.quality.score, found.score), checks=[*answer.quality.checks, *said])
    return answer.model_copy(update={"quality": quality, "status": PostStatus.NEEDS_REVIEW})


def _request(
    store: Store,
    setting: Setting,
    post: Post,
    revision: int,
    siblings: list[str],
    dollars: float | None,
    seconds: float | None,
) -> WriterInput:
    campaign, persona = setting.campaign, setting.persona(post.persona_id)
    return WriterInput(
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        post_id=post.id,
        campaign_name=campaign.name,
        brief=campaign.brief,
        post=post,
        persona_config=persona,
        brand_config=setting.brand,
        policy=content_policy(post, setting.config, campaign, setting.brand, persona),
        cta=setting.config.cta.value if post.needs_cta and setting.config.cta else None,
        revision=_feedback(store, post) if revision else None,
        sibling_texts=siblings,
        examples=_examples(store, post),
        budget_left_usd=dollars,
        seconds_left=seconds,
    )


def _examples(store: Store, post: Post) -> list[WritingExample]:
    """Return what the persona wrote: for the same platform first, then with the same intent, then newest first."""
    # A persona that was deleted since the plan lies in the plan, its examples do not.
    known = if_there(store.examples.list, post.tenant_id, post.persona_id) or []
    nearest_first = sorted(
        known, key=lambda example: (not is_on(example, post.platform), example.intent.casefold() != post.intent)
    )
    here = [example for example in nearest_first if is_on(example, post.platform)]
    return (here or nearest_first)[:MAX_EXAMPLES_SHOWN]


def _feedback(store: Store, post: Post) -> Revision | None:
    """Return what an operator, and the approvers in the round that asked for this rewriting, said of which words."""
    if post.content is None:
        return None
    decisions = store.approvals.decisions(*post.campaign_ref, post.review.round)
    others = dict.fromkeys(remark.text for remark in other_remarks(post.id, decisions))
    remarks = remarks_on(post.id, decisions)
    comment = joined(remarks)
    pointed = remarks[0].passage if len(remarks) == 1 else None
    if post.instruction:
        comment = f"{post.instruction}\n\n{remarks[0].pointed if pointed else comment}".strip()
    return Revision(
        previous_text=post.content.text,
        passage=None if post.instruction else pointed,
        comment=cut(comment, at_most=5000),
        other_comments=list(others)[:200],
    )


def _written(post: Post, answer: WriterOutput, revision: int, now: datetime) -> Post:
    usage = post.usage.plus(answer.usage) if revision else answer.usage
    return post.model_copy(
        update={
            "content": answer.content,
            "status": answer.status,
            "quality": answer.quality,
            "comment_answers": answer.comment_answers,
            "instruction": None,
            "edited_by": None,
            "revision": revision,
            "usage": usage,
            "last_error": None,
            "updated_at": now,
        }
    )
