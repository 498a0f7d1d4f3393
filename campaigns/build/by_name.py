"""Brands and personas by their names, as people say them in a form, where a brief has ids."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol, TypeVar

from campaigns.errors import BadBriefError, Fault
from campaigns.store import Page, Store

_ID: Final = re.compile(r"(brand|persona)_[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)


class _Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)


def by_name(store: Store, tenant_id: str, brief: Mapping[str, Any]) -> dict[str, Any]:
    """Return a brief in which brand and personas stand by their ids.

    Raises:
        BadBriefError: names that the tenant does not have, or has twice.
    """
    found, faults = dict(brief), []
    brand = brief.get("brandId")
    if isinstance(brand, str) and brand and not _ID.fullmatch(brand):
        fits = _fitting(each_of(store.brands.list, tenant_id), brand)
        found["brandId"] = fits[0] if len(fits) == 1 else brand
        faults += _faults("brandId", "brand", brand, fits, "BRAND_UNKNOWN")
    people = brief.get("participants")
    named = people.get("personaIds") if isinstance(people, Mapping) else None
    if isinstance(people, Mapping) and isinstance(named, list) and any(_is_name(each) for each in named):
        known, ids = list(each_of(store.personas.list, tenant_id)), []
        for index, each in enumerate(named):
            fits = _fitting(known, each) if _is_name(each) else [each]
            ids.append(fits[0] if len(fits) == 1 else each)
            faults += _faults(f"participants.personaIds[{index}]", "persona", each, fits, "PERSONA_UNKNOWN")
        found["participants"] = {**people, "personaIds": ids}
    if faults:
        raise BadBriefError(faults)
    return found


def names(store: Store, tenant_id: str) -> dict[str, list[str]]:
    """Return the names of a tenant's brands, active personas and templates, for the choices of a form."""
    return {
        "brands": sorted(brand.name for brand in each_of(store.brands.list, tenant_id)),
        "personas": sorted({each.name for each in each_of(store.personas.list, tenant_id) if each.is_active}),
        "templates": sorted(template.name for template in each_of(store.templates.list, tenant_id)),
    }


def ids(store: Store, tenant_id: str) -> dict[str, list[str]]:
    """Return the ids of a tenant's brands and active personas: a form that offers names takes these too."""
    return {
        "brands": sorted(brand.id for brand in each_of(store.brands.list, tenant_id)),
        "personas": sorted(each.id for each in each_of(store.personas.list, tenant_id) if each.is_active),
    }


def _is_name(value: object) -> bool:
    return isinstance(value, str) and not _ID.fullmatch(value)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _fitting(known: Any, name: str) -> list[str]:
    return [each.id for each in known if _folded(each.name) == _folded(name)]


def _faults(field: str, kind: str, name: str, fits: list[str], code: str) -> list[Fault]:
    if len(fits) == 1:
        return []
    if fits:
        return [Fault(field, f"there are {len(fits)} of the name {name}: give the id of one", "NAME_AMBIGUOUS")]
    return [Fault(field, f"there is no {kind} {name}", code)]


def each_of(read: Callable[..., Page[_N]], tenant_id: str) -> Iterator[_N]:
    cursor = None
    while True:
        page = read(tenant_id, limit=100, cursor=cursor)
        yield from page.items
        if (cursor := page.cursor) is None:
            return
