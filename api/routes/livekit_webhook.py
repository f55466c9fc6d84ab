"""Receives LiveKit's webhooks: participants that join and leave, rooms that close."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic.json_schema import SkipJsonSchema

from api.livekit_webhook.signatures import check_signature
from api.livekit_webhook.webhook_events import created_at_ms, demand_recent, event_name, read_event
from api.schemas.error_answers import errors
from api.schemas.service_status import WebhookResponse
from api.schemas.strict_route import parse_json
from api.services import ServicesDep
from contracts.room import RoomFinished
from errors import InvalidInput
from telemetry import logs

router = APIRouter(tags=["webhooks"])

_Text = str | SkipJsonSchema[None]
_EXAMPLE = {
    "event": "participant_left",
    "room": {"name": "session_1234567890_abc123", "sid": "RM_..."},
    "participant": {"identity": "user_user123", "sid": "PA_..."},
    "createdAt": "1234567890",
}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": {"type": "object"}, "example": _EXAMPLE}},
}
"""Read here, since the signature is one of the raw bytes."""


@router.post(
    "/webhook/livekit",
    summary="LiveKit Webhook",
    responses=errors(
        (400, "Invalid JSON payload"), (401, "Invalid webhook signature"), (503, "Temporal is unreachable.")
    ),
    openapi_extra={"requestBody": _BODY},
)
async def livekit_webhook(
    request: Request,
    services: ServicesDep,
    authorization: Annotated[
        _Text, Header(alias="Authorization", description="LiveKit's JWT, which contains the body's SHA-256.")
    ] = None,
    legacy: Annotated[
        _Text,
        Header(alias="X-LiveKit-Signature", description="Hex HMAC-SHA256 of the raw body, instead of the JWT."),
    ] = None,
) -> WebhookResponse:
    """Called by LiveKit, with either signature. An event that concerns no session is acknowledged and ignored.

    503 when the session could not be notified, so that LiveKit retries.
    """
    received_at_ms = time.time_ns() // 1_000_000
    body = await request.body()
    check_signature(services.settings.livekit, body, authorization, legacy)
    try:
        event = parse_json(body)
    except InvalidInput:
        raise InvalidInput("Invalid JSON payload") from None
    demand_recent(event, received_at_ms)
    if (read := read_event(event, received_at_ms)) is not None:
        session_id, report = read
        logs.about(session_id)
        if isinstance(report, RoomFinished):
            await services.sessions.room_finished(session_id, report)
        else:
            await services.sessions.presence(session_id, report)
        services.metrics.webhook_delivered(created_at_ms(event))
    return WebhookResponse(event=event_name(event))
