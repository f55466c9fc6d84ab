"""What is known of sessions: lists, one of them, what was said in it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.auth.access import CallerDep
from api.schemas.query_params import path_schema, query_schema, read_query, read_session_id
from api.schemas.session_commands import errors
from api.schemas.session_queries import (
    SessionFilter,
    SessionListResponse,
    SessionResponse,
    TranscriptResponse,
    TranscriptTurn,
)
from api.services import ReaderDep

router = APIRouter(prefix="/api", tags=["sessions"])

_UNREACHABLE = (503, "Temporal is unreachable.")
_NOT_FOUND = (404, "Session session_1234567890_abc123 not found")
_BAD_ID = (400, "sessionId: must have at most 256 characters")


@router.get(
    "/sessions",
    summary="List Sessions",
    responses=errors((400, "state: must be 'starting', 'waiting', ..."), _UNREACHABLE),
    openapi_extra=query_schema(SessionFilter),
)
async def list_sessions(request: Request, reader: ReaderDep, caller: CallerDep) -> SessionListResponse:
    """List sessions: those under way first, then ended ones, the newest first in both.

    Filters narrow it, all at once. The list comes from Temporal's visibility store, which is a moment behind; what
    one session says by its id is as it is now.
    """
    return await reader.find(read_query(request, SessionFilter), caller.owner)


@router.get(
    "/session/{sessionId}",
    summary="Get Session",
    responses=errors(_BAD_ID, _NOT_FOUND, _UNREACHABLE),
    openapi_extra=path_schema(),
)
async def get_session(request: Request, reader: ReaderDep) -> SessionResponse:
    """The state of a session, live or ended, for as long as Temporal keeps it."""
    return await reader.state(read_session_id(request))


@router.get(
    "/session/{sessionId}/transcript",
    summary="Get Transcript",
    responses=errors(_BAD_ID, _NOT_FOUND, (503, "No worker could read the transcript in time; ask again.")),
    openapi_extra=path_schema(),
)
async def get_transcript(request: Request, reader: ReaderDep) -> TranscriptResponse:
    """Everything that was said so far, in order, also after the end."""
    session_id = read_session_id(request)
    turns = [TranscriptTurn.of(turn, number) for number, turn in enumerate(await reader.transcript(session_id), 1)]
    return TranscriptResponse(sessionId=session_id, turns=turns)
