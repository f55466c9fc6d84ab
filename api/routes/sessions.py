"""Start and end of sessions."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Depends, Request

from api.auth.access import CallerDep, count_start
from api.errors import InvalidInput
from api.gateway.idempotency import HEADER_SCHEMA, KeyedStarts, read_key
from api.gateway.session_reader import SessionReader
from api.schemas.json_body import body_schema, read_model
from api.schemas.session_commands import EndResponse, EndSessionRequest, StartRequest, StartResponse, errors
from api.services import CapacityDep, MetricsDep, ReaderDep, SessionsDep, SettingsDep, WebhookTargetsDep
from connections.webhook_targets import AllowedTargets
from contracts.agent_options import AgentOptions
from contracts.identities import caller_identity, new_session_id
from contracts.limits import SessionLimits
from contracts.session import SessionRequest
from errors import OrchestratorError, WebhookTargetRefused
from settings import SessionSettings
from telemetry import logs

router = APIRouter(prefix="/api/session", tags=["sessions"])

_UNAVAILABLE = "Failed to queue voice agent spawn task: no worker answered within 10 seconds."


@router.post(
    "/start",
    summary="Start Session",
    responses=errors(
        (400, "userName: is required"),
        (409, "This Idempotency-Key was used with another request body. Use a new key for a new session."),
        (413, "The request body is larger than 262144 bytes."),
        (500, "LiveKit token generation failed: ..."),
        (503, _UNAVAILABLE),
    ),
    dependencies=[Depends(count_start)],
    openapi_extra=body_schema(StartRequest) | {"parameters": [HEADER_SCHEMA]},
)
async def start_session(
    request: Request,
    *,
    caller: CallerDep,
    capacity: CapacityDep,
    settings: SettingsDep,
    sessions: SessionsDep,
    metrics: MetricsDep,
    targets: WebhookTargetsDep,
) -> StartResponse:
    """Create a voice assistant session. Join the room with the returned token; the agent is on its way.

    With an `Idempotency-Key` it is created once: repeated, the answer is the same session and a join token that works.
    """
    key = read_key(request)
    wanted = await read_model(request, StartRequest)
    owner = caller.owner or ""
    keyed = KeyedStarts(settings.livekit.api_secret.get_secret_value())
    session_id = new_session_id(int(time.time())) if key is None else keyed.session_id(owner, key)
    session = SessionRequest(
        session_id=session_id,
        user_name=wanted.userName,
        options=AgentOptions(
            voice_id=wanted.voiceId, opening_line=wanted.openingLine, system_prompt=wanted.systemPrompt
        ),
        limits=_limits(settings.session, wanted),
        webhook_url=_webhook_url(targets, wanted),
        caller_identity=caller_identity(session_id),
        owner=owner,
        agent_task_queue=settings.temporal.agent_task_queue,
        fingerprint="" if key is None else keyed.fingerprint(session_id, wanted),
    )
    logs.about(session.session_id)
    with metrics.start():
        async with capacity.place(session.session_id):
            join_token = await sessions.start(session, wanted.metadata)
    return StartResponse.of(join_token)


def _webhook_url(targets: AllowedTargets, wanted: StartRequest) -> str:
    try:
        return str(targets.check(wanted.webhookUrl).url) if wanted.webhookUrl else ""
    except WebhookTargetRefused as error:
        raise InvalidInput(f"webhookUrl: {error}") from None


def _limits(settings: SessionSettings, wanted: StartRequest) -> SessionLimits:
    """The settings' limits, with the duration that was asked for."""
    seconds, longest = wanted.maxDurationSeconds, settings.max_duration_seconds
    if seconds is None:
        return settings.limits
    if seconds > longest:
        raise InvalidInput(f"maxDurationSeconds: must be at most {longest:g}")
    return settings.limits.model_copy(update={"max_duration_seconds": float(seconds)})


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
    openapi_extra=body_schema(EndSessionRequest),
)
async def end_session(request: Request, caller: CallerDep, sessions: SessionsDep, reader: ReaderDep) -> EndResponse:
    """End a session, clean up and bill. A session that has ended already gives the same bill again."""
    wanted = await read_model(request, EndSessionRequest)
    logs.about(wanted.sessionId)
    await caller.demand_own(wanted.sessionId)
    summary = await sessions.end(wanted.sessionId)
    return EndResponse.of(summary, await _metadata(reader, wanted.sessionId))


async def _metadata(reader: SessionReader, session_id: str) -> dict[str, Any] | None:
    """The session has ended and its bill is made: neither is withheld because its metadata cannot be read."""
    try:
        return await reader.metadata(session_id)
    except OrchestratorError:
        return None
