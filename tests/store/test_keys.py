"""Keys: any text either makes a key of its own or is refused as unknown; tenants never share one."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from campaigns.errors import NotFoundError
from campaigns.model.base import Kind, derived_id
from campaigns.store.items import keys
from campaigns.store.tables.table import Key

TENANTS = st.from_regex(r"[a-z0-9][a-z0-9-]{1,62}", fullmatch=True)
HOSTILE = st.text() | st.sampled_from(
    ["", "#", "a#b", "..", "../..", "a/b", "\ud800", "\0", "A" * 3000, "a\n", "@callback#x"]
)
NUMBERS = st.integers(0, 999_999_999)


def ids(kind: Kind) -> st.SearchStrategy[str]:
    return st.integers(0, 2**64).map(lambda number: derived_id(kind, number))


CAMPAIGNS, POSTS = ids("campaign"), ids("post")
PERSONAS, EXAMPLES = ids("persona"), ids("example")
BRANDS, ASSETS, ENTRIES = ids("brand"), ids("asset"), ids("outbox")
TEMPLATES, FEEDS = ids("template"), ids("feed")
APPROVERS = st.from_regex(r"ap-[0-9a-z]{1,32}", fullmatch=True)
CALLBACKS = st.from_regex(r"[0-9A-Za-z_-]{22,64}", fullmatch=True)
KINDS_OF_SIGNAL = st.from_regex(r"[a-z][a-z_]{0,39}", fullmatch=True)

# Every builder of a key with the strategy of each part.
BUILDERS: dict[Callable[..., Key], tuple[st.SearchStrategy[Any], ...]] = {
    keys.campaign: (TENANTS, CAMPAIGNS),
    keys.tombstone: (TENANTS, CAMPAIGNS),
    keys.usage: (TENANTS, CAMPAIGNS, st.text()),
    keys.post: (TENANTS, CAMPAIGNS, POSTS),
    keys.revision: (TENANTS, CAMPAIGNS, POSTS, NUMBERS),
    keys.round_: (TENANTS, CAMPAIGNS, NUMBERS),
    keys.decision: (TENANTS, CAMPAIGNS, NUMBERS, APPROVERS),
    keys.draft: (TENANTS, CAMPAIGNS, NUMBERS, APPROVERS),
    keys.code: (TENANTS, CAMPAIGNS, NUMBERS, APPROVERS),
    keys.used_answer: (TENANTS, CAMPAIGNS, NUMBERS, st.text()),
    keys.planned_with: (TENANTS, CAMPAIGNS, st.sampled_from(["config", "brand"]) | PERSONAS),
    keys.failed_step: (TENANTS, CAMPAIGNS, st.text()),
    keys.work: (TENANTS, CAMPAIGNS),
    keys.look: (TENANTS, CAMPAIGNS),
    keys.ran_out: (TENANTS, CAMPAIGNS, NUMBERS),
    keys.audit: (TENANTS, CAMPAIGNS, NUMBERS),
    keys.audit_head: (TENANTS, CAMPAIGNS),
    keys.outbox: (TENANTS, CAMPAIGNS, ENTRIES),
    keys.lease: (TENANTS, CAMPAIGNS),
    keys.recovery: (TENANTS, CAMPAIGNS),
    keys.persona: (TENANTS, PERSONAS),
    keys.example: (TENANTS, PERSONAS, EXAMPLES),
    keys.example_count: (TENANTS, PERSONAS),
    keys.brand: (TENANTS, BRANDS),
    keys.tenant_count: (TENANTS, st.sampled_from(["persona", "brand", "template", "feed"])),
    keys.asset_count: (TENANTS, BRANDS),
    keys.asset: (TENANTS, BRANDS, ASSETS),
    keys.idempotency: (TENANTS, st.text()),
    keys.external_ref: (TENANTS, st.text()),
    keys.occurrence: (TENANTS, TEMPLATES, st.text(), NUMBERS),
    keys.occurrence_claimed_last: (TENANTS, TEMPLATES),
    keys.template: (TENANTS, TEMPLATES),
    keys.template_name: (TENANTS, st.from_regex(r"[a-z]{1,20}", fullmatch=True)),
    keys.template_change: (TENANTS, TEMPLATES, NUMBERS),
    keys.brand_name: (TENANTS, st.from_regex(r"[a-z]{1,20}", fullmatch=True)),
    keys.calendar_filled: (TENANTS,),
    keys.feed: (TENANTS, FEEDS),
    keys.feed_token: (st.from_regex(r"[0-9a-f]{64}", fullmatch=True),),
    keys.callback: (CALLBACKS,),
    keys.signal: (
        st.datetimes(timezones=st.just(UTC)),
        KINDS_OF_SIGNAL,
        st.from_regex(r"[0-9a-f]{1,32}", fullmatch=True),
    ),
    keys.alarm: (KINDS_OF_SIGNAL,),
    keys.turn: (KINDS_OF_SIGNAL,),
    keys.running: (KINDS_OF_SIGNAL, st.from_regex(r"[0-9a-f]{1,32}", fullmatch=True)),
    keys.model_switched: (NUMBERS,),
    keys.model_use: (st.from_regex(r"[0-9a-f]{1,32}", fullmatch=True),),
    keys.tally: (st.dates(), st.from_regex(r"([0-9a-f]{1,32})?", fullmatch=True)),
}
OF_NO_TENANT = {
    keys.callback, keys.feed_token, keys.signal, keys.alarm, keys.turn, keys.running, keys.tally,
    keys.model_switched, keys.model_use,
}  # fmt: skip
CALLS = st.sampled_from(list(BUILDERS)).flatmap(lambda build: st.tuples(st.just(build), st.tuples(*BUILDERS[build])))


def test_every_builder_of_a_key_is_in_the_list() -> None:
    built = {
        thing
        for name, thing in vars(keys).items()
        if callable(thing) and getattr(thing, "__annotations__", {}).get("return") is Key and not name.startswith("_")
    }

    assert built == set(BUILDERS)


@settings(max_examples=300, deadline=None)
@given(one=CALLS, other=CALLS)
def test_different_parts_give_different_keys(one: tuple[Any, Any], other: tuple[Any, Any]) -> None:
    (build, parts), (build_other, parts_other) = one, other

    assert (build(*parts) == build_other(*parts_other)) == (one == other)


@settings(max_examples=300, deadline=None)
@given(one=CALLS, other=CALLS, tenants=st.tuples(TENANTS, TENANTS))
@example(
    one=(keys.campaign, ("ab", derived_id("campaign", 1))),
    other=(keys.lease, ("ab-", derived_id("campaign", 1))),
    tenants=("ab", "ab-"),
)
def test_tenants_share_no_partition(one: tuple[Any, Any], other: tuple[Any, Any], tenants: tuple[str, str]) -> None:
    (build, parts), (build_other, parts_other) = one, other
    if OF_NO_TENANT & {build, build_other}:
        return
    mine, theirs = build(tenants[0], *parts[1:]), build_other(tenants[1], *parts_other[1:])

    assert mine.pk.startswith(f"{tenants[0]}#")
    if tenants[0] != tenants[1]:
        assert mine.pk != theirs.pk


@settings(max_examples=300, deadline=None)
@given(call=CALLS, place=st.integers(0, 3), hostile=HOSTILE)
def test_whatever_stands_for_a_part_there_is_a_key_or_it_is_unknown(
    call: tuple[Any, Any], place: int, hostile: str
) -> None:
    build, parts = call
    assume(parts)
    place %= len(parts)
    assume(not isinstance(parts[place], datetime))
    wrong: Any = hostile if isinstance(parts[place], str) else -1
    try:
        key = build(*parts[:place], wrong, *parts[place + 1 :])
    except NotFoundError as refused:
        str(refused).encode()  # the message can be sent
    except keys.BadKeyError:
        assert wrong == -1
    else:
        assert re.fullmatch(r"[@a-zA-Z0-9#_-]{1,2048}", key.pk)
        assert re.fullmatch(r"[a-zA-Z0-9#_:.+-]{1,1024}", key.sk)


@settings(max_examples=200, deadline=None)
@given(tenant=TENANTS, hostile=HOSTILE)
def test_a_tenant_or_id_with_anything_around_it_is_unknown(tenant: str, hostile: str) -> None:
    campaign = derived_id("campaign", tenant)
    for wrong in (f"{campaign}{hostile}", f"{hostile}{campaign}"):
        if wrong != campaign:
            with pytest.raises(NotFoundError):
                keys.campaign(tenant, wrong)
    if not re.fullmatch(r"[a-z0-9-]*", hostile):
        with pytest.raises(NotFoundError):
            keys.campaign(f"{tenant}{hostile}", campaign)


@settings(max_examples=200, deadline=None)
@given(n=NUMBERS, m=NUMBERS)
def test_numbers_in_keys_sort_as_numbers(n: int, m: int) -> None:
    tenant, campaign = "tenant", derived_id("campaign", 1)

    assert (keys.audit(tenant, campaign, n) < keys.audit(tenant, campaign, m)) == (n < m)


MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 3),  # noqa: DTZ001  # hypothesis adds the offset
    max_value=datetime(9999, 12, 28),  # noqa: DTZ001  # hypothesis adds the offset
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))]),
)


@settings(max_examples=300, deadline=None)
@given(one=MOMENTS, other=MOMENTS)
def test_moments_in_keys_sort_as_moments_whatever_their_offset(one: datetime, other: datetime) -> None:
    assert (keys.instant(one) < keys.instant(other)) == (one < other)
    assert datetime.fromisoformat(keys.instant(one)) == one
    assert (keys.instant(one) + "#tie" <= keys.until(other)) == (one <= other)


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(keys.BadKeyError):
        keys.instant(datetime(2027, 3, 1))  # noqa: DTZ001  # the point of the test


def test_a_secret_callback_id_is_never_repeated_in_an_error() -> None:
    with pytest.raises(NotFoundError) as refused:
        keys.callback("a-secret-with-a-slash/and-more")

    assert "secret" not in str(refused.value)
