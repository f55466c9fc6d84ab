"""Lists sessions, and returns the state or the transcript of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.schemas.error_answers import errors
from api.schemas.session_commands import EXAMPLE_ID, SessionIdPath
from api.schemas.session_queries import (
    SessionFilter,
    SessionListResponse,
    SessionResponse,
    TranscriptResponse,
    TranscriptTurn,
)
from api.schemas.strict_route import given_once
from api.services import CallerDep, ServicesDep

router = APIRouter(prefix="/api", tags=["sessions"])

_UNREACHABLE = (503, "Temporal is unreachable.")
_NOT_FOUND = (404, f"Session {EXAMPLE_ID} not found")
_BAD_ID = (400, "sessionId: must have at most 256 characters")


@router.get(
    "/sessions",
    summary="List Sessions",
    responses=errors((400, "state: must be 'starting', 'waiting', ..."), _UNREACHABLE),
    dependencies=[Depends(given_once)],
)
async def list_sessions(
    wanted: Annotated[SessionFilter, Query()], caller: CallerDep, services: ServicesDep
) -> SessionListResponse:
    """List sessions: live ones first, then ended ones, each with the newest first.

    Filters are combined with AND. The list comes from Temporal's visibility store, which lags by a moment; a session
    that is read by its id is up to date.
    """
    return await services.reader.find(wanted, caller.owner)


@router.get("/session/{sessionId}", summary="Get Session", responses=errors(_BAD_ID, _NOT_FOUND, _UNREACHABLE))
async def get_session(session_id: SessionIdPath, services: ServicesDep) -> SessionResponse:
    """Return the state of a live or ended session, for as long as Temporal keeps it."""
    return await services.reader.state(session_id)


@router.get(
    "/session/{sessionId}/transcript",
    summary="Get Transcript",
    responses=errors(_BAD_ID, _NOT_FOUND, (503, "No worker could read the transcript in time; ask again.")),
)
async def get_transcript(session_id: SessionIdPath, services: ServicesDep) -> TranscriptResponse:
    """Return all turns so far, in order, also after the end."""
    turns = await services.reader.transcript(session_id)
    numbered = [TranscriptTurn.of(turn, number) for number, turn in enumerate(turns, 1)]
    return TranscriptResponse(sessionId=session_id, turns=numbered)
