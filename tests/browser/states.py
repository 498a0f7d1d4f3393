"""Every page that an approver can come to, reached as an approver would: for screenshots and for accessibility."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from playwright.sync_api import Page

from campaigns.approval.expiry import expire
from campaigns.approval.outcomes import conclude
from campaigns.approval.renewing import extend_round, renew_link, revoke_link
from campaigns.approval.rounds import keep_draft
from campaigns.model.approval import PostDraft, ReviewDraft
from campaigns.model.vocabulary import CampaignStatus
from campaigns.rules.approval.passages import sentences_of
from tests.approvals.scene import ANA, BEN, CLA, TENANT, Scene, some_posts
from tests.approvals.voices import by_link

REASON = "Too long for X, and please name the farm."


@dataclass(frozen=True)
class State:
    """A page with a name; `arrive` goes there and `look` names what a screenshot shows first."""

    name: str
    arrive: Callable[[Page, Scene], None]
    look: str = ""


def review(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up().url())


def a_post_with_findings(page: Page, scene: Scene) -> None:
    review(page, scene)
    page.locator("#p7 .needs_revision input").check()
    page.locator("#p7 .reasons input").first.check()
    page.locator("#p7 textarea").fill("No promises, please. Say what it tastes like instead.")


def brief_open(page: Page, scene: Scene) -> None:
    review(page, scene)
    page.locator(".brief summary").click()


def month_open(page: Page, scene: Scene) -> None:
    """The grid of a wide screen; on a phone the agenda in its place."""
    review(page, scene)
    if page.locator(".days summary").is_visible():
        page.locator(".days summary").click()


def approved_rest(page: Page, scene: Scene) -> None:
    a_post_with_findings(page, scene)
    page.get_by_role("button", name="Approve the rest").click()


def something_missing(page: Page, scene: Scene) -> None:
    a_post_with_findings(page, scene)
    page.locator(".bar .first").click()


def send_step(page: Page, scene: Scene) -> None:
    approved_rest(page, scene)
    page.locator("#p4 .rejected input").check()
    page.locator("#p4 textarea").fill("We do not talk about loans.")
    page.locator(".bar .first").click()


def unconfirmed(page: Page, scene: Scene) -> None:
    send_step(page, scene)
    page.locator("#decidedBy").fill("")
    page.get_by_role("button", name="Send decision").click()


def begun_elsewhere(page: Page, scene: Scene) -> None:
    """A mail scanner has filled in the form, in a browser of its own."""
    scene.stand_up(posts=3)
    round_ = scene.round()
    chosen = {post.id: PostDraft(decision="approved", revision=post.revision) for post in scene.posts()}
    draft = ReviewDraft(digest=round_.digest, posts=chosen, browser="another", saved_at=scene.clock.now)
    keep_draft(scene.store, round_, by_link(round_), draft, now=scene.clock.now)
    page.goto(scene.url())


def asks_for_a_code(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=3, require_otp=True).url())
    page.get_by_role("button", name="Approve the rest").click()
    page.locator(".bar .first").click()
    page.locator("#confirm").check()
    page.locator("#code").fill("123")
    page.get_by_role("button", name="Send decision").click()


def _send(page: Page) -> None:
    page.locator("#confirm").check()
    page.get_by_role("button", name="Send decision").click()


def changes_requested(page: Page, scene: Scene) -> None:
    send_step(page, scene)
    page.locator("#comments").fill("Lovely work. Only the tone of post 7 is not ours.")
    _send(page)


def approved(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=6).url())
    page.get_by_role("button", name="Approve the rest").click()
    page.locator(".bar .first").click()
    _send(page)


def undoable(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=6, settle_seconds=900).url())
    page.get_by_role("button", name="Approve the rest").click()
    page.locator(".bar .first").click()
    _send(page)


def undone(page: Page, scene: Scene) -> None:
    undoable(page, scene)
    page.get_by_role("button", name="Undo my decision").click()


def rejected(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=3).url())
    for number in (1, 2, 3):
        page.locator(f"#p{number} .rejected input").check()
    page.locator(".bar .first").click()
    page.locator("#comments").fill("Not this season.")
    _send(page)


def waiting_for_others(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=3, approvers=[ANA.to_wire(), BEN.to_wire()], quorum="all").url())
    page.get_by_role("button", name="Approve the rest").click()
    page.locator(".bar .first").click()
    _send(page)


def decided_by_others(page: Page, scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=[ANA.to_wire(), BEN.to_wire()])
    scene.decide(1)
    page.goto(scene.url(2))


def somebody_was_faster(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=3, approvers=[ANA.to_wire(), BEN.to_wire()]).url(2))
    page.locator("#p2 .rejected input").check()
    page.locator("#p2 textarea").fill(REASON)
    page.get_by_role("button", name="Approve the rest").click()
    page.locator(".bar .first").click()
    scene.decide(1)
    page.locator("#comments").fill("And the hashtags are too many.")
    _send(page)


def stale(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=6).url())
    page.locator("#p2 .approved input").check()
    post = scene.posts()[1]
    assert post.content is not None
    words = post.content.text.replace("38 families grew", "Thirty-eight families grew").replace(
        "next week", "on Monday"
    )
    scene.edit(post.number, words)
    page.locator(".bar .first").click()


def second_round(page: Page, scene: Scene) -> None:
    page.goto(second_round_url(scene))


def second_round_url(scene: Scene) -> str:
    scene.stand_up(posts=6)
    posts = scene.posts()
    comments = {2: REASON, 4: "We do not talk about loans. Say why it is good for the growers."}
    scene.decide(
        decision="needs_revision",
        posts={
            post.id: {"decision": "needs_revision", "comment": comments[post.number]}
            if post.number in comments
            else {"decision": "approved"}
            for post in posts
        },
    )
    scene.clock.pass_(hours=2)
    scene.next_round(
        {
            2: (
                "The first bags from Huila are here on Monday. Grown at Finca La Loma by Doña Marleny and 37 other "
                "families, paid in October. 900 bags, then it is gone. https://fernwood.example/harvest",
                "Named the farm, and cut the tasting notes.",
            ),
            4: (
                "Why do we pay for coffee five months before we get it?\n\nBecause October is when the money is "
                "needed: the pickers come back, the cherries are picked ripe, and nobody has to sell early at a bad "
                "price.\n\nIt is also a risk. In eight years we lost money on it once.",
                "Took out the interest rate and the loan; the reason now is what it does for the harvest.",
            ),
        }
    )
    return scene.url()


def newer_version(page: Page, scene: Scene) -> None:
    link = scene.stand_up(posts=6).url()
    scene.decide(decision="needs_revision", comments=REASON)
    scene.clock.pass_(hours=2)
    scene.next_round({post.number: (f"{post.topic}, said in another way.", "") for post in scene.posts()})
    page.goto(link)


def new_link_sent(page: Page, scene: Scene) -> None:
    newer_version(page, scene)
    page.get_by_role("button", name="Send me the new link").click()


def replaced(page: Page, scene: Scene) -> None:
    link = scene.stand_up(posts=3).url()
    renew_link(
        scene.store, TENANT, scene.campaign.id, 1, "ap-1", actor="marta", reason="forwarded", now=scene.clock.now
    )
    page.goto(link)


def expired(page: Page, scene: Scene) -> None:
    link = scene.stand_up(posts=3).url()
    scene.clock.pass_(hours=97)
    expire(scene.store, scene.round(), scene.clock.now)
    page.goto(link)


def expired_but_extended(page: Page, scene: Scene) -> None:
    link = scene.stand_up(posts=3).url()
    until = scene.round().expires_at + timedelta(hours=24)
    extend_round(
        scene.store, TENANT, scene.campaign.id, 1, until=until, actor="marta", reason="holiday", now=scene.clock.now
    )
    scene.clock.pass_(hours=97)
    page.goto(link)


def cancelled(page: Page, scene: Scene) -> None:
    link = scene.stand_up(posts=3).url()
    scene.move(CampaignStatus.CANCELLED)
    page.goto(link)


def revoked(page: Page, scene: Scene) -> None:
    link = scene.stand_up(posts=3, approvers=[ANA.to_wire(), BEN.to_wire()]).url()
    revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-1", actor="marta", now=scene.clock.now, reason="left")
    page.goto(link)


def unknown(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=3).url()[:-1] + "0")


def another_site(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=3).url())
    page.evaluate("document.querySelector('[name=csrf]').value = '1.' + 'a'.repeat(64)")
    page.locator(".bar .first").click()


def may_not_decide(page: Page, scene: Scene) -> None:
    marta = {"name": "Marta Lund", "email": "marta@fernwood.example"}
    asks, scene.campaign = scene.campaign.requested_by, scene.campaign.model_copy(update={"requested_by": "somebody"})
    scene.stand_up(posts=3, approvers=[marta], prevent_self_approval=True)
    # A round that was asked before it was known who asks: nobody is asked who may not decide.
    scene.store.campaigns.update(TENANT, scene.campaign.id, {"requested_by": asks}, actor="t", at=scene.clock.now)
    page.goto(scene.url())


def in_german(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(approvers=[CLA.to_wire()]).url())


def list_before_the_code(page: Page, scene: Scene) -> None:
    """The list of an approver; the store is everybody's, so this one is asked in no other state."""
    eva = {"name": "Eva Lind", "email": f"eva-{scene.campaign.id[-6:].lower()}@example.com", "locale": "en"}
    page.goto(f"{scene.stand_up(posts=5, approvers=[eva]).url()}")
    for number, name in enumerate(("Summer menu", "Roastery open day"), start=1):
        other = scene.another(f"{scene.campaign.id} {number}")
        other.campaign = other.campaign.model_copy(update={"name": name})
        other.stand_up(posts=2 * number, approvers=[eva], expires_in_hours=48 * number)
    page.locator(".foot a").click()
    page.locator("button").click()


