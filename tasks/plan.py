"""Plan: the calendar by code, the topics by the planner, both stored before the step counts as done."""

from datetime import UTC, datetime

from prefect import get_run_logger

from campaigns.agents.prompts import PROMPT_VERSION
from campaigns.agents.providers import models
from campaigns.agents.providers.money import estimate
from campaigns.build.planning import fail, plan, read_setting
from campaigns.errors import AgentError
from campaigns.model.campaign import AT_REST
from campaigns.model.post import Post
from campaigns.model.vocabulary import PLATFORM_NAMES
from campaigns.rules.retry import MAX_ATTEMPTS
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.wiring import configure_agents, get_store
from tasks.checkpoints.receipts import receipted
from tasks.engine.lease import fence, time_for
from tasks.engine.permits import permit
from tasks.engine.policies import step
from tasks.showing.board import show
from tasks.showing.events import tell
from tasks.steps import Plan, PlannedPost, SavedCampaign


@step(
    "plan",
    called="plan the posts",
    returns=Plan,
    inputs=lambda _: {"model": get_settings().model, "prompts": PROMPT_VERSION},
)
def plan_posts(campaign: SavedCampaign) -> Plan:
    """Plan the posts of a campaign and return them in calendar order."""
    configure_agents()
    store = get_store()
    try:
        with permit(campaign):
            posts = plan(
                store,
                *campaign.ref,
                now=datetime.now(UTC),
                fence=fence(campaign),
                seconds=time_for(campaign, get_settings().planning_timeout_seconds),
            )
    except AgentError as error:
        if error.retryable:
            _count(store, campaign, error)
        raise
    setting = read_setting(store, *campaign.ref)
    summary = setting.campaign.plan_summary
    names = {persona.id: persona.name for persona in setting.personas}
    _log_estimate(posts)
    tell("planned", *campaign.ref, campaign.name, posts=len(posts))
    return Plan(
        posts=[
            PlannedPost(
                id=post.id,
                number=post.number,
                revision=post.revision,  # above 0 when an operator had it written again
                label=label_of(post, names[post.persona_id]),
            )
            for post in posts
        ],
        warnings=summary.warnings if summary else [],
    )


def _log_estimate(posts: list[Post]) -> None:
    """Log what writing the posts will take, before it is paid for."""
    expected = estimate(posts, models.model())
    cost = "unknown price" if expected.cost_usd is None else f"about {expected.cost_usd:.2f} US dollars"
    said = (len(posts), expected.model, expected.calls, expected.tokens, cost)
    get_run_logger().info("%d posts by %s: about %d model calls, %d tokens, %s", *said)


def planned(campaign: SavedCampaign) -> Plan:
    """Return the plan of which the posts are stored."""
    plan = receipted(plan_posts, lambda plan: _is_stored(campaign, plan), campaign)
    show(campaign, "campaign", "plan", "cost")
    return plan


def _is_stored(campaign: SavedCampaign, plan: Plan) -> bool:
    store = get_store()
    revisions = {post.id: post.revision for post in store.posts.list(*campaign.ref)}
    if any(revisions.get(post.id, -1) < post.revision for post in plan.posts):
        return False
    return store.campaigns.get(*campaign.ref).plan_summary is not None


def _count(store: Store, campaign: SavedCampaign, error: AgentError) -> None:
    """Count a failure that may pass; the last one fails the campaign, in whatever run of it.

    Raises:
        AgentError: it was the last one.
    """
    failures = store.recoveries.count_failure(*campaign.ref, "plan")
    if failures < MAX_ATTEMPTS:
        return
    message = f"{error.message} It was tried {failures} times."
    stored = store.campaigns.get(*campaign.ref)
    if stored.status not in AT_REST:
        now = datetime.now(UTC)
        fail(store, stored, code=error.reason, message=message, retryable=True, now=now, fence=fence(campaign))
    raise AgentError(error.reason, message, retryable=False, details=error.details) from error


def label_of(post: Post, persona_name: str) -> str:
    """Return what names a post in lists and logs: `post-03 · LinkedIn · Ines`."""
    return f"post-{post.number:02d} · {PLATFORM_NAMES[post.platform]} · {persona_name.split(maxsplit=1)[0]}"
