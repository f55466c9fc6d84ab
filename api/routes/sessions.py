"""Starts and ends sessions."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from api.gateway.idempotency import KeyedStarts, idempotency_key
from api.gateway.session_reader import SessionReader
from api.schemas.error_answers import errors
from api.schemas.session_commands import EndResponse, EndSessionRequest, StartRequest, StartResponse
from api.schemas.strict_route import StrictRoute
from api.services import CallerDep, ServicesDep
from connections.webhook_targets import AllowedTargets
from contracts.agent_options import AgentOptions
from contracts.identities import caller_identity, new_session_id
from contracts.limits import SessionLimits
from contracts.session import SessionRequest
from errors import InvalidInput, OrchestratorError, WebhookTargetRefused
from settings import Settings
from telemetry import logs

router = APIRouter(prefix="/api/session", tags=["sessions"], route_class=StrictRoute)


async def _count_start(services: ServicesDep, caller: CallerDep) -> None:
    """Starts have a rate limit of their own."""
    await services.access.rate_limits.count_start(caller.who)


@router.post(
    "/start",
    summary="Start Session",
    responses=errors(
        (400, "userName: is required"),
        (409, "This Idempotency-Key was used with another request body. Use a new key for a new session."),
        (413, "The request body is larger than 262144 bytes."),
        (500, "LiveKit token generation failed: ..."),
        (503, "Failed to queue voice agent spawn task: no worker answered within 10 seconds."),
    ),
    dependencies=[Depends(_count_start)],
)
async def start_session(
    body: StartRequest, key: Annotated[str | None, Depends(idempotency_key)], caller: CallerDep, services: ServicesDep
) -> StartResponse:
    """Create a voice assistant session. Join the room with the returned token; the agent is on its way.

    With an `Idempotency-Key` the session is created once: a repeated request gets the same session and a valid token.
    """
    settings, owner = services.settings, caller.owner or ""
    keyed = KeyedStarts(settings.livekit.api_secret.get_secret_value())
    session_id = new_session_id(int(time.time())) if key is None else keyed.session_id(owner, key)
    session = SessionRequest(
        session_id=session_id,
        user_name=body.userName,
        options=AgentOptions(voice_id=body.voiceId, opening_line=body.openingLine, system_prompt=body.systemPrompt),
        limits=_limits(settings, body),
        webhook_url=_webhook_url(services.webhook_targets, body),
        caller_identity=caller_identity(session_id),
        owner=owner,
        agent_task_queue=settings.temporal.agent_task_queue,
        fingerprint="" if key is None else keyed.fingerprint(session_id, body),
    )
    logs.about(session_id)
    with services.metrics.start():
        join_token = await services.sessions.start(session, body.metadata)
    return StartResponse.of(join_token)


def _webhook_url(targets: AllowedTargets, body: StartRequest) -> str:
    try:
        return str(targets.check(body.webhookUrl).url) if body.webhookUrl else ""
    except WebhookTargetRefused as error:
        raise InvalidInput(f"webhookUrl: {error}") from None


def _limits(settings: Settings, body: StartRequest) -> SessionLimits:
    """The configured limits, with the requested duration and wait for an agent."""
    limits = settings.session.limits
    duration = _at_most(limits.max_duration_seconds, body.maxDurationSeconds, "maxDurationSeconds")
    wait = _at_most(limits.agent_launch_limit_seconds, body.maxWaitSeconds, "maxWaitSeconds")
    return limits.model_copy(
        update={
            "max_duration_seconds": limits.max_duration_seconds if duration is None else duration,
            "agent_wait_seconds": wait,
        }
    )


def _at_most(most: float, seconds: int | None, field: str) -> float | None:
    if seconds is not None and seconds > most:
        raise InvalidInput(f"{field}: must be at most {most:g}")
    return None if seconds is None else float(seconds)


@router.post(
    "/end",
    summary="End Session",
    responses=errors(
        (400, "sessionId: is required"),
        (404, "Session session_123 not found"),
        (413, "The request body is larger than 262144 bytes."),
        (500, "Failed to end session: ..."),
        (503, "Failed to end session: Temporal is unreachable."),
    ),
)
async def end_session(body: EndSessionRequest, caller: CallerDep, services: ServicesDep) -> EndResponse:
    """End a session, clean up and bill. A session that has already ended returns the same bill again."""
    logs.about(body.sessionId)
    await caller.demand_own(body.sessionId)
    summary = await services.sessions.end(body.sessionId)
    return EndResponse.of(summary, await _metadata(services.reader, body.sessionId))


async def _metadata(reader: SessionReader, session_id: str) -> dict[str, Any] | None:
    """The session's metadata, or None: the bill is returned even when the metadata cannot be read."""
    try:
        return await reader.metadata(session_id)
    except OrchestratorError:
        return None