def list_open(page: Page, scene: Scene) -> None:
    list_before_the_code(page, scene)
    page.locator("#code").fill(scene.code_of_list())
    page.locator("button.first").click()


def long_texts(page: Page, scene: Scene) -> None:
    """Names without a blank, a post as long as LinkedIn takes, and an address that no line holds."""
    name = "Frühjahrsernte-Aktionswochen-Abschlussveranstaltung in " + "Llanfairpwllgwyngyllgogerychwyrndrobwll" * 2
    scene.campaign = scene.campaign.model_copy(
        update={"name": name, "requested_by": f"{'marta' * 12}@fernwood.example"}
    )
    first, *others = some_posts(scene.campaign, 3)
    assert first.content is not None
    text = f"{'https://fernwood.example/' + 'harvest' * 30}\n\n{(first.content.text + ' ') * 5}"[:2990]
    first = first.model_copy(update={"content": first.content.model_copy(update={"text": text})})
    approvers = [CLA.to_wire(), {"name": "Wolfeschlegelsteinhausenbergerdorff" * 2, "email": "w@example.com"}]
    page.goto(scene.stand_up(posts=[first, *others], approvers=approvers, quorum="all").url())


def many_posts(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=45).url())
    page.locator(".pages").scroll_into_view_if_needed()


