"""The services that routes use, and the caller of a request, as FastAPI dependencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from api.auth.access import Access, Caller
from api.event_stream.hub import Followers
from api.gateway.session_counts import SessionCounts
from api.gateway.session_reader import SessionReader
from api.gateway.sessions import Sessions
from api.gateway.webhook_redelivery import Redeliveries
from api.monitoring.health import Health
from api.monitoring.stats import Stats
from api.schemas.session_commands import SessionId
from connections.webhook_targets import AllowedTargets
from settings import Settings
from telemetry.api_metrics import ApiMetrics


@dataclass(frozen=True)
class Services:
    """Composed once, by `create_app`."""

    settings: Settings
    sessions: Sessions
    reader: SessionReader
    counts: SessionCounts
    redeliveries: Redeliveries
    followers: Followers
    access: Access
    health: Health
    stats: Stats
    metrics: ApiMetrics
    webhook_targets: AllowedTargets


def services_of(app: FastAPI) -> Services:
    """The services of an application that `create_app` made."""
    services: Services = app.state.services
    return services


async def _services(request: Request) -> Services:
    return services_of(request.app)


ServicesDep = Annotated[Services, Depends(_services)]

_SESSION_ID: TypeAdapter[str] = TypeAdapter(SessionId)


async def admit(request: Request, services: ServicesDep) -> Caller:
    """The authenticated caller. Where the path names a session, it is the caller's own.

    Raises `HTTPException` 401 and 429, `RequestValidationError`, `SessionNotFound`.
    """
    caller = await services.access.admit(request)
    if "sessionId" in request.path_params:
        try:
            session_id = _SESSION_ID.validate_python(request.path_params["sessionId"])
        except ValidationError as error:
            problems = [{**problem, "loc": ("path", "sessionId")} for problem in error.errors()]
            raise RequestValidationError(problems) from None
        await caller.demand_own(session_id)
    return caller


CallerDep = Annotated[Caller, Depends(admit)]
