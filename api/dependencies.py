"""What the routes stand on, taken from the application.

They are coroutines because each of them is only a look-up: FastAPI would run a plain function in a thread.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute

from api.courier import Courier
from api.http.json_bodies import JsonRoute
from api.http.problems import documented
from campaigns.build.backlog import Backlog
from campaigns.errors import Fault, FaultsError
from campaigns.keys.feeds import FeedTokens
from campaigns.keys.links import LinkSigner
from campaigns.keys.lists import ListLinks
from campaigns.store import Store
from campaigns.store.library.assets import AssetFiles


def _of_the_application(name: str) -> Any:
    async def look_up(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(look_up)


async def clock() -> datetime:
    return datetime.now(UTC)


TheStore = Annotated[Store, _of_the_application("store")]
AssetBytes = Annotated[AssetFiles, _of_the_application("asset_files")]
TheCourier = Annotated[Courier, _of_the_application("courier")]
TheBacklog = Annotated[Backlog, _of_the_application("backlog")]
Links = Annotated[LinkSigner, _of_the_application("links")]
Lists = Annotated[ListLinks, _of_the_application("lists")]
Feeds = Annotated[FeedTokens, _of_the_application("feeds")]
Now = Annotated[datetime, Depends(clock)]

PageSize = Annotated[int, Query(ge=1, le=100)]
"""The most items on a page."""
Cursor = Annotated[str | None, Query(min_length=1, max_length=2000)]
"""Where the page begins: what the page before said; missing: at the beginning."""


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


def resource(tag: str, prefix: str = "", *, route: type[APIRoute] = JsonRoute, also: tuple[int, ...] = ()) -> APIRouter:
    """Return the router of what callers with a token use; every address of it refuses in the same words.

    Args:
        also: further statuses of errors that each of its addresses may answer.
    """
    refusals = documented(*sorted({400, 401, 403, 413, 422, 429, 500, 503, *also}))
    return APIRouter(prefix=prefix, tags=[tag], route_class=route, responses=refusals, dependencies=[KnownParameters])
