"""The pages of a campaign as Prefect shows them: markdown in which users' words are words, never a link or a picture.

No page holds a link to decide by or an address: whoever reads Prefect could use them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.agents.providers.prices import PriceList
from campaigns.approval.outcomes import approved_posts, decided_by
from campaigns.approval.standing import stages_of, where_told
from campaigns.build.costs import cost_of
from campaigns.build.planning import read_setting
from campaigns.model.approval import ApprovalRound, ApproverDecision
from campaigns.model.campaign import Campaign
from campaigns.model.post import Post
from campaigns.model.vocabulary import PLATFORM_NAMES, CampaignStatus, RoundStatus
from campaigns.rules.approval.decisions import missing_voices, still_asked
from campaigns.rules.approval.reminders import reminders_at
from campaigns.rules.calendar.month import months_of
from campaigns.rules.merge.explain import explain
from campaigns.rules.text.limits.platforms import measured, rendered_text
from campaigns.rules.text.word_diff import word_diff
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.texts import words_for
from tasks.forms.markdown import words

MAX_PAGE: Final = 400_000
"""Characters of a page: a campaign of 200 long posts stays below it."""
_AUDIT_SHOWN: Final = 100
_WAITING_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Page:
    """An artifact: its key, one line for its card, and the markdown."""

    key: str
    description: str
    markdown: str


def key_of(kind: str, campaign_id: str) -> str:
    """Return the key of a page: Prefect takes lower-case letters, digits and dashes."""
    return f"{kind}-{campaign_id.removeprefix('campaign_').lower()}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Return `Thu, 5 Mar 2026, 17:00 WET (UTC)`: never a time without its zone, as Prefect's UI shows them."""
    return words_for("en").moment(at, zone)


def waiting(round_: ApprovalRound, decisions: Sequence[ApproverDecision], zone: ZoneInfo) -> str:
    """Return who is waited for: `Waiting for 2 of 3 until Thu, 5 Mar 2026, 17:00 WET (UTC), round 2`."""
    able = sum(not approver.revoked for approver in round_.approvers)
    missing = missing_voices(round_, decisions)
    stage = f", {place}" if (place := where_told(round_)) else ""
    return f"Waiting for {missing} of {able} until {moment(round_.expires_at, zone)}, round {round_.n}{stage}"


def campaign_page(store: Store, campaign: Campaign) -> Page:
    """Return the brief, what every value follows from, and what happened so far."""
    setting = read_setting(store, *campaign.ref)
    zone = campaign.schedule.zone
    people = ", ".join(persona.name for persona in setting.personas)
    places = ", ".join(PLATFORM_NAMES[platform] for platform in campaign.participants.platforms)
    facts = [
        ("Status", str(campaign.status).replace("_", " ")),
        ("Tenant", campaign.tenant_id),
        ("Brand", setting.brand.name if setting.brand else "none"),
        ("Objective", campaign.brief.objective),
        ("Posts for", f"{people} on {places}"),
        ("Days", f"{campaign.schedule.start_date} to {campaign.schedule.end_date}, {campaign.schedule.timezone}"),
        *_approvers(campaign),
        ("Campaign", campaign.id),
    ]
    if campaign.occurrence is not None:
        facts.append(("Occurrence", campaign.occurrence.period))
    if campaign.last_error is not None:
        facts.append(("Why it failed", f"{campaign.last_error.code}: {campaign.last_error.message}"))
    trail = store.audit.entries(*campaign.ref)[-_AUDIT_SHOWN:]
    happened = [
        (moment(entry.at, zone), entry.action.replace("_", " "), str(entry.to_status or "").replace("_", " "))
        for entry in trail
    ]
    return _page(
        "campaign",
        campaign,
        f"{campaign.name}: {str(campaign.status).replace('_', ' ')}",
        [
            f"# {words(campaign.name)}",
            _table(("", ""), facts),
            "## What it is about",
            _quoted(campaign.brief.description),
            *_bullets("Key dates", [f"{each.date}: {each.label}" for each in campaign.key_dates or []]),
            *_bullets("Must include", campaign.messaging.all_inclusions()),
            *_bullets("Items", [each.name for each in campaign.items or []]),
            *_bullets("Topics to avoid", campaign.messaging.campaign_avoid_topics),
            "## What the posts follow from",
            _table(("", "Value", "From"), explain(setting.config)),
            "## What happened",
            _table(("When", "What", "Then"), happened),
        ],
    )


