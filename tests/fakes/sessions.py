"""`api.gateway.sessions.Sessions` in memory."""

from __future__ import annotations

from typing import Any

from contracts.join_token import JoinToken
from contracts.room import Presence, RoomFinished
from contracts.session import SessionRequest, SessionSummary
from errors import KeyTaken, SessionEnded, SessionNotFound
from tests.fakes.summaries import summary


class FakeSessions:
    """Records starts and reports. Set `failure` to have every call raise it."""

    def __init__(self) -> None:
        self.started: list[SessionRequest] = []
        self.ended: set[str] = set()
        self.metadata: dict[str, dict[str, Any]] = {}
        self.reports: list[tuple[str, Presence | RoomFinished]] = []
        self.failure: Exception | None = None

    async def start(self, request: SessionRequest, metadata: dict[str, Any] | None = None) -> JoinToken:
        """A join token for the session, the same one for a repeated request."""
        self._fail()
        if request.session_id not in self._known:
            self.started.append(request)
            self.metadata[request.session_id] = metadata or {}
        if self._known[request.session_id].fingerprint != request.fingerprint:
            raise KeyTaken("another body")
        return await self.rejoin(request.session_id)

    async def rejoin(self, session_id: str) -> JoinToken:
        """A join token for a live session."""
        self._fail()
        if session_id not in self._known:
            raise SessionNotFound(session_id)
        if session_id in self.ended:
            raise SessionEnded(f"Session {session_id} has ended")
        request = self._known[session_id]
        return JoinToken(
            session_id=request.session_id,
            room_name=request.session_id,
            identity=request.caller,
            token="header.claims.signature",
            server_url="wss://livekit.example",
        )

    async def end(self, session_id: str) -> SessionSummary:
        """The bill of the session."""
        self._fail()
        if session_id not in self._known:
            raise SessionNotFound(session_id)
        self.ended.add(session_id)
        return summary(session_id=session_id, duration_seconds=125, duration_minutes=3)

    async def presence(self, session_id: str, report: Presence) -> None:
        """Record the report."""
        self._fail()
        self.reports.append((session_id, report))

    async def room_finished(self, session_id: str, report: RoomFinished) -> None:
        """Record the report."""
        self._fail()
        self.reports.append((session_id, report))

    @property
    def _known(self) -> dict[str, SessionRequest]:
        return {request.session_id: request for request in self.started}

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
