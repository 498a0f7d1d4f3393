"""Key rings are read as written or refused: nothing in a key is left out."""

from __future__ import annotations

import pytest

from campaigns.keys.keyring import KeyRing, KeyRingError, new_ring
from deployments.commands import keys

GOOD = "A" * 43


REFUSED = [
    f"{GOOD[:20]}*{GOOD[20:]}",
    f"{GOOD[:20]} {GOOD[20:]}",
    f"{GOOD}!",
    f"+{GOOD[1:]}",
    f"/{GOOD[1:]}",
    f"{GOOD}\u00e9",
    f"={GOOD}",
    "",
]


@pytest.mark.parametrize("key", REFUSED)
def test_a_character_outside_of_base64url_is_refused(key: str) -> None:
    with pytest.raises(KeyRingError, match="base64url"):
        KeyRing.parse(f"k1:sign:{key}")


@pytest.mark.parametrize("key", [GOOD, f"{GOOD}="])
def test_padding_is_taken_or_left(key: str) -> None:
    assert KeyRing.parse(f"k1:sign:{key}").signing.secret == bytes(32)


def test_a_fresh_ring_is_one() -> None:
    assert KeyRing.parse(new_ring()).signing.kid == "k1"


def test_in_an_emergency_a_new_key_stands_in_front_and_the_old_one_opens_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = new_ring("leaked")
    keys.main()
    fresh = dict(line.split("=", 1) for line in capsys.readouterr().out.split())["CAMPAIGNS_APPROVAL_KEYS"]

    ring = KeyRing.parse(f"{fresh},{old.replace(':sign:', ':revoked:')}")

    assert (ring.readable("leaked"), ring.readable(ring.signing.kid)) == (None, ring.signing)


@pytest.mark.parametrize(
    "ring", [f"{new_ring('k1')},{new_ring('k2')}", new_ring().replace(":sign:", ":verify:")], ids=["two", "none"]
)
def test_a_ring_needs_exactly_one_key_that_signs(ring: str) -> None:
    with pytest.raises(KeyRingError, match="exactly one key in state sign"):
        KeyRing.parse(ring)
