"""The seal: what opens, what does not, and how keys change without losing what they sealed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import SealBroken
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.keys.seal import NONCE_BYTES, TAG_BYTES, AssociatedData, Sealer

# Threads of Prefect's client, alive in a process that ran other tests before, draw jitter from `random`;
# hypothesis takes that for ours.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module inside strategies:hypothesis.errors.HypothesisDeprecationWarning"
)

PLACE = AssociatedData("acme", "campaign_01J0000000000000000000000A", "checkpoints/acme/x")
OLD, NEW = new_ring("k1"), new_ring("k2")


def ring(**states: str) -> Sealer:
    """Return a sealer whose keys k1 and k2 are in the given states."""
    texts = {"k1": OLD, "k2": NEW}
    return Sealer(KeyRing.parse(",".join(texts[kid].replace(":sign:", f":{state}:") for kid, state in states.items())))


def reason(sealer: Sealer, sealed: bytes, place: AssociatedData = PLACE) -> str:
    with pytest.raises(SealBroken) as broken:
        sealer.open(sealed, context=place)
    return broken.value.reason


def test_what_is_sealed_opens_at_its_place_and_shows_nothing() -> None:
    sealer = ring(k1="sign")

    sealed = sealer.seal(b"a secret brief", context=PLACE)

    assert sealer.open(sealed, context=PLACE) == b"a secret brief"
    assert b"secret" not in sealed
    assert sealer.seal(b"a secret brief", context=PLACE) != sealed


@pytest.mark.parametrize("part", ["tenant_id", "campaign_id", "storage_key"])
def test_sealed_bytes_do_not_open_at_any_other_place(part: str) -> None:
    sealer = ring(k1="sign")
    sealed = sealer.seal(b"words", context=PLACE)

    assert reason(sealer, sealed, replace(PLACE, **{part: getattr(PLACE, part) + "x"})) == "not_authentic"


def test_after_a_rotation_old_bytes_open_and_new_ones_carry_the_new_key() -> None:
    sealed = ring(k1="sign").seal(b"words", context=PLACE)
    rotated = ring(k1="verify", k2="sign")

    assert rotated.open(sealed, context=PLACE) == b"words"
    assert ring(k2="sign").open(rotated.seal(b"words", context=PLACE), context=PLACE) == b"words"


def test_a_revoked_or_forgotten_key_opens_nothing() -> None:
    sealed = ring(k1="sign").seal(b"words", context=PLACE)

    assert reason(ring(k1="revoked", k2="sign"), sealed) == "revoked_key"
    assert reason(ring(k2="sign"), sealed) == "unknown_key"


def test_bytes_that_name_another_key_of_the_ring_do_not_open() -> None:
    both = ring(k1="verify", k2="sign")
    sealed = ring(k1="sign").seal(b"words", context=PLACE)

    assert reason(both, sealed.replace(b"k1", b"k2", 1)) == "not_authentic"


def test_the_header_is_authenticated_even_when_two_names_stand_for_one_key() -> None:
    twins = Sealer(KeyRing.parse(f"{OLD},{OLD.replace('k1:sign:', 'k2:verify:')}"))
    sealed = twins.seal(b"words", context=PLACE)

    assert reason(twins, sealed.replace(b"k1", b"k2", 1)) == "not_authentic"


@pytest.mark.parametrize(
    ("mutate", "expected"),
    [
        (lambda _: b"", "not_sealed"),
        (lambda _: b'{"metadata": {}, "result": ""}', "not_sealed"),
        (lambda sealed: sealed[:4], "truncated"),
        (lambda sealed: sealed[:6], "truncated"),
        (lambda sealed: sealed[: 8 + NONCE_BYTES + TAG_BYTES - 1], "truncated"),
        (lambda sealed: sealed[:-1], "not_authentic"),
        (lambda sealed: sealed + b"\0", "not_authentic"),
        (lambda sealed: sealed[:4] + b"\2" + sealed[5:], "unknown_format"),
        (lambda sealed: sealed[:6] + b"\xff\xfe" + sealed[8:], "unknown_key"),
        (lambda sealed: b"ckpt" + sealed[4:], "not_sealed"),
    ],
)
def test_each_way_to_break_a_seal_has_its_reason(mutate: object, expected: str) -> None:
    sealer = ring(k1="sign")

    assert reason(sealer, mutate(sealer.seal(b"words", context=PLACE))) == expected


@given(st.tuples(st.text(), st.text(), st.text(), st.binary()), st.tuples(st.text(), st.text(), st.text(), st.binary()))
def test_two_places_never_look_the_same(one: tuple[str, str, str, bytes], other: tuple[str, str, str, bytes]) -> None:
    def encoded(place: tuple[str, str, str, bytes]) -> bytes:
        return AssociatedData(*place[:3]).to_bytes(place[3])

    assert (encoded(one) == encoded(other)) == (one == other)
