"""The table: what both databases promise, by one suite."""

from __future__ import annotations

import pytest

from campaigns.errors import ItemTooLargeError
from campaigns.store.tables.table import (
    ABSENT,
    MAX_ITEM_BYTES,
    Check,
    ConditionFailed,
    Delete,
    Equals,
    Item,
    Key,
    Position,
    Put,
    Table,
    item_bytes,
    position_of,
)


def an_item(pk: str = "p", sk: str = "s", **attributes: str | int) -> Item:
    return {"pk": pk, "sk": sk, **attributes}


def test_what_was_written_is_read_back_as_it_was(table: Table) -> None:
    item = an_item(text='Grüße 漢字 👩‍🌾 \n "quoted" \\ \'', empty="", number=-7, large=10**30, zero=0)

    table.write(Put(item))

    assert table.get(Key("p", "s")) == item


def test_many_items_are_read_at_once(table: Table) -> None:
    items = [an_item(sk=f"{number:03d}", text="x" * 60_000) for number in range(120)]
    for item in items:
        table.write(Put(item))
    names = [Key("p", item["sk"]) for item in items]

    found = table.get_many([*names, Key("p", "never"), names[0]])

    assert found == dict(zip(names, items, strict=True))
    assert table.get_many([]) == {}


def test_nothing_is_found_where_nothing_was_written(table: Table) -> None:
    assert table.get(Key("p", "s")) is None
    assert table.query("p") == []
    assert table.query_index("list", "p") == []


def test_a_put_replaces_the_whole_item(table: Table) -> None:
    table.write(Put(an_item(a=1, list_pk="l", list_sk="1")))

    table.write(Put(an_item(b=2)))

    assert table.get(Key("p", "s")) == an_item(b=2)
    assert table.query_index("list", "l") == []


def test_a_condition_that_fails_says_where_and_what_is_there(table: Table) -> None:
    table.write(Put(an_item(sk="1", owner="me")))

    with pytest.raises(ConditionFailed) as failed:
        table.write(
            Put(an_item(sk="0"), ABSENT),
            Put(an_item(sk="1", owner="you"), ABSENT),
            Check(Key("p", "2"), Equals({"owner": "me"})),
            Put(an_item(sk="3")),
        )

    assert failed.value.failures == {1: an_item(sk="1", owner="me"), 2: None}
    assert [item["sk"] for item in table.query("p")] == ["1"]


@pytest.mark.parametrize(
    ("expected", "passes"),
    [
        ({}, True),
        ({"version": 1}, True),
        ({"version": 1, "status": "open"}, True),
        ({"version": 2}, False),
        ({"version": 1, "status": "closed"}, False),
        ({"version": "1"}, False),
        ({"other": 1}, False),
    ],
)
def test_equals_holds_for_the_very_same_values(table: Table, expected: dict[str, str | int], passes: bool) -> None:
    table.write(Put(an_item(version=1, status="open")))
    change = Put(an_item(version=2), Equals(expected))

    if passes:
        table.write(change)
    else:
        with pytest.raises(ConditionFailed):
            table.write(change)

    assert table.get(Key("p", "s")) == (an_item(version=2) if passes else an_item(version=1, status="open"))


def test_equals_fails_where_nothing_is(table: Table) -> None:
    with pytest.raises(ConditionFailed) as failed:
        table.write(Put(an_item(), Equals({})))

    assert failed.value.failures == {0: None}


def test_a_check_lets_the_others_pass_and_writes_nothing(table: Table) -> None:
    table.write(Put(an_item(sk="guard", token=3)))

    table.write(Check(Key("p", "guard"), Equals({"token": 3})), Check(Key("p", "none"), ABSENT), Put(an_item()))

    assert [item["sk"] for item in table.query("p")] == ["guard", "s"]


def test_deletions_are_part_of_the_write(table: Table) -> None:
    table.write(Put(an_item(sk="1", version=1)), Put(an_item(sk="2")))

    with pytest.raises(ConditionFailed):
        table.write(Delete(Key("p", "2")), Delete(Key("p", "1"), Equals({"version": 9})))
    assert len(table.query("p")) == 2

    table.write(Delete(Key("p", "2")), Delete(Key("p", "1"), Equals({"version": 1})), Delete(Key("p", "never")))
    assert table.query("p") == []


def test_a_query_stays_in_its_partition_and_prefix(table: Table) -> None:
    for pk, sk in [("p", "post#1"), ("p", "post#2"), ("p", "post"), ("p", "posu"), ("p", "r#1"), ("pp", "post#1")]:
        table.write(Put(an_item(pk, sk)))

    assert [item["sk"] for item in table.query("p", "post#")] == ["post#1", "post#2"]
    assert [item["sk"] for item in table.query("p")] == ["post", "post#1", "post#2", "posu", "r#1"]


def test_sort_keys_order_by_their_utf8_bytes(table: Table) -> None:
    marks = ["#", "-", "0", "9", "A", "Z", "_", "a", "z", "~", "é", "漢", "👩"]
    for mark in reversed(marks):
        table.write(Put(an_item(sk=mark)))

    assert [item["sk"] for item in table.query("p")] == marks


