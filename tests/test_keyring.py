"""Key rings are read as written or refused: nothing in a key is left out."""

from __future__ import annotations

import pytest

from campaigns.keys.keyring import KeyRing, KeyRingError, new_ring

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
