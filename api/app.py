"""Composes the application: services, middleware, error handlers and routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from api.auth.access import REFUSAL, Access
from api.codec_endpoint import routes as codec_routes
from api.codec_endpoint.origins import CodecOrigins
from api.error_handlers import install_error_handlers
from api.event_stream.hub import Followers
from api.event_stream.source import EventSource, TemporalEventSource
from api.gateway.session_counts import SessionCounts, TemporalSessionCounts
from api.gateway.session_reader import SessionReader, TemporalSessionReader
from api.gateway.sessions import Sessions, TemporalSessions
from api.gateway.webhook_redelivery import Redeliveries, TemporalRedeliveries
from api.middleware.body_limit import MAX_BODY_BYTES, BodyLimit
from api.middleware.cors import cross_origin
from api.middleware.foreign_pages import FOREIGN_PAGE, ForeignPages
from api.middleware.head_requests import HeadRequests
from api.middleware.log_context import SessionInLogs
from api.middleware.security_headers import SecurityHeaders
from api.monitoring.health import Health
from api.monitoring.stats import Stats
from api.playground.page import install_playground
from api.routes import (
    customer_webhooks,
    health,
    join_tokens,
    livekit_webhook,
    metrics,
    root,
    session_events,
    session_queries,
    sessions,
    stats,
)
from api.schemas.error_answers import errors
from api.schemas.service_status import RootResponse
from api.services import Services, admit
from connections.payload_encryption import key_ring
from connections.temporal_client import LazyClient
from connections.webhook_targets import AllowedTargets
from settings import ApiSettings, Settings
from telemetry.api_metrics import ApiMetrics
from telemetry.api_traces import instrument
from telemetry.temporal_traces import temporal_interceptors
from telemetry.traces import tracer_provider

_OPEN = (root, health, livekit_webhook)
"""These need no API key: webhooks are signed, and the others reveal no session."""

_GUARDED = (sessions, join_tokens, session_queries, session_events, customer_webhooks, stats, metrics)

_DESCRIPTION = "Add a talking AI agent to your app with one call. Every session is a durable workflow."


def create_app(
    settings: Settings | None = None,
    sessions: Sessions | None = None,
    reader: SessionReader | None = None,
    *,
    counts: SessionCounts | None = None,
    events: EventSource | None = None,
    redeliveries: Redeliveries | None = None,
    kill_button: APIRouter | None = None,
) -> FastAPI:
    """The REST API. It starts without Temporal and LiveKit; `/health` reports what is down.

    Gateways that are not given are Temporal's. `kill_button` is the local stack's route for the playground. Raises
    `SetupError` for settings that cannot work.
    """
    settings = settings or Settings()
    provider = tracer_provider(settings.telemetry, "voice-api")
    client = LazyClient(settings.temporal, temporal_interceptors(provider))
    sessions = sessions or TemporalSessions(client, settings)
    reader = reader or TemporalSessionReader(client, settings.temporal)
    counts = counts or TemporalSessionCounts(client, settings.temporal)
    targets = AllowedTargets(settings.webhooks.allowed_targets)
    services = Services(
        settings=settings,
        sessions=sessions,
        reader=reader,
        counts=counts,
        redeliveries=redeliveries or TemporalRedeliveries(client, settings.temporal, targets),
        followers=Followers(events or TemporalEventSource(client, settings.temporal)),
        access=Access(settings.api, reader),
        health=Health(client, settings),
        stats=Stats(counts, settings),
        metrics=ApiMetrics(),
        webhook_targets=targets,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        services.followers.close()
        if isinstance(sessions, TemporalSessions):
            await sessions.close()

    # Serves the scripts of /docs and /redoc itself, without a content delivery network.
    app = FastAPIOffline(
        title=RootResponse().service,
        version=RootResponse().version,
        description=_DESCRIPTION,
        lifespan=lifespan,
        # Generated clients name their functions by it.
        generate_unique_id_function=attrgetter("name"),
    )
    app.state.services = services
    _add_middleware(app, settings)
    install_error_handlers(app)
    _add_routes(app, settings)
    install_playground(app, settings, kill_button)
    instrument(app, provider)
    describe = app.openapi
    app.openapi = lambda: _without_422(describe())  # type: ignore[method-assign]
    return app


def _without_422(document: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's OpenAPI document without its 422: invalid input is a 400 here, which each route documents."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """The last one is the outermost."""
    has_codec = bool(settings.codec_endpoint.token.get_secret_value())
    larger = {codec_routes.PREFIX: codec_routes.MAX_BYTES} if has_codec else {}
    app.add_middleware(HeadRequests)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES, larger=larger)
    if settings.api.keys_file is None:
        app.add_middleware(ForeignPages, settings=settings.api)
    if (pages := cross_origin(settings.api)) is not None:
        app.add_middleware(CORSMiddleware, **pages)
    app.add_middleware(CodecOrigins, origins=settings.codec_endpoint.allowed_origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(SessionInLogs)


def _add_routes(app: FastAPI, settings: Settings) -> None:
    for routes in _OPEN:
        app.include_router(routes.router)
    for routes in _GUARDED:
        app.include_router(routes.router, **_guard(settings.api))
    app.include_router(codec_routes.codec_router(settings, key_ring(settings.temporal)))


def _guard(settings: ApiSettings) -> dict[str, Any]:
    """The options of `include_router` that require a caller, and document the answers that the settings add."""
    dependencies = [Depends(admit)]
    answers: list[tuple[int, str]] = []
    if settings.keys_file is not None:
        # For the document: `admit` itself reads the headers and refuses.
        bearer = HTTPBearer(auto_error=False, scheme_name="apiKey", description="An API key.")
        header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="apiKeyHeader", description="The same.")
        dependencies = [Depends(bearer), Depends(header), *dependencies]
        answers.append((401, REFUSAL))
    else:
        answers.append((403, FOREIGN_PAGE.format(origin="'https://example.com'")))
    if settings.rate_limit or settings.start_rate_limit:
        answers.append((429, "More than 10 requests per second; ask again in 1 s."))
    return {"dependencies": dependencies, "responses": errors(*answers)}
