"""The application: routes, error shape, headers, and what they stand on."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api.auth.gate import Gate
from api.auth.identity import Identity, OwnTokens, TokenReader
from api.auth.limits import RateLimiter
from api.auth.oidc import Jwks, ProviderTokens
from api.auth.sign_in import SignIn
from api.courier import Courier
from api.http import problems
from api.http.access_log import AccessLog
from api.http.cors import ApiCors
from api.http.headers import SecurityHeaders
from api.motor import sign_in, sweeping
from api.review import list_page, team
from api.review import router as approval_page
from api.review import status as status_page
from api.routers import approvals, calendar, campaigns, checks, costs, docs, export, health, status
from api.routers.library import assets, brands, personas, templates
from api.schemas import openapi
from campaigns.build.backlog import Backlog
from campaigns.settings import Settings, get_settings
from campaigns.wiring import (
    get_api_ring,
    get_asset_files,
    get_feed_tokens,
    get_link_signer,
    get_list_links,
    get_signals,
    get_store,
)

log = logging.getLogger("campaigns.approval.notices")

ROUTERS: Final = (
    health.router,
    status.router,
    status_page.router,
    campaigns.router,
    export.router,
    costs.router,
    calendar.router,
    team.router,
    calendar.feed_router,
    checks.router,
    personas.router,
    brands.router,
    assets.router,
    templates.router,
    approvals.router,
    list_page.router,  # before the page, which answers every address below /approve
    approval_page.router,
)


def create_app() -> FastAPI:
    """Return the application, wired by the settings of this process."""
    settings = get_settings()
    app = FastAPI(
        title="Campaign Orchestration",
        version="0.1.0",
        summary="Takes campaign briefs, and turns approval links into decisions.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.store = get_store()
    app.state.courier = Courier(app.state.store, patience_seconds=settings.start_patience_seconds)
    app.state.backlog = Backlog(app.state.store, of_tenant=settings.tenant_backlog, of_all=settings.backlog)
    app.state.links = get_link_signer()
    app.state.lists = get_list_links()
    app.state.feeds = get_feed_tokens()
    app.state.asset_files = get_asset_files()
    app.state.probe = health.Probe()
    routers = [*ROUTERS, *([docs.router] if settings.docs_enabled else [])]
    problems.install(app, routers)
    limiter = RateLimiter(per_minute=settings.requests_per_minute, burst=settings.requests_burst)
    # The last one added is the outermost.
    app.add_middleware(
        Gate, identity=_identity(settings), sign_in=SignIn(sign_in), hosts=settings.api_hosts(), limiter=limiter
    )
    if origins := settings.web_origins():
        app.add_middleware(ApiCors, origins=origins)
    app.add_middleware(AccessLog, routes=problems.routes_of(routers))
    app.add_middleware(SecurityHeaders, https=settings.api_base_url.startswith("https://"))

    for router in routers:
        app.include_router(router)
    openapi.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    get_signals()
    if get_settings().tells_nobody():
        log.warning("approvers and operators are told nothing: mails become files here; set CAMPAIGNS_MAIL_URL")
    with sweeping(app.state.store, every_seconds=get_settings().sweep_seconds):
        yield
        await run_in_threadpool(app.state.courier.close)


def _identity(settings: Settings) -> Identity:
    readers: list[TokenReader] = []
    if settings.api_keys is not None or not settings.oidc_jwks_url:
        readers.append(OwnTokens(get_api_ring()))
    if settings.oidc_jwks_url:
        readers.append(
            ProviderTokens(
                Jwks(settings.oidc_jwks_url),
                issuer=settings.oidc_issuer,
                audience=settings.oidc_audience,
                tenant_claim=settings.oidc_tenant_claim,
                scope_claim=settings.oidc_scope_claim,
                email_claim=settings.oidc_email_claim,
            )
        )
    return Identity(readers)
