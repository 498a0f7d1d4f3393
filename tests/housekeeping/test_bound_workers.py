"""A worker of one tenant (`CAMPAIGNS_TENANT`): an operator's order for another one reads and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from campaigns import wiring
from campaigns.errors import FaultsError
from campaigns.model.base import new_id
from campaigns.settings import get_settings
from campaigns.store import Store
from tasks import save
from tasks.upkeep import operate

OURS, OTHERS = "acme", "fernwood"


class ReadError(AssertionError):
    """Something was read, or was to be."""


@pytest.fixture(autouse=True)
def bound(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def read() -> Store:
        raise ReadError

    monkeypatch.setenv("CAMPAIGNS_TENANT", OURS)
    get_settings.cache_clear()
    for module in (operate, save):
        monkeypatch.setattr(module, wiring.get_store.__name__, read)
    yield
    get_settings.cache_clear()


def carried_out(tenant_id: str) -> object:
    return operate.carry_out.fn(tenant_id, new_id("campaign"), lambda *_: "done")


def verified(tenant_id: str) -> object:
    return operate.verify.fn(tenant_id, "")


@pytest.mark.parametrize("order", [carried_out, verified])
def test_an_order_for_another_tenant_is_refused_before_anything_is_read(order: Callable[[str], object]) -> None:
    with pytest.raises(FaultsError) as refused:
        order(OTHERS)

    assert [fault.code for fault in refused.value.faults] == ["OTHER_TENANT"]
    with pytest.raises(ReadError):
        order(OURS)


def test_the_name_of_a_run_does_not_tell_what_a_campaign_of_another_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(save, wiring.get_store.__name__, lambda: read.append("read"))

    assert save.stored_name(OTHERS, new_id("campaign")) == ""
    assert read == []
    save.stored_name(OURS, new_id("campaign"))
    assert read == ["read"]
