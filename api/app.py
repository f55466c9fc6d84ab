"""The application: routes, limits and error answers, composed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import attrgetter

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from api.auth.access import Access, guard
from api.errors import install_error_handlers
from api.event_stream.hub import Followers
from api.event_stream.source import EventSource, TemporalEventSource
from api.gateway.capacity import Capacity
from api.gateway.session_counts import SessionCounts, TemporalSessionCounts
from api.gateway.session_reader import SessionReader, TemporalSessionReader
from api.gateway.sessions import Sessions, TemporalSessions
from api.gateway.webhook_redelivery import Redeliveries, TemporalRedeliveries
from api.middleware.body_limit import MAX_BODY_BYTES, BodyLimit
from api.middleware.codec_origins import CodecOrigins
from api.middleware.cors import cross_origin
from api.middleware.log_context import SessionInLogs
from api.middleware.security_headers import SecurityHeaders
from api.monitoring.health import Health
from api.monitoring.stats import Stats
from api.playground.page import install_playground
from api.routes import codec as codec_routes
from api.routes import customer_webhooks as redelivery_routes
from api.routes import health as health_routes
from api.routes import join_tokens as join_token_routes
from api.routes import livekit_webhook as webhook_routes
from api.routes import metrics as metrics_routes
from api.routes import root as root_routes
from api.routes import session_events, session_queries
from api.routes import sessions as session_routes
from api.routes import stats as stats_routes
from api.schemas.session_commands import RootResponse
from connections.payload_encryption import key_ring
from connections.temporal_client import LazyClient
from connections.webhook_targets import AllowedTargets
from settings import Settings
from stack.agent_processes import AgentProcesses, LocalAgentProcesses
from telemetry.api_metrics import ApiMetrics
from telemetry.api_traces import instrument
from telemetry.traces import temporal_interceptors, tracer_provider

_OPEN = (root_routes, health_routes, webhook_routes)
"""These ask for no API key: webhooks are signed, and the others tell of no session."""

_GUARDED = (
    session_routes,
    join_token_routes,
    session_queries,
    session_events,
    redelivery_routes,
    stats_routes,
    metrics_routes,
)

_DESCRIPTION = "Add a talking AI agent to your app with one call. Every session is a durable workflow."


def create_app(
    settings: Settings | None = None,
    sessions: Sessions | None = None,
    reader: SessionReader | None = None,
    *,
    counts: SessionCounts | None = None,
    events: EventSource | None = None,
    redeliveries: Redeliveries | None = None,
) -> FastAPI:
    """The REST API. It starts without Temporal and LiveKit, and says in `/health` what is missing.

    Whatever is not given is Temporal's. Raises `SetupError` for settings that cannot work.
    """
    settings = settings or Settings()
    provider = tracer_provider(settings.telemetry, "voice-api")
    client = LazyClient(settings.temporal, temporal_interceptors(provider))
    sessions = sessions or TemporalSessions(client, settings)
    reader = reader or TemporalSessionReader(client, settings.temporal)
    counts = counts or TemporalSessionCounts(client, settings.temporal)
    followers = Followers(events or TemporalEventSource(client, settings.temporal))
    targets = AllowedTargets(settings.webhooks.allowed_targets)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        followers.close()
        if isinstance(sessions, TemporalSessions):
            await sessions.close()

    # The pages of Swagger and ReDoc bring their scripts along: no content delivery network is asked.
    app = FastAPIOffline(
        title=RootResponse().service,
        version=RootResponse().version,
        description=_DESCRIPTION,
        lifespan=lifespan,
        # Generated clients name their functions by it.
        generate_unique_id_function=attrgetter("name"),
    )
    app.state.settings = settings
    app.state.sessions = sessions
    app.state.reader = reader
    app.state.access = Access(settings.api, reader)
    app.state.capacity = Capacity(counts, settings.api.max_sessions)
    app.state.stats = Stats(counts, settings)
    app.state.followers = followers
    app.state.health = Health(client, settings)
    app.state.counts = counts
    app.state.metrics = ApiMetrics()
    app.state.webhook_targets = targets
    app.state.redeliveries = redeliveries or TemporalRedeliveries(client, settings.temporal, targets)
    _add_middleware(app, settings)
    install_error_handlers(app)
    _add_routes(app, settings)
    install_playground(app, settings, _agent_processes(client, settings))
    instrument(app, provider)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """The last one is the outermost."""
    has_codec = bool(settings.codec_endpoint.token.get_secret_value())
    larger = {codec_routes.PREFIX: codec_routes.MAX_BYTES} if has_codec else {}
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES, larger=larger)
    if (pages := cross_origin(settings.api)) is not None:
        app.add_middleware(CORSMiddleware, **pages)
    app.add_middleware(CodecOrigins, origins=settings.codec_endpoint.allowed_origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(SessionInLogs)


def _add_routes(app: FastAPI, settings: Settings) -> None:
    guarded = guard(settings.api)
    for routes in _OPEN:
        app.include_router(routes.router)
    for routes in _GUARDED:
        app.include_router(routes.router, **guarded)
    app.include_router(codec_routes.codec_router(settings, key_ring(settings.temporal)))


def _agent_processes(client: LazyClient, settings: Settings) -> AgentProcesses | None:
    if not settings.playground.kill_agent:
        return None
    from stack.playground import kill  # noqa: PLC0415 - the local stack's; images do not have it

    return LocalAgentProcesses(client, settings, kill)
