"""Permits, on values: the limit follows the model, and each tenant that waits gets its share."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from campaigns.rules.permits import Demand, next_limit, shares

T0 = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)

demands = st.lists(
    st.builds(
        Demand,
        owner=st.uuids().map(lambda each: each.hex),
        tenant_id=st.sampled_from(["acme", "fernwood", "tern"]),
        wants=st.integers(0, 12),
        served=st.integers(0, 100).map(lambda seconds: T0 + timedelta(seconds=seconds)),
    ),
    max_size=12,
    unique_by=lambda each: each.owner,
)


def one(owner: str, tenant: str, wants: int, served: int = 0) -> Demand:
    return Demand(owner, tenant, wants, T0 + timedelta(seconds=served))


@given(limit=st.integers(1, 60), wanted=demands)
def test_all_of_the_limit_is_given_and_no_tenant_gets_more_while_one_that_waits_has_less(
    limit: int, wanted: list[Demand]
) -> None:
    given_to = shares(limit, wanted)

    of_tenant, wants = Counter[str](), Counter[str]()
    for each in wanted:
        assert 0 <= given_to[each.owner] <= each.wants
        of_tenant[each.tenant_id] += given_to[each.owner]
        wants[each.tenant_id] += each.wants
    assert of_tenant.total() == min(limit, wants.total())
    for tenant, part in of_tenant.items():
        if part < wants[tenant]:
            assert all(other <= part + 1 for other in of_tenant.values())
    for each in wanted:
        if given_to[each.owner] < each.wants:  # nor a process of its own tenant
            mates = [given_to[other.owner] for other in wanted if other.tenant_id == each.tenant_id]
            assert max(mates) <= given_to[each.owner] + 1


def test_two_hundred_posts_of_one_tenant_do_not_keep_five_of_another_waiting() -> None:
    many = [one(f"a{n:02d}", "acme", 5) for n in range(40)]

    given_to = shares(10, [*many, one("f", "fernwood", 5)])

    assert given_to["f"] == 5
    assert sum(given_to.values()) == 10


def test_with_fewer_permits_than_tenants_they_come_in_turn() -> None:
    first = shares(1, [one("a", "acme", 5, served=0), one("f", "fernwood", 5, served=0)])
    then = shares(1, [one("a", "acme", 5, served=9), one("f", "fernwood", 5, served=0)])

    assert (first["a"], then["f"]) == (1, 1)


@given(most=st.integers(1, 1000), start=st.integers(0, 2000), refused=st.integers(1, 50), answered=st.integers(0, 50))
def test_a_model_that_refuses_is_asked_less_and_one_that_answers_more(
    most: int, start: int, refused: int, answered: int
) -> None:
    limit = max(1, min(start, most))

    less = next_limit(start, most=most, answered=answered, refused=refused, wanted=most)
    assert 1 <= less <= limit
    if refused >= 4 and not answered:
        assert less <= max(1, (limit + 1) // 2)
    more = next_limit(start, most=most, answered=1 + answered, refused=0, wanted=most)
    assert more == most or more == limit + max(1, most // 20)
    for _ in range(40):
        limit = next_limit(limit, most=most, answered=1, refused=0, wanted=most)
    assert limit == most, "it takes more than 80 seconds to be as before"


def test_the_limit_stays_while_nobody_reaches_it_and_while_nothing_is_heard() -> None:
    assert next_limit(5, most=20, answered=9, refused=0, wanted=4) == 5
    assert next_limit(5, most=20, answered=0, refused=0, wanted=40) == 5
    assert next_limit(50, most=20, answered=0, refused=0, wanted=40) == 20


def test_a_model_that_refuses_three_of_ten_is_still_asked_by_more_than_one() -> None:
    limit = 20
    for _ in range(100):
        limit = next_limit(limit, most=20, answered=7, refused=3, wanted=20)

    assert limit == 3
    assert next_limit(20, most=20, answered=0, refused=1, wanted=20) == 18, "one call of one says little"
