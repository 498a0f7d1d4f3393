"""What the routes stand on, taken from the application.

They are coroutines because each of them is only a look-up: FastAPI would run a plain function in a thread.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends, Request

from api.courier import Courier
from campaigns.errors import Fault, FaultsError
from campaigns.keys.links import LinkSigner
from campaigns.store import Store
from campaigns.store.assets import AssetFiles


async def store(request: Request) -> Store:
    return cast(Store, request.app.state.store)


async def asset_files(request: Request) -> AssetFiles:
    return cast(AssetFiles, request.app.state.asset_files)


async def courier(request: Request) -> Courier:
    return cast(Courier, request.app.state.courier)


async def link_signer(request: Request) -> LinkSigner:
    return cast(LinkSigner, request.app.state.links)


async def clock() -> datetime:
    return datetime.now(UTC)


TheStore = Annotated[Store, Depends(store)]
AssetBytes = Annotated[AssetFiles, Depends(asset_files)]
TheCourier = Annotated[Courier, Depends(courier)]
Links = Annotated[LinkSigner, Depends(link_signer)]
Now = Annotated[datetime, Depends(clock)]


async def known_parameters(request: Request) -> None:
    """Refuse a query parameter that the address does not have: a filter that nobody hears would show everything.

    Raises:
        FaultsError: the strangers, all of them.
    """
    route = request.scope["route"]
    known = [parameter.alias for parameter in route.dependant.query_params]
    expected = f"there is {', '.join(known)}" if known else "this address takes none"
    strangers = [name for name in request.query_params if name not in known]
    if strangers:
        raise FaultsError([Fault(name, f"is not a known parameter: {expected}", "UNKNOWN_FIELD") for name in strangers])


# No sub-dependency of ours takes a query parameter: what a route declares is all it has.
KnownParameters = Depends(known_parameters)
