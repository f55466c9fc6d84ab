"""Join tokens for callers who come back."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.schemas.query_params import path_schema, read_session_id
from api.schemas.session_commands import EXAMPLE_ID, StartResponse, errors
from api.services import SessionsDep

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
    openapi_extra=path_schema(),
)
async def rejoin_session(request: Request, sessions: SessionsDep) -> StartResponse:
    """Give a join token to come back to a session that lives, or to come at all. It needs no body.

    The join token is good for another hour at least; asked for again within that time it may be the same one. The waits
    for the caller (no-show, reconnect grace) begin anew.
    """
    join_token = await sessions.rejoin(read_session_id(request))
    return StartResponse.of(join_token, message="The session is waiting. Join its room with this join token.")
