"""`api.gateway.session_reader.SessionReader` over the sessions of a `FakeSessions`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from api.schemas.session_queries import SessionFilter, SessionItem, SessionListResponse, SessionResponse
from contracts.statuses import AgentState, EndReason, SessionStatus
from contracts.turns import Turn
from errors import SessionNotFound
from tests.fakes.sessions import FakeSessions

STARTED_AT = datetime(2026, 11, 23, 15, 21, 20, 123_456, tzinfo=UTC)
ENDED_AT = datetime(2026, 11, 23, 15, 23, 25, 456_000, tzinfo=UTC)


class FakeSessionReader:
    """Every session has ended. Set `failure` to have every call raise it; `asked` has the filters of lists."""

    def __init__(self, sessions: FakeSessions) -> None:
        self._sessions = sessions
        self.asked: list[SessionFilter] = []
        self.turns: tuple[Turn, ...] = ()
        self.failure: Exception | None = None

    async def find(self, wanted: SessionFilter, owner: str | None = None) -> SessionListResponse:
        """All sessions, or those of `owner`, the newest first, with a page token."""
        self._fail()
        self.asked.append(wanted)
        found = [request for request in self._sessions.started if owner in (None, request.owner)]
        items = [SessionItem(**self._facts(request.session_id)) for request in reversed(found)]
        return SessionListResponse(sessions=items, nextPageToken="next")

    async def owner(self, session_id: str) -> str:
        """As given at the start."""
        self._fail()
        self._facts(session_id)
        (request,) = (request for request in self._sessions.started if request.session_id == session_id)
        return request.owner

    async def state(self, session_id: str) -> SessionResponse:
        """An ended session."""
        self._fail()
        return SessionResponse(**self._facts(session_id), agentState=AgentState.STOPPED, agentGeneration=2)

    async def transcript(self, session_id: str) -> tuple[Turn, ...]:
        """The same `turns` for each."""
        self._fail()
        self._facts(session_id)
        return self.turns

    async def metadata(self, session_id: str) -> dict[str, Any] | None:
        """As given at the start."""
        self._fail()
        return self._sessions.metadata[session_id]

    def _facts(self, session_id: str) -> dict[str, Any]:
        for request in self._sessions.started:
            if request.session_id == session_id:
                return {
                    "sessionId": session_id,
                    "userName": request.user_name,
                    "voiceId": request.options.voice_id,
                    "metadata": self._sessions.metadata[session_id],
                    "state": SessionStatus.ENDED,
                    "startedAt": STARTED_AT,
                    "endedAt": ENDED_AT,
                    "endReason": EndReason.CALLER_LEFT,
                    "durationSeconds": 125,
                    "durationMinutes": 3,
                }
        raise SessionNotFound(session_id)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
