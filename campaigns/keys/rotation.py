"""Changes the key of a ring in three steps, so that processes of before and after a step read each other's work.

A rolling restart runs both for a while. A key that signs at once would make links that half of the processes do not
know. So a new key is first only known (`added`), then signs (`promoted`), and the old one goes when nothing that it
made is alive any more (`retired`).
"""

from campaigns.keys.keyring import KeyRing, KeyRingError, new_ring


def added(ring: str, kid: str) -> str:
    """Return the ring with a fresh key in front that is known and does not sign yet.

    Raises:
        KeyRingError: the ring cannot be read, has such a key, or has one that waits for `promoted`.
    """
    KeyRing.parse(ring)
    if _waiting(ring) is not None:
        raise KeyRingError(f"key {_waiting(ring)} was added and does not sign yet: let it sign first")
    fresh = new_ring(kid).replace(":sign:", ":verify:")
    return _checked(",".join([fresh, *_parts(ring)]))


def promoted(ring: str) -> str:
    """Return the ring with the key that was added last signing, and the one that signed still known.

    Raises:
        KeyRingError: the ring cannot be read, or no key was added since.
    """
    KeyRing.parse(ring)
    waiting = _waiting(ring)
    if waiting is None:
        raise KeyRingError("no key was added: add one first, and restart everything that holds the ring")
    turned = []
    for part in _parts(ring):
        kid, state, secret = part.split(":")
        state = "sign" if kid == waiting else "verify" if state == "sign" else state
        turned.append(f"{kid}:{state}:{secret}")
    return _checked(",".join(turned))


def retired(ring: str) -> str:
    """Return the ring without the keys that signed before; whatever they made is not read any more.

    Raises:
        KeyRingError: the ring cannot be read, or a key was added and does not sign yet.
    """
    parsed = KeyRing.parse(ring)
    if _waiting(ring) is not None:
        raise KeyRingError(f"key {_waiting(ring)} was added and does not sign yet: let it sign first")
    keys = parsed.keys
    return _checked(",".join(part for part in _parts(ring) if keys[part.split(":")[0]].state != "verify"))


def _parts(ring: str) -> list[str]:
    return [part.strip() for part in ring.split(",") if part.strip()]


def _waiting(ring: str) -> str | None:
    """Return the key that stands before the one that signs: it was added, and never signed."""
    kid, state, _ = _parts(ring)[0].split(":")
    return kid if state == "verify" else None


def _checked(ring: str) -> str:
    KeyRing.parse(ring)
    return ring
