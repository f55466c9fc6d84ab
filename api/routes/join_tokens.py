"""Issues join tokens for callers who reconnect."""

from __future__ import annotations

from fastapi import APIRouter

from api.schemas.error_answers import errors
from api.schemas.session_commands import EXAMPLE_ID, SessionIdPath, StartResponse
from api.services import ServicesDep

router = APIRouter(prefix="/api/session", tags=["sessions"])


@router.post(
    "/{sessionId}/token",
    summary="Rejoin Session",
    responses=errors(
        (400, "sessionId: must have at most 256 characters"),
        (404, f"Session {EXAMPLE_ID} not found"),
        (409, f"Session {EXAMPLE_ID} has ended or is about to; start a new one."),
        (500, "LiveKit token generation failed: ..."),
        (503, "Failed to make a join token: no worker answered within 10 seconds."),
    ),
)
async def rejoin_session(session_id: SessionIdPath, services: ServicesDep) -> StartResponse:
    """Issue a join token for a live session. It needs no body.

    The join token is valid for at least another hour; requests within that time may return the same one. The timers
    that wait for the caller (no-show, reconnect grace) restart.
    """
    join_token = await services.sessions.rejoin(session_id)
    return StartResponse.of(join_token, message="The session is waiting. Join its room with this join token.")