def _approvers(campaign: Campaign) -> list[tuple[str, str]]:
    terms = campaign.approval
    titles = [f"Approvers, {n}: {stage.name}" for n, stage in enumerate(terms.stages or [], start=1)] or ["Approvers"]
    return [
        (title, ", ".join(approver.name for approver in asked.approvers) or "as set up")
        for title, asked in zip(titles, terms.in_stages, strict=True)
    ]


def plan_page(store: Store, campaign: Campaign) -> Page:
    """Return the calendar: its months as pictures, and a line for each post."""
    posts, names = _posts(store, campaign), _names(store, campaign)
    rows = [
        (
            str(post.number), moment(post.scheduled_at, campaign.schedule.zone), PLATFORM_NAMES[post.platform],
            names.get(post.persona_id, ""), post.pillar or "", post.intent, post.topic,
        )
        for post in posts
    ]  # fmt: skip
    warnings = campaign.plan_summary.warnings if campaign.plan_summary else []
    head = ("", "When", "Platform", "Persona", "Pillar", "Intent", "Topic")
    parts = [*_bullets("To know", warnings), *_months(campaign, posts, names), _table(head, rows)]
    return _page("plan", campaign, f"{len(posts)} posts", parts)


def _months(campaign: Campaign, posts: Sequence[Post], names: dict[str, str]) -> Iterator[str]:
    """Yield the months of posts as pictures: a table for each, a row for each week."""
    english, zone = words_for("en"), campaign.schedule.zone

    def shown(post: Post) -> str:
        who = names.get(post.persona_id, "")
        where = PLATFORM_NAMES[post.platform]
        return f"{english.clock(post.scheduled_at, zone)} {where}{f', {who}' if who else ''}"

    for month in months_of(posts, zone):
        yield f"## {words(f'{english.month(month.first)}, {campaign.schedule.timezone}')}"
        head = [english.weekday(day.date)[0] for day in month.weeks[0]]
        weeks = [
            [" · ".join([str(day.date.day), *map(shown, day.posts)]) if day.inside else "" for day in week]
            for week in month.weeks
        ]
        yield _table(head, weeks)


def posts_page(store: Store, campaign: Campaign) -> Page:
    """Return every post in full, as it will read, with its checks and where its review is."""
    names, parts = _names(store, campaign), []
    posts = _posts(store, campaign)
    for post in posts:
        who = f"{PLATFORM_NAMES[post.platform]} · {names.get(post.persona_id, '')}"
        parts.append(f"## {post.number} · {words(who)} · {words(moment(post.scheduled_at, campaign.schedule.zone))}")
        state = f"{str(post.status).replace('_', ' ')}, review: {str(post.review.state).replace('_', ' ')}"
        if post.content is None:
            reason = f": {post.last_error.message}" if post.last_error else ""
            parts.append(words(f"No words yet ({state}{reason}). Topic: {post.topic}"))
            continue
        shown = rendered_text(post.platform, post.content)
        size = measured(post.platform, shown)
        length = f"{size.length} of {size.limit}"
        parts += [_quoted(shown), words(f"{state}; {length}; revision {post.revision}")]
        if post.quality is not None:
            found = [f"{check.severity}: {check.code}: {check.message}" for check in post.quality.checks]
            parts += _bullets("Checks", found)
    written = sum(post.content is not None for post in posts)
    return _page("posts", campaign, f"{written} of {len(posts)} posts written", parts)


def review_page(store: Store, campaign: Campaign) -> Page | None:
    """Return who is asked and who has decided; None: nobody is asked yet."""
    round_ = store.approvals.current_round(*campaign.ref)
    if round_ is None:
        return None
    said = {each.approver_id: each for each in store.approvals.decisions(*campaign.ref, round_.n)}
    zone = campaign.schedule.zone
    rows = [
        (
            approver.name,
            "link withdrawn" if approver.revoked and approver.id not in said else _said(said.get(approver.id)),
            moment(said[approver.id].at, zone) if approver.id in said else "",
        )
        for approver in round_.approvers
    ]
    open_ = round_.status is RoundStatus.PENDING
    place = f", {where_told(round_)}" if round_.stage else ""
    state = waiting(round_, list(said.values()), zone) if open_ else f"Round {round_.n}{place}: {_came_to(round_)}"
    stages = [
        (each.name, each.state, ", ".join(one.decided_by for one in each.decisions),
         ", ".join(_said(one) for one in each.decisions), str(each.round.n) if each.round else "")
        for each in stages_of(store, round_)
    ]  # fmt: skip
    return _page(
        "review",
        campaign,
        state,
        [
            words(state),
            *([_table(("Stage", "State", "By", "Said last", "Round"), stages)] if stages else []),
            _table(("Approver", "Decision", "When"), rows),
            words(f"Asked {moment(round_.opened_at, zone)} about {len(round_.posts)} posts."),
        ],
    )


