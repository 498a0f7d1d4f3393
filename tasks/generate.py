"""Generate: the words of one post. Mapped over the plan; one post that fails does not fail the others."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from prefect import runtime
from prefect.futures import PrefectFutureList, wait

from campaigns.agents.prompts import PROMPT_VERSION
from campaigns.build.writing import is_written, put_back, write_post
from campaigns.checkpoints.key import CheckpointKey
from campaigns.errors import AgentError, StoreUnavailableError
from campaigns.patience import patiently
from campaigns.settings import get_settings
from campaigns.wiring import configure_agents, get_store
from tasks.checkpoints.cached import campaign_scope, checkpoint_key
from tasks.checkpoints.storage import configured_storage
from tasks.engine.lease import fence, time_for
from tasks.engine.permits import permit
from tasks.engine.policies import step
from tasks.showing.board import progress
from tasks.steps import Draft, PlannedPost, SavedCampaign


def _name() -> str:
    return f"generate {runtime.task_run.parameters['post'].label}"


def _inputs(parameters: Mapping[str, Any]) -> object:
    post: PlannedPost = parameters["post"]
    return {"post": post.id, "revision": post.revision, "model": get_settings().model, "prompts": PROMPT_VERSION}


@step("generate", called=_name, returns=Draft, inputs=_inputs)
def generate_post(post: PlannedPost, campaign: SavedCampaign) -> Draft:
    """Write one post, store it, and return what is stored.

    Raises:
        AgentError: no words; retried while that may help, then stored as a failed post.
        BuildTimeoutError: the campaign was worked on as long as it may be.
    """
    configure_agents()
    store = get_store()
    with permit(campaign):
        written = write_post(
            store,
            *campaign.ref,
            post.id,
            revision=post.revision,
            attempt=f"{runtime.task_run.id}:{runtime.task_run.run_count}",
            now=datetime.now(UTC),
            fence=fence(campaign),
            seconds=time_for(campaign, get_settings().post_timeout_seconds),
            judge=get_settings().judge,
        )
    progress(campaign)
    return Draft(
        post_id=written.id,
        revision=written.revision,
        status=written.status,
        content_hash=written.content_hash(),
        post=written,
    )


def unwritten(campaign: SavedCampaign, posts: list[PlannedPost]) -> list[PlannedPost]:
    """Return the posts that are not both stored and kept: a run that begins again has no step for the others.

    Two reads, however many posts are finished. One that was stored by a process which died before it kept it is kept
    by its step, and is not paid for again.
    """
    store, place = get_store(), campaign.ref
    stored = {post.id: post for post in patiently(lambda: store.posts.list(*place))}
    kept = set(patiently(lambda: configured_storage(get_settings()).vault().keys_of(*place)))
    return [
        post for post in posts if not is_written(stored[post.id], post.revision) or _key(post, campaign) not in kept
    ]


def _key(post: PlannedPost, campaign: SavedCampaign) -> CheckpointKey:
    return checkpoint_key(campaign_scope({"campaign": campaign}), "generate", _inputs({"post": post}))


def lost(drafts: PrefectFutureList[Draft], campaign: SavedCampaign) -> list[str]:
    """Return the ids of posts of which the store has no words although their step is done, and nothing to put back.

    A table that was restored is older than the checkpoints; what they have is put back, and paid for once.
    """
    store = get_store()
    done = [draft.result() for draft in drafts if draft.state.is_completed()]
    posts = {post.id: post for post in patiently(lambda: store.posts.list(*campaign.ref))}
    behind = [draft for draft in done if not is_written(posts[draft.post_id], draft.revision)]
    return [
        draft.post_id
        for draft in behind
        if draft.post is None or patiently(partial(put_back, store, draft.post, fence=fence(campaign))) is None
    ]


def require_settled(drafts: PrefectFutureList[Draft]) -> None:
    """Wait for the last drafts, and raise what kept a post from being written or stored as failed.

    A post that the model has no words for is stored as failed, and does not keep the others from going on. One
    that is neither, because the store was away for example, must not be missing from the round unnoticed: the run
    ends, and goes on when it is started again.
    """
    wait(list(drafts))
    for draft in drafts:
        if draft.state.is_completed():
            continue
        error = draft.state.result(raise_on_failure=False)
        if not isinstance(error, AgentError) or error.retryable:
            raise error if isinstance(error, Exception) else StoreUnavailableError("a post was neither written nor not")
