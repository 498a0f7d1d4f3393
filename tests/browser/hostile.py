"""Every field that a person or a model can write holds a program, and a real Chromium reads the pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Error, Page, Request, Route

from campaigns.approval.outcomes import start_revision
from campaigns.model.base import derived_id
from campaigns.model.campaign import PlanSummary
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.post import Check, CommentAnswer, Post, Quality
from tests.approvals.scene import NOW, TENANT, Scene, some_posts
from tests.samples import sample


@dataclass
class Watch:
    """What a browser did that no page of ours may make it do."""

    origin: str
    dialogs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    pages: int = 0

    findings: list[str] = field(default_factory=list)


@contextmanager
def watched(browser: Browser, origin: str) -> Iterator[tuple[Page, Watch]]:
    """A page whose dialogs, foreign requests and reports of the Content Security Policy are noted."""
    watch = Watch(origin)
    context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")

    def shut(dialog: Dialog) -> None:
        watch.dialogs.append(dialog.message)
        watch.findings.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def note(request: Request) -> None:
        if not request.url.startswith(f"{origin}/"):
            watch.requests.append(request.url)
            watch.findings.append(f"a request to {request.url}")
        watch.pages += request.is_navigation_request()

    def hear(said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            watch.reports.append(said.text)
            watch.findings.append(f"a violation of the policy: {said.text}")

    context.set_default_timeout(120_000)  # a busy machine is slow, not dangerous
    context.on("dialog", shut)
    context.on("request", note)
    context.on("console", hear)
    yield context.new_page(), watch
    context.close()


def second_round(scene: Scene, payload: str) -> Scene:
    """Open a second round in which every text is the payload: brief, brand, persona, posts, comments, names."""
    stamps = {"tenantId": TENANT, "createdAt": NOW, "updatedAt": NOW}
    campaign = scene.campaign
    brand = Brand.model_validate({**sample("brand.json"), **stamps, "id": derived_id("brand", campaign.id)})
    speaker = Persona.model_validate(
        {**sample("personas.json")[0], **stamps, "id": derived_id("persona", campaign.id)}
    ).model_copy(update={"name": payload, "role": payload, "company": payload})
    scene.store.brands.create(brand.model_copy(update={"name": f"{payload} {campaign.id[-6:]}"}))
    scene.store.personas.create(speaker)
    scene.campaign = campaign.model_copy(
        update={
            "name": payload,
            "requested_by": payload,
            "brand_id": brand.id,
            "brief": campaign.brief.model_copy(update={"description": payload}),
            "messaging": campaign.messaging.model_copy(
                update={"required_inclusions": [payload], "campaign_avoid_topics": [payload]}
            ),
            "participants": campaign.participants.model_copy(
                update={"persona_ids": [speaker.id, *campaign.participants.persona_ids]}
            ),
            "plan_summary": PlanSummary(total_posts=3, warnings=[payload]),
        }
    )
    posts = [_hostile(post, speaker.id, payload) for post in some_posts(scene.campaign, 3)]
    scene.stand_up(posts=posts, approvers=[{"name": payload, "email": "x@example.com"}])
    scene.decide(decision="needs_revision", comments=payload, decidedBy=payload, posts={
        post.id: {"decision": "needs_revision", "comment": payload} for post in posts[:2]
    } | {posts[2].id: {"decision": "approved"}})  # fmt: skip
    for post in start_revision(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now):
        assert post.content is not None
        changed = {
            "content": post.content.model_copy(update={"text": f"{payload} {post.content.text} <{payload}"}),
            "revision": post.revision + 1,
            "comment_answers": [CommentAnswer(comment=payload, answer=payload)],
        }
        scene.store.posts.save_revision(post.model_copy(update=changed))
    scene.ask(2)
    return scene


def _hostile(post: Post, speaker: str, payload: str) -> Post:
    assert post.content is not None
    text = f"{payload} {payload}\n#{payload} @{payload} https://ok.example/{payload}"
    checks = [
        Check(code="AVOID_WORD", severity="warn", message=payload, span=(0, len(payload))),
        Check(code=payload, severity="warn", message=payload, span=(3, 9)),
    ]
    assets = {"image_description": payload, "video_description": payload}
    return post.model_copy(
        update={
            "persona_id": speaker,
            "topic": payload,
            "pillar": payload,
            "asset_requirements": post.asset_requirements.model_copy(update=assets),
            "content": post.content.model_copy(update={"text": text, "alt_text": payload}),
            "quality": Quality(score=0.9, checks=checks),
        }
    )


def attack(page: Page, watch: Watch, scene: Scene, payload: str) -> list[str]:
    """Review a campaign that consists of a payload; return everything that went wrong with it."""
    before = len(watch.findings)
    second_round(scene, payload)
    try:
        review_with(page, scene, payload)
    except (AssertionError, Error) as error:
        watch.findings.append(f"{error}"[:500])
    return watch.findings[before:]


def review_with(page: Page, scene: Scene, payload: str) -> None:
    """Read everything, type the payload into every field, and go on to the receipt.

    Raises:
        AssertionError: an element that no template of ours has, or a payload that is not there to be read.
    """
    page.goto(scene.url())
    assert page.locator("h1").inner_text().split() == payload.split(), page.locator("h1").inner_html()
    everything_is_text(page)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for number in (1, 2):
        page.locator(f"#p{number} .choice.rejected input").check()
        page.locator(f"#p{number} textarea").fill(payload)
    page.locator(".bar .first").click()
    everything_is_text(page)
    page.locator("#decidedBy").fill(payload)
    page.locator("#comments").fill(payload)
    page.locator(".final .first").click()
    page.locator("#faults").wait_for()
    everything_is_text(page)
    page.locator("#confirm").check()
    page.locator(".final .first").click()
    page.locator(".recorded").wait_for()
    everything_is_text(page)


OURS: Final = 'select[name^="s."], table.month, script[src^="/approve/static/"]:empty'
"""The lists, tables and scripts that our templates write."""


def everything_is_text(page: Page) -> None:
    """Raise where a page has an element or an attribute that none of our templates writes."""
    strange = page.evaluate(
        """OURS => [...document.querySelectorAll('*')].flatMap(each => [
            ...['SCRIPT', 'IMG', 'IFRAME', 'OBJECT', 'EMBED', 'VIDEO', 'AUDIO', 'STYLE', 'BASE', 'MATH', 'MARQUEE',
                'TEMPLATE', 'SELECT', 'TABLE', 'IMAGE', 'ANIMATE'].filter(
                name => each.tagName.toUpperCase() === name && !each.matches(OURS)),
            ...[...each.attributes].filter(given => /^on|^srcdoc$|^formaction$|^style$/.test(given.name))
                .map(given => given.name),
            ...['href', 'src', 'action'].map(name => each.getAttribute(name) ?? '/')
                .filter(address => !/^(\\/(?!\\/)|#|\\?|https?:\\/\\/ok\\.example\\/)/.test(address)),
        ])""",
        OURS,
    )
    assert strange == [], strange


def fires(page: Page, watch: Watch, payload: str) -> bool:
    """Whether a page that escapes nothing and has no policy would have run the payload, so that there is a danger."""
    before = len(watch.dialogs) + len(watch.requests)
    body = f"""<!doctype html><title>{payload}</title><body><p title="{payload}">{payload}</p>
        <textarea>{payload}</textarea><style>/*{payload}*/</style><!--{payload}--><input value="{payload}">
        <p title='{payload}'></p><a id=link href="{payload}">x</a><script>//{payload}\n</script>"""

    def answer(route: Route) -> None:
        if route.request.url.endswith("/unescaped"):
            route.fulfill(body=body, content_type="text/html")
        else:
            route.abort()

    page.route("**/*", answer)
    with suppress(Error):  # it may send the page elsewhere in the middle of anything
        page.goto(f"{watch.origin}/unescaped", wait_until="commit")
        page.wait_for_load_state()
        page.evaluate("document.querySelector('#link')?.click()")
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 30)))")
    page.unroute("**/*")
    return len(watch.dialogs) + len(watch.requests) > before