@pytest.mark.parametrize("reverse", [False, True])
def test_a_query_goes_on_where_it_stopped(table: Table, reverse: bool) -> None:
    names = [f"a#{number:02d}" for number in range(10)]
    table.write(*(Put(an_item(sk=name)) for name in [*names, "b"]))

    found: list[str] = []
    while page := table.query("p", "a#", limit=3, after=found[-1] if found else "", reverse=reverse):
        found += [item["sk"] for item in page]

    assert found == (names[::-1] if reverse else names)


def test_a_listing_larger_than_one_answer_is_complete(table: Table) -> None:
    for number in range(12):
        table.write(Put(an_item(sk=f"{number:02d}", text="x" * 300_000, list_pk="l", list_sk=f"{number:02d}")))

    assert [item["sk"] for item in table.query("p")] == [f"{number:02d}" for number in range(12)]
    assert [item["sk"] for item in table.query_index("list", "l", limit=11)] == [f"{n:02d}" for n in range(11)]


def test_an_index_holds_only_the_items_that_name_it(table: Table) -> None:
    table.write(
        Put(an_item(sk="1", due_pk="@d", due_sk="3")),
        Put(an_item(sk="2", due_pk="@d", due_sk="1", list_pk="l", list_sk="1")),
        Put(an_item(sk="3")),
        Put(an_item(sk="4", due_pk="@e", due_sk="2")),
    )

    assert [item["sk"] for item in table.query_index("due", "@d")] == ["2", "1"]
    assert [item["sk"] for item in table.query_index("due", "@d", reverse=True)] == ["1", "2"]
    assert [item["sk"] for item in table.query_index("due", "@d", high="1")] == ["2"]
    assert [item["sk"] for item in table.query_index("list", "l")] == ["2"]
    assert table.query_index("status", "@d") == []
    assert [item["due_sk"] for item in table.query_index("due", "@d")] == ["1", "3"]
    assert table.positions("due", "@d") == [Position("1", "p", "2"), Position("3", "p", "1")]
    assert table.positions("due", "@d", high="2") == table.positions("due", "@d", limit=1)
    assert table.positions("due", "@d", after=Position("1", "p", "2")) == [Position("3", "p", "1")]


@pytest.mark.parametrize("reverse", [False, True])
def test_an_index_goes_on_where_it_stopped(table: Table, reverse: bool) -> None:
    names = [f"{number:02d}" for number in range(10)]
    table.write(*(Put(an_item(f"p{name}", "s", list_pk="l", list_sk=name)) for name in names))

    found: list[Item] = []
    after: Position | None = None
    while page := table.query_index("list", "l", limit=4, after=after, reverse=reverse):
        found += page
        after = position_of(page[-1], "list")

    assert [item["list_sk"] for item in found] == (names[::-1] if reverse else names)


def test_many_items_are_removed_at_once(table: Table) -> None:
    table.write(*(Put(an_item(sk=f"{number:02d}")) for number in range(61)))

    table.delete([Key("p", f"{number:02d}") for number in range(60)] + [Key("p", "never")])
    table.delete([])

    assert [item["sk"] for item in table.query("p")] == ["60"]


def test_an_item_of_exactly_the_limit_is_kept(table: Table) -> None:
    item = an_item(text="")
    item["text"] = "x" * (MAX_ITEM_BYTES - item_bytes(item))

    table.write(Put(item))

    assert table.get(Key("p", "s")) == item


@pytest.mark.parametrize("letter", ["x", "é"])
def test_an_item_above_the_limit_is_refused_before_anything_is_written(table: Table, letter: str) -> None:
    large = an_item(sk="2", kind="post", text=letter * (MAX_ITEM_BYTES // len(letter.encode())))

    with pytest.raises(ItemTooLargeError) as refused:
        table.write(Put(an_item(sk="1")), Put(large))

    assert (refused.value.what, refused.value.limit) == ("post", MAX_ITEM_BYTES)
    assert table.query("p") == []


def test_a_write_above_four_megabytes_is_refused(table: Table) -> None:
    items = [an_item(sk=f"{number:02d}", text="x" * 390_000) for number in range(11)]

    with pytest.raises(ItemTooLargeError):
        table.write(*(Put(item) for item in items))

    assert table.query("p") == []


def test_a_write_takes_one_to_a_hundred_operations_on_distinct_keys(table: Table) -> None:
    table.write(*(Put(an_item(sk=f"{number:03d}")) for number in range(100)))

    with pytest.raises(ValueError, match="1 to 100"):
        table.write(*(Put(an_item(sk=f"x{number:03d}")) for number in range(101)))
    with pytest.raises(ValueError, match="1 to 100"):
        table.write()
    with pytest.raises(ValueError, match="twice"):
        table.write(Put(an_item()), Check(Key("p", "s"), ABSENT))

    assert len(table.query("p")) == 100