def decision_page(store: Store, campaign: Campaign, n: int) -> Page | None:
    """Return what was said in a round, post by post; None: nothing yet."""
    said = store.approvals.decisions(*campaign.ref, n)
    if not said:
        return None
    numbers = {post.id: post.number for post in _posts(store, campaign)}
    parts = []
    for each in said:
        at = moment(each.at, campaign.schedule.zone)
        parts.append(f"## {words(f'{each.decided_by}: {_said(each)}, {at}')}")
        parts += [_quoted(each.comments)] if each.comments else []
        rows = [
            (str(numbers.get(post_id, "")), str(verdict.decision).replace("_", " "), verdict.comment)
            for post_id, verdict in each.posts.items()
        ]
        parts += [_table(("Post", "Decision", "Comment"), rows)] if rows else []
        parts.append(words(f"About the content {each.digest[:12]}."))
    names = ", ".join(dict.fromkeys(each.decided_by for each in said))
    place = where_told(store.approvals.round(*campaign.ref, n))
    title = f"Round {n}, {place}" if place else f"Round {n}"
    page = _page("decision", campaign, f"{title}: {_said(said[-1])} by {names}", parts)
    return Page(f"{page.key}-r{n}", page.description, page.markdown)


def diff_page(store: Store, campaign: Campaign, n: int) -> Page | None:
    """Return what was rewritten for a round, word by word; None: nothing was."""
    parts = []
    for post in _posts(store, campaign):
        kept = [each for each in store.posts.revisions(*campaign.ref, post.id) if each.content]
        if post.revision == 0 or len(kept) < 2:
            continue
        before, after = kept[-2].content, kept[-1].content
        if before is None or after is None or before.text == after.text:
            continue
        parts.append(f"## {post.number} · {words(PLATFORM_NAMES[post.platform])}")
        parts.append(" ".join(_changed(piece.change, piece.text) for piece in word_diff(before.text, after.text)))
    if not parts:
        return None
    page = _page("diff", campaign, f"What was rewritten for round {n}", parts)
    return Page(f"{page.key}-r{n}", page.description, page.markdown)


def cost_page(store: Store, campaign: Campaign) -> Page:
    """Return what the campaign was estimated at, and what it has cost: by step and by post."""
    settings = get_settings()
    prices = PriceList(settings.model, settings.model_price_in, settings.model_price_out)
    cost = cost_of(store, campaign, prices, now=campaign.updated_at)
    used = [("plan" if each.step == "plan" else "all posts", each.spent) for each in cost.steps]
    used += [(f"post {each.number}", each.spent) for each in cost.posts]
    rows = [
        (name, str(spent.calls), str(spent.input_tokens), str(spent.output_tokens), f"{spent.cost_usd:.4f}")
        for name, spent in used
    ]
    total = f"{cost.spent.calls} calls of {cost.spent.model}, {cost.spent.cost_usd:.4f} US dollars"
    budget = "" if cost.budget_usd is None else f" of a budget of {cost.budget_usd:.2f}"
    expected = ""
    if cost.estimate is not None:
        price = "an unknown price" if cost.estimate.cost_usd is None else f"{cost.estimate.cost_usd:.4f} US dollars"
        expected = f" Estimated before the first call: {cost.estimate.calls} calls, {price}."
    head = ("", "Calls", "Tokens in", "Tokens out", "US dollars")
    return _page("cost", campaign, total, [words(f"{total}{budget}.{expected}"), _table(head, rows)])


