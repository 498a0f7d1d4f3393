"""The posts as files: what a spreadsheet, a calendar and a program find in them."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import vobject
from icalendar import Calendar

from api.routers.export import posts_file
from campaigns.build.export import COLUMNS, LENGTH
from campaigns.model.base import one_line
from campaigns.model.post import Post, PostContent, Review
from campaigns.model.vocabulary import PostStatus, ReviewState
from tests.api.doors import Tenant
from tests.store.samples import NOW, a_post

LONG = "Über 38 Familien: „grün“, geröstet und verpackt, und jede Zeile hat ein Ende. 🙂 " * 12
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "\u00a0=1",
    "\u3000=1",
    "＝1",
    "|calc",
    "%0A",
    '=HYPERLINK("https://evil.example","x")',
]


def exported(tenant: Tenant, posts: list[dict[str, Any]], *, format_: str, which: str = "approved") -> Any:
    """Store posts of a campaign, each a text and what else is different of it, and take them along."""
    campaign_id = tenant.campaign(name="Huila, „Ernte“; im März")
    campaign = tenant.store.campaigns.get(tenant.name, campaign_id)
    tenant.store.posts.put_planned([_post(campaign, number, **each) for number, each in enumerate(posts, start=1)])
    return tenant.client.get(f"/campaigns/{campaign_id}/export", params={"format": format_, "posts": which})


def _post(campaign: Any, number: int, text: str = "Hello", link: str | None = None, **changes: Any) -> Post:
    content = PostContent(text=text, generated_at=NOW, link=link)
    said = {"content": content, "status": PostStatus.COMPLETED, "review": Review(state=ReviewState.APPROVED), **changes}
    return a_post(campaign, number).model_copy(update=said)


def rows(answer: Any) -> list[dict[str, str]]:
    """Read the file as Excel does: UTF-8 only where a byte order mark says so."""
    encoding = "utf-8-sig" if answer.content.startswith(b"\xef\xbb\xbf") else "cp1252"
    return list(csv.DictReader(io.StringIO(answer.content.decode(encoding), newline="")))


def test_a_spreadsheet_shows_every_letter_and_every_line(tenant: Tenant) -> None:
    text = 'Tomás sagt: „38 Familien“, "900" bags;\n\n- eins\n- zwei 🙂'

    answer = exported(tenant, [{"text": text, "topic": "Röstung, hell"}], format_="csv")

    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].endswith('.csv"')
    (row,) = rows(answer)
    assert tuple(row) == COLUMNS
    assert (row["text"], row["topic"], row["status"], row["review"]) == (
        text, "Röstung, hell", "completed", "approved",
    )  # fmt: skip
    assert datetime.fromisoformat(row["scheduledAt"]) == NOW + timedelta(days=7, hours=1)
    assert (row["localTime"], row["timezone"]) == ("2027-03-08 10:00", "Europe/Lisbon")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(tenant: Tenant, text: str) -> None:
    answer = exported(tenant, [{"text": f"{text} a", "topic": text, "pillar": text}], format_="csv", which="all")

    (row,) = rows(answer)
    assert row["topic"] == row["pillar"] == f"'{text.strip()}"
    for cell in row.values():
        assert not cell.strip().startswith(("=", "+", "-", "@", "＝", "|", "%"))


INNER = [
    "Five cups;=1+41;more",
    "Five cups;\t=1+41",
    "Five cups\t=1+41",
    "Five cups\n=1+41",
    "Five cups;+1",
    "Five cups; -1",
    "Five cups;@SUM(A1)",
    'Five cups;"=1+41"',
    "Five cups;＝1",
    "Five cups\n- cmd|'/C calc'!A0",
    "Five cups\n- HYPERLINK(1)",
    "Five cups;- one",
]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("text", INNER)
def test_no_cell_is_a_formula_whatever_separates(tenant: Tenant, text: str, separator: str) -> None:
    answer = exported(tenant, [{"text": text, "topic": one_line(text), "pillar": one_line(text)[:100]}], format_="csv")

    found = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=separator))
    for cell in (cell for row in found for cell in row):
        assert not cell.strip(' \t\n"').startswith(("=", "+", "-", "@", "＝", "|", "%"))


def test_every_row_has_every_column_also_for_a_program_that_takes_all_usual_separators(tenant: Tenant) -> None:
    texts = ["Harvest day; how we paid", *INNER, 'a "b"; c\td, e\nf']

    answer = exported(tenant, [{"text": text, "topic": one_line(text)} for text in texts], format_="csv")

    content = answer.content.decode("utf-8-sig")
    assert [len(row) for row in csv.reader(io.StringIO(content, newline=""))] == [len(COLUMNS)] * (1 + len(texts))
    # Every separator but those between two cells stands within quotes.
    outside = re.sub(r'"(?:[^"]|"")*"', "", content)
    assert outside == ("," * (len(COLUMNS) - 1) + "\r\n") * (1 + len(texts))


def test_a_list_in_a_text_stays_as_it_was_written(tenant: Tenant) -> None:
    text = "Three ways:\n- pour over\n- press, slowly\n+ moka"

    assert rows(exported(tenant, [{"text": text}], format_="csv"))[0]["text"] == text


BREAKS = ["Spring\nharvest", "Spring\r\nharvest", "Spring\tharvest", "Spring\x0bharvest", "Spring\x85harvest",
          "Spring\u2028harvest", "Spring \n\n harvest"]  # fmt: skip


@pytest.mark.parametrize("name", [*BREAKS, "Spring\nEND:VCALENDAR\nBEGIN:VCALENDAR", "a;b,c\\nd", "Spring\x00\x07"])
@pytest.mark.parametrize("format_", ["csv", "ics"])
def test_what_an_older_version_stored_with_line_breaks_can_be_taken_along(
    tenant: Tenant, name: str, format_: Any
) -> None:
    campaign = tenant.store.campaigns.get(tenant.name, tenant.campaign())
    post = _post(campaign, 1, topic=name, pillar=name)
    assert post.content is not None
    content = post.content.model_copy(update={"text": f"{name} is here"})
    post = post.model_copy(update={"content": content})
    written = posts_file(format_, campaign.model_copy(update={"name": name}), [post], {}, {}).body
    assert isinstance(written, bytes)

    seen = one_line("".join(letter for letter in name if letter >= " " or letter in "\n\r\t\v"))
    if format_ == "csv":
        (row,) = csv.DictReader(io.StringIO(written.decode("utf-8-sig"), newline=""))
        assert (row["topic"], row["pillar"]) == (seen, seen)
        return
    calendar = Calendar.from_ical(written)
    (event,) = calendar.walk("VEVENT")
    other = vobject.readOne(written.decode())
    assert (
        calendar["X-WR-CALNAME"]
        == seen
        == other.contents["x-wr-calname"][0].value.replace("\\;", ";").replace("\\,", ",").replace("\\\\", "\\")
    )
    assert str(event["SUMMARY"]) == other.vevent.summary.value
    assert str(event["SUMMARY"]).endswith(f": {seen}")
    assert str(event["DESCRIPTION"]) == other.vevent.description.value


@pytest.mark.parametrize("name", BREAKS)
def test_a_name_is_one_line_whoever_pastes_it(tenant: Tenant, name: str) -> None:
    campaign = tenant.store.campaigns.get(tenant.name, tenant.campaign(name=name))

    assert campaign.name == "Spring harvest"


def test_a_calendar_shows_every_post_at_its_time(tenant: Tenant) -> None:
    texts = [LONG, "one\r\ntwo; three, four\\five\rsix\nseven", "BEGIN:VEVENT\r\nSUMMARY:forged\r\nEND:VEVENT"]
    posts: list[dict[str, Any]] = [{"text": text, "topic": text[:480]} for text in texts]
    posts[0] |= {"link": "https://fernwood.example/harvest?a=1;b=2,3", "pillar": "Where, it; grows"}

    answer = exported(tenant, posts, format_="ics")

    assert answer.headers["Content-Type"].startswith("text/calendar")
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))  # RFC 5545 section 3.1: bytes, not letters
    assert b"\n" not in answer.content.replace(b"\r\n", b"")
    assert b"\r" not in answer.content.replace(b"\r\n", b"")
    calendar = Calendar.from_ical(answer.content)
    assert calendar.errors == []
    assert calendar["X-WR-CALNAME"] == "Huila, „Ernte“; im März"
    events = calendar.walk("VEVENT")
    assert len(events) == 3
    for number, (event, text) in enumerate(zip(events, texts, strict=True), start=1):
        assert event.errors == []
        assert event.start == NOW + timedelta(days=7, hours=number)
        assert event.end - event.start == LENGTH
        assert str(event["STATUS"]) == "CONFIRMED"
        shown = str(event["DESCRIPTION"]).replace("\r", "\n")
        assert shown.startswith(text.strip().replace("\r\n", "\n").replace("\r", "\n"))
    assert str(events[0]["URL"]) == "https://fernwood.example/harvest?a=1;b=2,3"
    assert [str(each) for each in events[0].categories] == ["Where, it; grows"]


def test_an_event_keeps_its_name_and_counts_its_revisions(tenant: Tenant) -> None:
    campaign = tenant.store.campaigns.get(tenant.name, tenant.campaign())
    path, post = f"/campaigns/{campaign.id}/export", _post(campaign, 1)
    tenant.store.posts.put_planned([post])

    def event() -> Any:
        (found,) = Calendar.from_ical(tenant.client.get(path, params={"format": "ics"}).content).walk("VEVENT")
        return found

    first = event()
    changed = post.model_copy(update={"revision": 1, "updated_at": NOW + timedelta(hours=1)})
    tenant.store.posts.save_revision(changed)
    second = event()

    assert first["UID"] == second["UID"] == f"{post.id}@campaigns"
    assert (int(first["SEQUENCE"]), int(second["SEQUENCE"])) == (0, 1)
    assert second["LAST-MODIFIED"].dt - first["LAST-MODIFIED"].dt == timedelta(hours=1)


@pytest.mark.parametrize("format_", ["csv", "ics", "json"])
def test_only_what_goes_out_is_taken_along_unless_all_is_wanted(tenant: Tenant, format_: str) -> None:
    states = [
        {"text": "goes-out"},
        {"text": "pending-one", "review": Review(state=ReviewState.PENDING)},
        {"text": "rejected-one", "review": Review(state=ReviewState.REJECTED)},
        {"text": "skipped-one", "status": PostStatus.SKIPPED},
        {"text": "never-written", "content": None, "status": PostStatus.PLANNED, "review": Review()},
    ]

    some = exported(tenant, states, format_=format_).text
    everything = exported(tenant, states, format_=format_, which="all").text

    assert [each["text"] in some for each in states] == [True, False, False, False, False]
    assert [each["text"] in everything for each in states] == [True, True, True, True, False]


def test_without_posts_a_file_is_still_one(tenant: Tenant) -> None:
    assert rows(exported(tenant, [], format_="csv")) == []
    assert Calendar.from_ical(exported(tenant, [], format_="ics").content).walk("VEVENT") == []
    assert exported(tenant, [], format_="json").json()["posts"] == []
