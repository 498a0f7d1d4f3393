"""The page over HTTP: opening shows, sending decides, and every other request changes nothing."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from typing import Any

import pytest

from api.review.render import script_name
from api.review.views.marking import web_address
from campaigns.approval.renewing import extend_round, renew_link, revoke_link
from campaigns.errors import StoreUnavailableError
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from tests.approvals.reader import approve_all, read, send
from tests.approvals.scene import ANA, BEN, CLA, TENANT, TWO, Scene, untouched
from tests.store.samples import put_round

# --- the whole way ------------------------------------------------------------------------------------


def test_a_review_from_the_link_to_the_receipt(scene: Scene) -> None:
    scene.stand_up(posts=6)
    browser = scene.browser()

    receipt = approve_all(browser, scene.url())

    assert (receipt.status_code, read(receipt).heading) == (200, "Approved")
    decision = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)[0]
    assert (decision.decided_by, decision.channel, len(decision.posts)) == ("Ana Ribeiro", "link", 6)
    assert scene.round().status is RoundStatus.DECIDED
    assert browser.get(receipt.url.path).text == receipt.text  # reload-safe


def test_post_by_post_with_reasons_and_comments(scene: Scene) -> None:
    scene.stand_up()
    browser = scene.browser()
    page = browser.get(scene.url())
    chosen = {f"d.{post.number}": "approved" for post in scene.posts()}
    chosen |= {"d.7": "needs_revision", "c.7": "No promises.", "q.7": "tone", "d.2": "rejected", "q.2": "length"}

    step = send(browser, page, "review", **chosen)
    assert read(step).heading == "Your decision, in short"
    receipt = send(browser, step, "send", confirm="yes")

    assert read(receipt).heading == "Changes requested"
    said = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)[0].posts
    by_number = {post.number: said[post.id] for post in scene.posts()}
    assert (by_number[7].decision, by_number[7].comment) == ("needs_revision", "Tone: No promises.")
    assert (by_number[2].decision, by_number[2].comment) == ("rejected", "Length")
    assert by_number[1].decision == "approved"


def test_nothing_is_preselected(scene: Scene) -> None:
    page = read(scene.browser().get(scene.stand_up().url()))

    assert page.checked == {}
    assert len(page.choices) == 12
    assert page.choices["d.7"] == ["needs_revision", "rejected"]  # a legal block: not to be approved
    assert page.choices["d.1"] == ["approved", "needs_revision", "rejected"]


def test_the_posts_are_to_be_had_as_files(scene: Scene) -> None:
    scene.stand_up(posts=6)
    browser = scene.browser()
    page = browser.get(scene.url())
    hrefs = re.findall(r'href="([^"]+/posts\.[a-z]+)" download', page.text)
    files = {href.rpartition(".")[2]: browser.get(page.url.join(href)) for href in hrefs}

    assert {name: answer.headers["content-type"] for name, answer in files.items()} == {
        "csv": "text/csv; charset=utf-8",
        "ics": "text/calendar; charset=utf-8",
    }
    assert all(answer.headers["content-disposition"].startswith("attachment;") for answer in files.values())
    rows = list(csv.DictReader(files["csv"].content.decode("utf-8-sig").splitlines(keepends=True)))
    assert [row["id"] for row in rows] == [post.id for post in scene.posts()]
    assert files["ics"].text.count("BEGIN:VEVENT") == 6
    assert untouched(scene)


def test_a_file_is_for_whoever_may_see_the_page(scene: Scene) -> None:
    scene.stand_up(posts=6, approvers=TWO)
    file = f"/approve/{scene.round().callback_id}/posts.csv"
    browser = scene.browser()

    assert (scene.browser().get(file).status_code, read(scene.browser().get(file)).heading) == (
        404, read(scene.browser().get("/approve/nobody")).heading,
    )  # fmt: skip
    browser.get(scene.url())
    assert browser.get(file.replace("csv", "exe")).status_code == 404
    revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-1", actor="marta", now=scene.clock.now, reason="left")
    assert browser.get(file, follow_redirects=False).status_code == 303


def test_twenty_posts_fit_into_a_hundred_kilobytes(scene: Scene) -> None:
    scene.stand_up(posts=20)
    browser = scene.browser()

    page = browser.get(scene.url())
    style = browser.get(re.findall(r"/approve/static/[\w.-]+css", page.text)[0])

    assert len(read(page).choices) == 20
    assert page.num_bytes_downloaded + style.num_bytes_downloaded <= 100_000


def test_the_page_is_compressed_for_whoever_reads_that_and_is_the_same(scene: Scene) -> None:
    scene.stand_up(posts=20)
    browser = scene.browser()
    browser.get(scene.url())
    path = f"/approve/{scene.round().callback_id}"

    light, plain = (browser.get(path, headers={"Accept-Encoding": each}) for each in ("br, gzip;q=0.8", "identity"))

    assert (light.headers["content-encoding"], plain.headers.get("content-encoding")) == ("gzip", None)
    assert light.text == plain.text
    assert light.num_bytes_downloaded < len(light.content) / 4
    assert {light.headers["vary"], plain.headers["vary"]} == {"Accept-Encoding"}


def test_later_posts_come_in_pages_of_twenty(scene: Scene) -> None:
    scene.stand_up(posts=45)
    browser = scene.browser()

    first = browser.get(scene.url())

    assert len(read(first).choices) == 20
    assert [len(read(browser.get(f"{first.url.path}?page={n}")).choices) for n in (2, 3)] == [20, 5]
    assert len(read(browser.get(f"{first.url.path}?page=99")).choices) == 5


def test_choices_go_along_from_page_to_page(scene: Scene) -> None:
    scene.stand_up(posts=45)
    browser = scene.browser()
    page = browser.get(scene.url())

    page = send(browser, page, "page:2", d_3="rejected", c_3="Not this one.")
    page = send(browser, page, "page:3", d_25="rejected")
    assert read(browser.get(f"{page.url.path}?page=1")).checked == {"d.3": "rejected"}
    page = send(browser, page, "rest")
    assert f"{45 - 2 - len(scene.round().blocked)} posts are marked" in page.text
    rest = read(page).fields | read(page).checked
    for number in [post.number for post in scene.posts() if post.id in scene.round().blocked]:
        rest[f"d.{number}"] = "rejected"
    step = browser.post(page.url.path, data={**rest, "action": "review"})
    receipt = send(browser, step, "send", confirm="yes", comments="The blocked ones stay out.")

    assert read(receipt).heading == "Approved"
    said = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)[0].posts
    assert len(said) == 45
    assert {post.number for post in scene.posts() if said[post.id].decision == "rejected"} == {3, 25, 7, 19, 31, 43}


def test_approve_the_rest_leaves_blocked_posts_and_decides_nothing(scene: Scene) -> None:
    scene.stand_up()
    browser = scene.browser()
    page = browser.get(scene.url())

    filled = read(send(browser, page, "rest", d_4="rejected"))

    assert filled.checked == {f"d.{n}": "approved" for n in range(1, 13) if n not in {4, 7}} | {"d.4": "rejected"}
    assert read(browser.get(page.url.path)).checked == {}  # not kept: somebody has to send it on
    assert untouched(scene)


def test_a_draft_waits_for_a_phone_call_to_end(scene: Scene) -> None:
    scene.stand_up()
    page = (browser := scene.browser()).get(scene.url())
    send(browser, page, "save", d_1="approved", d_2="needs_revision", c_2="Shorter, please")
    scene.clock.pass_(hours=20)

    again = read(another := browser.get(scene.url()))

    assert again.checked == {"d.1": "approved", "d.2": "needs_revision"}
    assert again.fields["c.2"] == "Shorter, please"
    assert "Nothing has been sent yet" in another.text
    assert untouched(scene)


def test_the_comment_on_the_whole_survives_every_way_back(scene: Scene) -> None:
    scene.stand_up(posts=2, settle_seconds=300)
    browser = scene.browser()
    step = send(browser, browser.get(scene.url()), "review", d_1="approved", d_2="approved")

    back = send(browser, step, "save", comments="Lovely, all of it.", decidedBy="Ana R.")
    assert read(back).fields["comments"] == "Lovely, all of it."
    again = send(browser, back, "review", d_1="approved", d_2="approved")
    assert {"Lovely, all of it.", "Ana R."} <= set(read(again).fields.values())

    receipt = send(browser, again, "send", comments="Lovely, nearly all.", confirm="yes")
    undone = send(browser, receipt, "undo")
    assert {"Lovely, nearly all.", "Ana R."} <= set(read(undone).fields.values())


def test_an_approver_sees_what_the_others_have_sent(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all").decide(2)

    shown = scene.browser().get(scene.url(1)).text

    assert re.search(rf"{BEN.name} approved this on .*\d", shown)


def test_after_an_extension_nobody_is_promised_another(scene: Scene) -> None:
    scene.stand_up(posts=2, on_timeout="extend")
    promised = "the time is extended once"
    assert promised in scene.browser().get(scene.url()).text

    until = scene.round().expires_at + timedelta(hours=24)
    extend_round(scene.store, TENANT, scene.campaign.id, 1, until=until, actor="m", reason="late", now=scene.clock.now)

    page = scene.browser().get(scene.url()).text
    assert promised not in page
    assert "nothing is published" in page


def test_what_is_missing_is_named_and_everything_typed_is_kept(scene: Scene) -> None:
    scene.stand_up(posts=3)
    browser = scene.browser()

    answer = send(browser, browser.get(scene.url()), "review", d_1="needs_revision", c_1="Warmer <3")

    assert answer.status_code == 422
    page = read(answer)
    assert page.checked == {"d.1": "needs_revision"}
    assert page.fields["c.1"] == "Warmer <3"
    for number in (2, 3):
        assert f'href="#v-{number}"' in answer.text
    assert 'role="alert"' in answer.text
    assert "autofocus" in answer.text
    assert untouched(scene)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"decidedBy": "  "}, "Enter your name"),
        ({"confirm": ""}, "Tick the box"),
        ({"comments": ""}, "has no reason of its own"),
    ],
)
def test_the_last_step_asks_for_what_it_needs(scene: Scene, fields: dict[str, str], says: str) -> None:
    scene.stand_up(posts=3)
    browser = scene.browser()
    page = browser.get(scene.url())
    step = send(browser, page, "review", d_1="rejected", d_2="approved", d_3="approved")

    answer = send(browser, step, "send", **{"confirm": "yes", "comments": "Not ours.", "decidedBy": "Ana", **fields})

    assert answer.status_code == 422
    assert says in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert untouched(scene)


def test_invisible_letters_of_a_pasted_comment_do_no_harm(scene: Scene) -> None:
    scene.stand_up(posts=1)
    browser = scene.browser()
    page = browser.get(scene.url())

    step = send(browser, page, "review", d_1="rejected", c_1="\u202eNo\u200b, thanks\x00\ufeff é\r\n")
    send(browser, step, "send", confirm="yes", decidedBy="A\u2066na")

    decision = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)[0]
    assert [each.comment for each in decision.posts.values()] == ["No, thanks é"]
    assert decision.decided_by == "Ana"


# --- twice, at once, too late -------------------------------------------------------------------------


def test_the_same_form_twice_is_one_decision_and_the_same_receipt(scene: Scene) -> None:
    scene.stand_up(posts=3)
    browser = scene.browser()
    chosen = {f"d.{n}": "approved" for n in (1, 2, 3)}
    step = send(browser, browser.get(scene.url()), "review", **chosen)

    first = send(browser, step, "send", confirm="yes")
    second = send(browser, step, "send", confirm="yes")
    scene.clock.pass_(hours=500)
    third = browser.get(first.url.path)

    assert first.text == second.text
    assert scene.audit().count("decided") == 1
    assert (third.status_code, "Your decision was recorded on" in third.text) == (410, True)


def test_whoever_comes_second_learns_who_was_first_and_keeps_every_word(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=TWO)
    browser = scene.browser()
    page = browser.get(scene.url(2))
    step = send(browser, page, "review", d_1="rejected", c_1="Not ours", d_2="approved", d_3="approved")
    scene.decide(1)

    answer = send(browser, step, "send", confirm="yes", comments="And too many hashtags.")

    assert answer.status_code == 409
    for word in ("Ana Ribeiro approved this", "Not ours", "And too many hashtags."):
        assert word in answer.text
    assert len(scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)) == 1
    assert "Ana Ribeiro approved this" in browser.get(page.url.path).text


def test_a_page_that_got_stale_shows_what_changed_and_keeps_the_choices(scene: Scene) -> None:
    scene.stand_up(posts=3)
    browser = scene.browser()
    page = browser.get(scene.url())
    scene.edit(2, "Quite other words now.")

    answer = send(browser, page, "review", d_1="approved", d_2="approved", d_3="rejected", c_3="No.")

    assert answer.status_code == 409
    kept = read(answer)
    assert kept.checked == {"d.1": "approved", "d.2": "approved", "d.3": "rejected"}
    assert "<ins>" in answer.text
    assert "<del>" in answer.text
    assert untouched(scene) or scene.audit().count("decided") == 0
    step = send(browser, answer, "review")
    assert read(step).heading == "Your decision, in short"


def test_a_summary_that_got_stale_sends_nothing(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    step = send(browser, browser.get(scene.url()), "review", d_1="approved", d_2="approved")
    scene.edit(2, "Quite other words now.")

    answer = send(browser, step, "send", confirm="yes")

    assert answer.status_code == 409
    assert "<del>" in answer.text
    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []


def test_content_in_the_middle_of_an_edit_is_not_shown_for_decision(scene: Scene) -> None:
    scene.stand_up(posts=2)
    scene.rewrite(scene.posts()[1], "Quite other words now.")

    answer = scene.browser().get(scene.url())

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "Quite other words" not in answer.text


def test_a_comment_after_the_end_is_handed_on(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    step = send(browser, browser.get(scene.url()), "review", d_1="approved", d_2="rejected", c_2="Not this one")
    scene.clock.now = scene.round().expires_at

    answer = send(browser, step, "send", confirm="yes", comments="Sorry for the delay")

    assert answer.status_code == 410
    assert "Your comment was handed on" in answer.text
    note = scene.store.audit.entries(TENANT, scene.campaign.id)[-1]
    assert "commented" in scene.audit()
    assert any("Not this one" in str(entry.details) for entry in scene.store.audit.entries(TENANT, scene.campaign.id))
    assert note is not None
    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []


def test_a_store_that_does_not_answer_is_told_and_nothing_is_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    step = send(browser, browser.get(scene.url()), "review", d_1="approved", d_2="approved")

    def down(*_: Any, **__: Any) -> None:
        raise StoreUnavailableError("down")

    with monkeypatch.context() as patched:
        patched.setattr(scene.store.approvals, "act", down)
        failed = send(browser, step, "send", confirm="yes")
    again = send(browser, step, "send", confirm="yes")

    assert (failed.status_code, read(failed).heading, failed.headers["retry-after"]) == (503, "Not recorded", "5")
    assert read(again).heading == "Approved"


def test_a_store_that_answers_nothing_at_all_still_leaves_a_page_and_every_word(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    step = send(browser, browser.get(scene.url()), "review", d_1="approved", d_2="rejected", c_2="Not this year.")

    def down(*_: Any, **__: Any) -> None:
        raise StoreUnavailableError("down")

    monkeypatch.setattr(scene.store.approvals, "by_callback", down)
    shown = [browser.get(scene.url()), browser.get(step.url.path), browser.get(f"{step.url.path}/posts.csv")]
    failed = send(browser, step, "send", comments="See <the> minutes.", confirm="yes")

    assert [(each.status_code, read(each).heading) for each in shown] == [(503, "Not available just now")] * 3
    assert (failed.status_code, read(failed).heading) == (503, "Not recorded")
    for typed in ("See &lt;the&gt; minutes.", "Not this year."):
        assert typed in failed.text


def test_a_trail_that_cannot_be_written_keeps_nobody_from_reading(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.stand_up(posts=2)

    def down(*_: Any, **__: Any) -> None:
        raise StoreUnavailableError("down")

    monkeypatch.setattr(scene.store, "record", down)

    assert scene.browser().get(scene.url()).status_code == 200


def test_links_that_are_over_say_so_and_name_nothing_of_the_campaign(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=[*TWO, CLA.to_wire()])
    links = [scene.url(n) for n in (1, 2, 3)]
    renew_link(scene.store, TENANT, scene.campaign.id, 1, "ap-1", actor="m", reason="forwarded", now=scene.clock.now)
    revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-2", actor="m", now=scene.clock.now, reason="left")

    answers = [scene.browser().get(link) for link in links[:2]]
    scene.clock.now = scene.round().expires_at
    answers.append(scene.browser().get(links[2]))
    scene.clock.pass_(days=-1)
    scene.move(CampaignStatus.CANCELLED)
    answers.append(scene.browser().get(links[2]))

    assert [answer.status_code for answer in answers] == [410, 410, 410, 410]
    headings = [
        "A newer link was sent to you",
        "This link was withdrawn",
        "Die Frist ist vorbei",
        "Diese Prüfung wurde abgesagt",
    ]
    assert [read(answer).heading for answer in answers] == headings
    for answer in answers:
        for word in (scene.campaign.name, "Huila", "Fernwood", ANA.email, TENANT):
            assert word not in answer.text


def test_a_new_link_goes_to_the_address_on_file_and_nowhere_else(scene: Scene) -> None:
    link = scene.stand_up(posts=2).url()
    scene.decide(decision="needs_revision", comments="Warmer, please.")
    scene.next_round({1: ("Better.", ""), 2: ("Better too.", "")})
    browser = scene.browser()
    page = browser.get(link)

    answer = send(browser, page, "relink")

    assert (page.status_code, read(answer).heading) == (200, "A link is on its way")
    mails = [path.read_text() for path in (scene.home / "mail").glob("*new_link*.eml")]
    assert len(mails) == 1
    assert f"To: {ANA.name} <{ANA.email}>" in mails[0]
    assert "token=" not in answer.text


# --- words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "accepts", "lang", "says"),
    [
        (None, "fr-CH, fr;q=0.9, en;q=0.8", "fr", "2 publications"),
        (None, "pt;q=1, es;q=0.5", "es", "2 publicaciones"),
        (None, "*", "en", "2 posts"),
        (None, "xx;q=bad,,;;", "en", "2 posts"),
        ("de", "fr", "de", "2 Beiträge"),
    ],
)
def test_the_page_speaks_the_language_of_its_reader(
    scene: Scene, locale: str | None, accepts: str, lang: str, says: str
) -> None:
    reader = {"name": "R", "email": "r@example.com", **({"locale": locale} if locale else {})}
    url = scene.stand_up(posts=2, approvers=[reader]).url()

    page = scene.browser(**{"Accept-Language": accepts}).get(url)

    assert read(page).lang == lang
    assert says in page.text


def test_times_name_their_zone_and_the_readers(scene: Scene) -> None:
    page = scene.browser().get(scene.stand_up(posts=2, approvers=[BEN.to_wire()]).url()).text

    assert "Fri, 12 Mar 2027, 05:30 EST (UTC−5) · 10:30 in Lisbon" in page  # the deadline: the reader's zone first
    assert "Mon, 15 Mar 2027, 09:20 WET (UTC) · 05:20 in New York" in page  # a post: the campaign's zone first


def test_everything_people_typed_is_text_on_the_page(scene: Scene) -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    posts = scene.posts() or None
    assert posts is None
    scene.campaign = scene.campaign.model_copy(update={"name": evil, "requested_by": evil})
    scene.stand_up(posts=2, approvers=[{"name": evil, "email": "x@example.com"}])
    scene.edit(1, evil + ' javascript:alert(3) https://ok.example/"onx=1')

    browser = scene.browser()
    page = browser.get(scene.url())
    step = send(browser, page, "review", d_1="rejected", c_1=evil, d_2="approved")

    for answer in (page, step):
        assert not {"img", "iframe", "object"} & set(read(answer).tags)
        assert not [name for name in read(answer).attributes if name.startswith("on")]
        assert all(re.match(r"(/|#|\?|https?://)", href) for href in read(answer).links)
    assert re.findall(r"<script[^>]*>", page.text) == [f'<script src="/approve/static/{script_name()}" defer>']
    assert "<script" not in step.text
    assert 'rel="noopener noreferrer nofollow"' in page.text


def test_a_next_round_begins_with_what_changed(scene: Scene) -> None:
    scene.stand_up(posts=3)
    ids = {post.number: post.id for post in scene.posts()}
    scene.decide(
        decision="needs_revision",
        comments="Warmer in all, please.",
        posts={
            ids[1]: {"decision": "approved"},
            ids[2]: {"decision": "needs_revision", "comment": "Name the farm."},
            ids[3]: {"decision": "approved"},
        },
    )
    scene.next_round({2: ("Grown at Finca La Loma.", "Named it: Finca La Loma.")})

    page = scene.browser().get(scene.url())

    for words in ("What changed since your last review", "Name the farm.", "Named it: Finca La Loma.", "You wrote"):
        assert words in page.text
    assert "2 posts are unchanged and stay approved" in page.text
    assert "<ins>" in page.text
    assert read(page).choices == {"d.2": ["approved", "needs_revision", "rejected"]}
    assert page.text.count("It stays exactly as it is.") == 2


def test_the_static_files_may_be_kept_and_nothing_else_is_served(scene: Scene) -> None:
    browser = scene.browser()
    name = re.findall(r"/approve/static/([\w.-]+css)", browser.get(scene.stand_up(posts=1).url()).text)[0]

    style = browser.get(f"/approve/static/{name}")

    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert style.headers["content-type"].startswith("text/css")
    assert browser.get("/approve/static/icon.svg").headers["content-type"].startswith("image/svg+xml")
    for other in ("review.html", "..%2fapp.py", "%2e%2e/app.py", "approval_page.py", "x"):
        assert browser.get(f"/approve/static/{other}").status_code in {401, 404}


def test_a_post_whose_time_has_come_is_not_published_late(scene: Scene) -> None:
    from campaigns.approval.outcomes import apply
    from campaigns.approval.rounds import Outcome

    scene.stand_up(posts=3)
    first = min(scene.posts(), key=lambda post: post.scheduled_at)
    late = scene.round().model_copy(update={"expires_at": first.scheduled_at + timedelta(days=9), "version": 2})
    put_round(scene.store, late)
    scene.clock.now = first.scheduled_at + timedelta(minutes=1)

    page = scene.browser().get(scene.url())
    scene.decide()
    apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=scene.clock.now)

    assert "Its time has come and gone" in page.text
    assert {post.number: str(post.review.state) for post in scene.posts()} == {
        1: "expired",
        2: "approved",
        3: "approved",
    }


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("https://ok.example/a?b=1", "https://ok.example/a?b=1"),
        ("ok.example/a", "https://ok.example/a"),
        ("https://ok.example@evil.example/", None),
        ("https://ok.example\\@evil.example/", None),
        ("javascript://ok.example/%0aalert(1)", None),
        ("https://[", None),
    ],
)
def test_only_honest_web_addresses_become_links(text: str, linked: str | None) -> None:
    assert web_address(text) == linked