def outcome_page(store: Store, campaign: Campaign) -> Page:
    """Return how it ended; its first line is the result."""
    round_ = store.approvals.current_round(*campaign.ref)
    posts = _posts(store, campaign)
    out = approved_posts(posts)
    result = str(campaign.status).replace("_", " ").capitalize()
    by = decided_by(store, round_) if round_ else ""
    lead = f"{result}{f' by {by}' if by else ''}: {len(out)} of {len(posts)} posts go out"
    base = f"{get_settings().api_base_url}/campaigns/{campaign.id}/export"
    files = [f"- [{name}]({base}?format={form})" for name, form in (("CSV", "csv"), ("JSON", "json"), ("ICS", "ics"))]
    rows = [
        (moment(post.scheduled_at, campaign.schedule.zone), PLATFORM_NAMES[post.platform], post.topic) for post in out
    ]
    return _page(
        "outcome",
        campaign,
        lead,
        [
            f"**{words(lead)}**",
            _table(("When", "Platform", "Topic"), rows),
            "The approved posts as files, with a token of the API:",
            "\n".join(files),
        ],
    )


WAITING_KEY: Final = "waiting-approvals"


def waiting_page(store: Store, now: datetime) -> Page:
    """Return every open round of every tenant: the page on which an operator begins the day."""
    rows = []
    asked = (each for each in store.campaigns.in_work() if each.status is CampaignStatus.AWAITING_REVIEW)
    for campaign in islice(asked, _WAITING_SHOWN):
        round_ = store.approvals.current_round(*campaign.ref)
        if round_ is None or round_.status is not RoundStatus.PENDING:
            continue
        zone = campaign.schedule.zone
        said = store.approvals.decisions(*round_.campaign_ref, round_.n)
        names = [each.name for each in still_asked(round_, said)]
        coming = reminders_at(round_.opened_at, round_.expires_at, round_.reminders, zone)
        reminder = next((each for each in coming if each > now), None)
        rows.append(
            (
                campaign.name, campaign.tenant_id, _numbered(round_), ", ".join(names),
                moment(round_.opened_at, zone), moment(round_.expires_at, zone),
                moment(reminder, zone) if reminder else "",
            )
        )  # fmt: skip
    head = ("Campaign", "Tenant", "Round", "Waits for", "Asked", "Decide by", "Next reminder")
    table = _table(head, rows) if rows else "Nobody is waited for."
    status = f"{get_settings().api_base_url}/status"
    body = f"[How the installation is]({status}), with Prefect's name and password.\n\n{table}"
    return Page(WAITING_KEY, f"{len(rows)} reviews wait", body[:MAX_PAGE])


def _numbered(round_: ApprovalRound) -> str:
    return f"{round_.n} ({where_told(round_)})" if round_.stage else str(round_.n)


PAGES: Final[dict[str, Callable[[Store, Campaign], Page | None]]] = {
    "campaign": campaign_page,
    "plan": plan_page,
    "posts": posts_page,
    "review": review_page,
    "cost": cost_page,
    "outcome": outcome_page,
}
"""Pages of which there is one for a campaign."""
OF_A_ROUND: Final[dict[str, Callable[[Store, Campaign, int], Page | None]]] = {
    "decision": decision_page,
    "diff": diff_page,
}


def _page(kind: str, campaign: Campaign, description: str, parts: Iterable[str]) -> Page:
    return Page(key_of(kind, campaign.id), words(description), "\n\n".join(parts)[:MAX_PAGE])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([words(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _quoted(text: str) -> str:
    # Two blanks end a line: the text reads as it was written.
    return "\n".join(f"> {words(line)}  " for line in text.splitlines())


def _bullets(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"**{title}**"
        yield "\n".join(f"- {words(item)}" for item in items)


def _changed(change: str, text: str) -> str:
    shown = words(text)
    if not shown or change not in {"added", "removed"}:
        return shown
    return f"**added:** {shown}" if change == "added" else f"~~{shown}~~"


def _said(decision: ApproverDecision | None) -> str:
    return "not yet" if decision is None else str(decision.decision).replace("_", " ")


def _came_to(round_: ApprovalRound) -> str:
    return str(round_.outcome or round_.status).replace("_", " ")


def _posts(store: Store, campaign: Campaign) -> list[Post]:
    return store.posts.list(*campaign.ref)


def _names(store: Store, campaign: Campaign) -> dict[str, str]:
    setting = read_setting(store, *campaign.ref)
    return {persona.id: persona.name for persona in setting.personas}