def in_stages(page: Page, scene: Scene) -> None:
    """The editor has approved with a comment; legal reads."""
    people = [("Editor", ANA), ("Legal", BEN), ("Client", CLA)]
    stages = [{"name": name, "approvers": [who.to_wire()], "expiresInHours": 48} for name, who in people]
    scene.stand_up(posts=6, stages=stages).decide(comments="Lovely. Legal, please look at the prices.")
    conclude(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=scene.clock.now)
    page.goto(scene.url())


def stage_receipt(page: Page, scene: Scene) -> None:
    in_stages(page, scene)
    scene.decide()
    conclude(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=scene.clock.now)
    page.goto(scene.url(n=2))


def pointed_at(page: Page, scene: Scene) -> None:
    review(page, scene)
    page.locator("#p2 .needs_revision input").check()
    page.locator("#p2 select").select_option(index=2)
    page.locator("#p2 textarea").fill(REASON)


def answer_beside_the_words(page: Page, scene: Scene) -> None:
    scene.stand_up(posts=3)
    posts = scene.posts()
    said = {"decision": "needs_revision", "comment": REASON, "passage": sentences_of(posts[1])[1]}
    scene.decide(decision="needs_revision", posts={posts[1].id: said})
    scene.clock.pass_(hours=2)
    scene.next_round({2: ("The first bags from Finca La Loma are here on Monday.", "Named the farm.")})
    page.goto(scene.url())


