"""What is one line by its type, and where a text may be cut."""

from __future__ import annotations

import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from campaigns.approval.messages.notices import Notice
from campaigns.model.base import Line500, Text50, Text100, Text200, Text1000, cut, excerpt, first_letter, one_line
from flows import naming

BREAKS = ["\n", "\r\n", "\t", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", " \n\n\t ", "\r"]
FLAG, FAMILY, ACCENT, KEYCAP = "🇵🇹", "👩‍👩‍👧‍👦", "e\u0323\u0302", "1️⃣"


@pytest.mark.parametrize("kind", [Text50, Text100, Text200, Line500])
@pytest.mark.parametrize("pasted", BREAKS)
def test_a_short_text_is_one_line_by_its_type(kind: object, pasted: str) -> None:
    assert TypeAdapter(kind).validate_python(f"Spring{pasted}harvest{pasted}") == "Spring harvest"


def test_a_long_text_keeps_its_lines_and_a_name_its_spaces() -> None:
    assert TypeAdapter(Text1000).validate_python("one\r\ntwo") == "one\ntwo"
    assert TypeAdapter(Text100).validate_python("« Café »  Lisboa") == "« Café »  Lisboa"


LETTERS = st.sampled_from(
    [FLAG, FAMILY, ACCENT, KEYCAP, "a", " ", "é", "漢", "क्षि", "🏴\U000e0067\U000e0062\U000e007f", "🇵"]
)


@given(st.lists(LETTERS, max_size=400).map("".join), st.integers(1, 500))
def test_a_cut_stands_between_two_letters_and_takes_all_that_fit(text: str, at_most: int) -> None:
    found = cut(text, at_most=at_most)

    places = [0, *(each.end() for each in regex.finditer(r"\X", text))]
    assert text.startswith(found)
    assert len(found) == max(place for place in places if place <= at_most)


@pytest.mark.parametrize("letter", [FLAG, FAMILY, ACCENT, KEYCAP])
def test_an_excerpt_ends_with_a_whole_letter(letter: str) -> None:
    for count in range(60):
        found = excerpt("x" * count + letter * 40 + " end", at_most=60)
        assert len(found) <= 60
        assert found.endswith("…")
        assert found.strip("x…") == letter * (len(found.strip("x…")) // len(letter))


def test_an_excerpt_of_what_fits_is_the_text_as_one_line() -> None:
    assert excerpt("one\n two", at_most=7) == "one two"
    assert excerpt("one\n two", at_most=6) == "one t…"
    assert [first_letter(each) for each in ("", FLAG + "x", ACCENT)] == ["", FLAG, ACCENT]


@pytest.mark.parametrize(
    "text", [FLAG * 65_000, "e" + "\u0301" * 130_000, "👩\u200d" * 65_000, " \t" * 65_000, "\n" * 130_000]
)
def test_no_text_takes_long_to_cut(text: str) -> None:
    started = time.process_time()

    excerpt(text, at_most=60_000)
    one_line(text)

    assert time.process_time() - started < 1


def test_a_run_is_named_with_whole_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    given_ = {"tenant_id": "fernwood", "campaign": {"name": "x" * 118 + FLAG * 5 + "\nEnd"}, "campaign_id": ""}
    monkeypatch.setattr(naming.runtime.flow_run, "parameters", given_, raising=False)

    assert naming.run_name() == "x" * 118 + "… · fernwood"


def test_a_name_that_looks_encoded_is_written_so_that_it_is_read_as_it_was_typed() -> None:
    from email import message_from_bytes, policy

    from campaigns.mail_server import Mailbox
    from tests.approvals.scene import NOW

    name = f"=?utf-8?q?x?= {FAMILY}"
    notice = Notice(to=name, email="ana@example.com", subject=name, paragraphs=[], thread="t", language="en")

    mail = message_from_bytes(
        notice.mail("m", sender=Mailbox(name, "a@b.example"), at=NOW).as_bytes(), policy=policy.default
    )

    assert mail["Subject"] == name
    assert [mail[each].addresses[0].display_name for each in ("From", "To")] == [name, name]
