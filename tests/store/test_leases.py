"""Leases: one process builds a campaign, and a fenced one writes nothing more."""

from __future__ import annotations

import pytest

from campaigns.errors import LeaseLostError
from campaigns.store import Lease, Store
from tests.store.samples import NOW, OTHER, TENANT, a_campaign, hours

CAMPAIGN = a_campaign().id


def acquire(store: Store, owner: str, *, at: float = 0, tenant: str = TENANT) -> Lease:
    return store.leases.acquire(tenant, CAMPAIGN, owner=owner, now=NOW + hours(at), ttl=hours(1))


def test_a_held_lease_is_refused_to_others_until_it_expires(store: Store) -> None:
    assert acquire(store, "one").token == 1

    with pytest.raises(LeaseLostError) as refused:
        acquire(store, "two", at=0.99)
    assert refused.value.details == {"owner": "one", "expiresAt": "2027-03-01T10:00:00.000000+00:00"}

    assert acquire(store, "two", at=1).token == 2
    assert acquire(store, "elsewhere", tenant=OTHER).token == 1


def test_a_renewed_lease_lasts_longer_with_the_same_token(store: Store) -> None:
    lease = acquire(store, "one")

    renewed = store.leases.renew(lease, now=NOW + hours(0.5), ttl=hours(1))

    assert (renewed.token, renewed.expires_at) == (1, NOW + hours(1.5))
    with pytest.raises(LeaseLostError):
        acquire(store, "two", at=1.4)


def test_a_process_that_comes_back_late_can_neither_renew_nor_release(store: Store) -> None:
    late = acquire(store, "one")
    held = acquire(store, "two", at=1)

    with pytest.raises(LeaseLostError):
        store.leases.renew(late, now=NOW + hours(1), ttl=hours(1))
    store.leases.release(late)

    assert store.leases.current(TENANT, CAMPAIGN, now=NOW + hours(1)) == held


def test_a_released_lease_is_free_at_once_and_the_token_still_grows(store: Store) -> None:
    lease = acquire(store, "one")

    store.leases.release(lease)

    assert store.leases.current(TENANT, CAMPAIGN, now=NOW) is None
    assert acquire(store, "two").token == 2
    with pytest.raises(LeaseLostError):
        store.leases.renew(lease, now=NOW, ttl=hours(1))


def test_an_owner_that_asks_again_fences_its_former_self(store: Store) -> None:
    first, second = acquire(store, "one"), acquire(store, "one")

    assert (first.token, second.token) == (1, 2)
    with pytest.raises(LeaseLostError):
        store.leases.renew(first, now=NOW, ttl=hours(1))


def test_an_expired_lease_is_nobodys(store: Store) -> None:
    lease = acquire(store, "one")

    assert store.leases.current(TENANT, CAMPAIGN, now=NOW) == lease
    assert store.leases.current(TENANT, CAMPAIGN, now=NOW + hours(1)) is None


def test_a_lease_needs_an_owner(store: Store) -> None:
    with pytest.raises(ValueError, match="owner"):
        acquire(store, "")
