"""LiveKit's webhooks: who came, who left, which room closed."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request

from api.errors import InvalidInput
from api.livekit_webhook.events import created_at_ms, demand_recent, event_name, read_event
from api.livekit_webhook.signatures import check_signature
from api.schemas.json_body import parse_json
from api.schemas.session_commands import WebhookResponse, errors
from api.services import MetricsDep, SessionsDep, SettingsDep
from contracts.room import RoomFinished
from telemetry import logs

router = APIRouter(tags=["webhooks"])


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


@router.post(
    "/webhook/livekit",
    summary="LiveKit Webhook",
    responses=errors(
        (400, "Invalid JSON payload"), (401, "Invalid webhook signature"), (503, "Temporal is unreachable.")
    ),
    openapi_extra={
        "parameters": [
            _header("Authorization", "LiveKit's JWT, which names the body's SHA-256."),
            _header("X-LiveKit-Signature", "Hex HMAC-SHA256 of the raw body, instead of the JWT."),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {
                        "event": "participant_left",
                        "room": {"name": "session_1234567890_abc123", "sid": "RM_..."},
                        "participant": {"identity": "user_user123", "sid": "PA_..."},
                        "createdAt": "1234567890",
                    },
                }
            },
        },
    },
)
async def livekit_webhook(
    request: Request, settings: SettingsDep, sessions: SessionsDep, metrics: MetricsDep
) -> WebhookResponse:
    """Called by LiveKit. Signed either way; what concerns no session is acknowledged and ignored.

    503 when the news could not be delivered, so that LiveKit tries again.
    """
    received_at_ms = time.time_ns() // 1_000_000
    body = await request.body()
    headers = request.headers
    check_signature(settings.livekit, body, headers.get("authorization"), headers.get("x-livekit-signature"))
    try:
        event = parse_json(body)
    except InvalidInput:
        raise InvalidInput("Invalid JSON payload") from None
    demand_recent(event, received_at_ms)
    if (read := read_event(event, received_at_ms)) is not None:
        session_id, news = read
        logs.about(session_id)
        if isinstance(news, RoomFinished):
            await sessions.room_finished(session_id, news)
        else:
            await sessions.presence(session_id, news)
        metrics.webhook_delivered(created_at_ms(event))
    return WebhookResponse(event=event_name(event))
