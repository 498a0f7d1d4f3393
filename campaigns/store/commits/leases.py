"""Leases: one process at a time builds a campaign, and one that lost its lease can no longer write.

The token grows with every owner (fencing): a write carries it as a condition, so a process that was
stopped and comes back after another has taken over is refused by the store, whatever its clock says.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from campaigns.errors import LeaseLostError
from campaigns.store.commits.looks import look_at
from campaigns.store.items import keys
from campaigns.store.tables.table import ABSENT, Check, Condition, ConditionFailed, Equals, Item, Put, Repository, wrote

LOOK_AFTER: Final = timedelta(seconds=11)
"""The time after a lease's end at which its campaign is looked at: clocks differ, a renewal may be on its way."""

_RELEASED: Final = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one owner to write for a campaign; `token` is the owner's number, growing from 1."""

    tenant_id: str
    campaign_id: str
    owner: str
    token: int
    expires_at: datetime

    def check(self) -> Check:
        """Return the condition that makes a write fail once another owner has taken over."""
        return Check(keys.lease(self.tenant_id, self.campaign_id), self.held())

    def held(self) -> Equals:
        return Equals({"owner": self.owner, "token": self.token})


class LeaseRepository(Repository):
    """One lease item per campaign. `owner` names one process, so that two never share a token."""

    def acquire(self, tenant_id: str, campaign_id: str, *, owner: str, now: datetime, ttl: timedelta) -> Lease:
        """Take the lease if it is free, released, expired or this owner's own; the token grows.

        Raises:
            LeaseLostError: another owner holds it; `details` says who and until when.
        """
        if owner == _RELEASED:
            raise ValueError("a lease needs an owner")
        key = keys.lease(tenant_id, campaign_id)
        current = self._table.get(key)
        if current is not None and current["owner"] not in {_RELEASED, owner} and _expiry(current) > now:
            raise _held(current)
        lease = Lease(tenant_id, campaign_id, owner, (current["token"] if current else 0) + 1, now + ttl)
        unmoved: Condition = ABSENT
        if current is not None:
            # The expiry too: the holder may have renewed between our read and our write.
            unmoved = Equals({name: current[name] for name in ("owner", "token", "expires_at")})
        try:
            # Nobody asks for a campaign that is worked on before its lease may be over.
            self._table.write(
                Put(_item(lease), unmoved), look_at(tenant_id, campaign_id, lease.expires_at + LOOK_AFTER)
            )
        except ConditionFailed as lost:
            raise _held(lost.failures[0]) from lost
        return lease

    def renew(self, lease: Lease, *, now: datetime, ttl: timedelta) -> Lease:
        """Return the lease with a later expiry.

        Raises:
            LeaseLostError: another owner took over; the caller must stop writing.
        """
        renewed = replace(lease, expires_at=now + ttl)
        try:
            self._table.write(Put(_item(renewed), lease.held()))
        except ConditionFailed as lost:
            raise _held(lost.failures[0]) from lost
        return renewed

    def release(self, lease: Lease) -> None:
        """Give the lease up, so that the next owner need not wait; a lease already lost stays with its new owner."""
        given_up = replace(lease, owner=_RELEASED, expires_at=datetime.fromtimestamp(0, UTC))
        wrote(self._table, Put(_item(given_up), lease.held()))

    def current(self, tenant_id: str, campaign_id: str, *, now: datetime) -> Lease | None:
        """Return the lease that somebody holds now, or None."""
        lease = self.last(tenant_id, campaign_id)
        return lease if lease is not None and lease.expires_at > now else None

    def last(self, tenant_id: str, campaign_id: str) -> Lease | None:
        """Return the last lease, expired or not; None when its holder released it."""
        item = self._table.get(keys.lease(tenant_id, campaign_id))
        if item is None or item["owner"] == _RELEASED:
            return None
        return Lease(tenant_id, campaign_id, item["owner"], item["token"], _expiry(item))


def _item(lease: Lease) -> Item:
    key = keys.lease(lease.tenant_id, lease.campaign_id)
    expires_at = keys.instant(lease.expires_at)
    return {**key._asdict(), "kind": "lease", "owner": lease.owner, "token": lease.token, "expires_at": expires_at}


def _expiry(item: Item) -> datetime:
    return datetime.fromisoformat(item["expires_at"])


def _held(item: Item | None) -> LeaseLostError:
    details = {"owner": item["owner"], "expiresAt": item["expires_at"]} if item else {}
    return LeaseLostError("another process builds this campaign", details)