def in_own_words(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=6, allow_edits=True, allow_moves=True).url())
    page.locator("#p2 .approved input").check()
    page.locator("#p2 .own summary").first.click()
    page.locator("#e-2").fill("The first bags from Huila are here on Monday. Come and taste them with us.")


def own_words_blocked(page: Page, scene: Scene) -> None:
    in_own_words(page, scene)
    page.locator("#e-2").fill("Guaranteed to be the freshest coffee you ever had.")
    page.get_by_role("button", name="Approve the rest").click()
    page.locator(".bar .first").click()


def own_words_to_be_sent(page: Page, scene: Scene) -> None:
    in_own_words(page, scene)
    page.get_by_role("button", name="Approve the rest").click()
    page.locator(".bar .first").click()


def another_time(page: Page, scene: Scene) -> None:
    page.goto(scene.stand_up(posts=6, allow_moves=True).url())
    page.locator("#p2 .approved input").check()
    page.locator("#p2 .own summary").click()
    page.locator("#p2 .own select").select_option(index=1)


def another_time_refused(page: Page, scene: Scene) -> None:
    another_time(page, scene)
    page.locator("#p2 [type=datetime-local]").fill("2027-03-26T09:00")
    page.get_by_role("button", name="Approve the rest").click()
    page.locator(".bar .first").click()


def asked_again(page: Page, scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=[ANA.to_wire(), BEN.to_wire()], quorum="all", allow_edits=True)
    everything = {post.id: {"decision": "approved"} for post in scene.posts()}
    scene.decide(2, posts=everything)
    second = scene.posts()[1]
    edit = "The first bags from Huila are here on Monday. Come and taste them with us."
    scene.clock.pass_(minutes=5)
    scene.decide(1, posts={**everything, second.id: {"decision": "approved", "edit": edit}})
    page.goto(scene.url(2))


STATES = [
    State("review", review),
    State("linkedin", review, "#p1"),
    State("instagram", review, "#p3"),
    State("brief", brief_open, ".brief"),
    State("month", month_open, "main"),
    State("findings", a_post_with_findings, "#p7"),
    State("pointing", pointed_at, "#v-2"),
    State("pointing-answered", answer_beside_the_words, "#p2 .said"),
    State("edit", in_own_words, "#v-2"),
    State("edit-blocked", own_words_blocked, "#v-2"),
    State("edit-send", own_words_to_be_sent),
    State("move", another_time, "#v-2"),
    State("move-refused", another_time_refused, "#v-2"),
    State("asked-again", asked_again),
    State("begun-elsewhere", begun_elsewhere, "main"),
    State("rest-approved", approved_rest, "main"),
    State("missing", something_missing, "main"),
    State("send", send_step),
    State("send-missing", unconfirmed),
    State("send-code", asks_for_a_code, ".final"),
    State("receipt-approved", approved),
    State("receipt-undo", undoable),
    State("undone", undone, "main"),
    State("receipt-changes", changes_requested),
    State("receipt-rejected", rejected),
    State("receipt-waiting", waiting_for_others),
    State("decided-by-others", decided_by_others),
    State("conflict", somebody_was_faster),
    State("stale", stale, "#p2"),
    State("round-2", second_round),
    State("round-2-changes", second_round, "#p2"),
    State("stages", in_stages, ".stages"),
    State("stages-receipt", stage_receipt),
    State("newer", newer_version),
    State("new-link-sent", new_link_sent),
    State("replaced", replaced),
    State("expired", expired),
    State("expired-extended", expired_but_extended),
    State("cancelled", cancelled),
    State("revoked", revoked),
    State("unknown", unknown),
    State("another-site", another_site),
    State("may-not-decide", may_not_decide),
    State("german", in_german),
    State("list-code", list_before_the_code),
    State("list", list_open),
    State("long", long_texts),
    State("pages", many_posts, ".pages"),
]


def reached(page: Page, scene: Scene, state: State, seed: str) -> None:
    """Go to a state with a campaign of its own; time goes back afterwards."""
    before = scene.clock.now
    page.context.clear_cookies()
    try:
        state.arrive(page, scene.another(f"{state.name} {seed}"))
    finally:
        scene.clock.now = before


def all_states() -> Iterator[State]:
    yield from STATES
