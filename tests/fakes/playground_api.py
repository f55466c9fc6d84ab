"""The real page of the playground, with an API whose session a test controls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from api.error_handlers import install_error_handlers
from api.middleware.security_headers import SecurityHeaders
from api.playground.page import install_playground
from errors import SessionNotFound
from settings import Settings
from stack.playground import kill_button as kill_button_of

SESSION = "session_1795439980_9c990a7fb3fc"
OTHER = "session_1795436400_0a1b2c3d4e5f"
STARTED = "2026-11-23T15:21:20.123Z"
LIVEKIT = "ws://127.0.0.1:9"


class FakePlaygroundApi:
    """One session that the page can start, rejoin, kill the agent of, and end; and one that has ended long ago.

    `happens` adds to its event log, a second apart since `began`. `refusals` holds an answer (status, text) by route
    name for every call to it.
    """

    def __init__(self, settings: Settings, *, kill_button: bool = True) -> None:
        self.app = FastAPI()
        self.log: list[dict[str, Any]] = []
        self.turns: list[dict[str, Any]] = []
        self.started: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.killed: list[str] = []
        self.tokens = 0
        self.state = "active"
        self.end_reason: str | None = None
        self.is_terminated = False
        self.is_served = True
        self.list_lags = False
        self.errors: list[str] = []
        self.refusals: dict[str, tuple[int, str]] = {}
        self.began = datetime.now(UTC)
        self._news = asyncio.Condition()
        install_error_handlers(self.app)
        self.app.add_middleware(SecurityHeaders)
        install_playground(self.app, settings, kill_button_of(self) if kill_button else None)
        self._add_routes()

    async def happens(self, kind: str, /, **data: Any) -> None:
        """Append an event to the session's log."""
        if kind == "turn":
            data = {"at": STARTED, "interrupted": False, "generation": 1, **data, "number": len(self.turns) + 1}
            self.turns.append(data)
        async with self._news:
            at = (self.began + timedelta(seconds=len(self.log))).isoformat(timespec="milliseconds")
            self.log.append({"id": len(self.log) + 1, "type": kind, "at": at, "sessionId": SESSION, "data": data})
            self._news.notify_all()

    async def over(self, reason: str) -> None:
        """End the session."""
        self.end_reason = reason
        bill = {"durationSeconds": 125, "durationMinutes": 3, "generations": 2, "errors": []}
        await self.happens("session.ended", endReason=reason, **bill)

    async def terminated(self) -> None:
        """Terminate the session's workflow, without an event."""
        self.is_terminated = True
        async with self._news:
            self._news.notify_all()

    async def asked_for_tokens(self, times: int) -> None:
        """Wait until the page has requested this many join tokens."""
        async with self._news:
            await self._news.wait_for(lambda: self.tokens >= times)

    async def kill(self, session_id: str) -> bool:
        """As `AgentProcesses`."""
        if session_id != SESSION:
            raise SessionNotFound(session_id)
        if self.is_served:
            self.killed.append(session_id)
        return self.is_served

    def _add_routes(self) -> None:
        add = self.app.add_api_route
        add("/api/session/start", self._start, methods=["POST"], response_model=None)
        add("/api/session/end", self._end, methods=["POST"], response_model=None)
        add("/api/session/{session_id}/token", self._token, methods=["POST"], response_model=None)
        add("/api/session/{session_id}/events", self._events, response_model=None)
        add("/api/session/{session_id}/transcript", self._transcript, response_model=None)
        add("/api/session/{session_id}", self._session, response_model=None)
        add("/api/sessions", self._sessions, response_model=None)

    def _refused(self, route: str) -> Response | None:
        if route not in self.refusals:
            return None
        status, text = self.refusals[route]
        return JSONResponse({"detail": text}, status)

    def _join_token(self) -> dict[str, Any]:
        return {"sessionId": SESSION, "token": "header.claims.signature", "serverUrl": LIVEKIT, "roomName": SESSION}

    async def _start(self, request: Request) -> Response:
        wanted = await request.json()
        self.started.append(wanted)
        self.keys.append(request.headers.get("idempotency-key"))
        if not wanted["userName"].strip():
            return JSONResponse({"detail": "userName: must not be blank"}, 400)
        return self._refused("start") or JSONResponse(self._join_token())

    async def _token(self, session_id: str) -> Response:
        async with self._news:
            self.tokens += 1
            self._news.notify_all()
        return self._refused("token") or JSONResponse({**self._join_token(), "sessionId": session_id})

    async def _end(self) -> Response:
        refusal = self._refused("end")
        if refusal is None and self.end_reason is None:
            await self.over("api_request")
        details = {"durationSeconds": 125, "durationMinutes": 3, "errors": self.errors}
        return refusal or JSONResponse({"success": True, "message": "", "details": details})

    async def _events(self, request: Request) -> Response:
        after = int(request.headers.get("last-event-id") or request.query_params["after"])
        if refusal := self._refused("events"):
            return refusal
        if self.is_terminated:
            return Response(status_code=204)
        return StreamingResponse(self._stream(after), media_type="text/event-stream")

    async def _stream(self, after: int) -> AsyncIterator[str]:
        for number in count(after):
            async with self._news:
                while len(self.log) <= number:
                    if self.is_terminated:
                        return
                    await self._news.wait()
            event = self.log[number]
            yield f"id: {event['id']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"
            if event["type"] == "session.ended":
                return

    async def _transcript(self, session_id: str) -> Response:
        turns = self.turns if session_id == SESSION else []
        return self._refused("transcript") or JSONResponse({"sessionId": session_id, "turns": turns})

    async def _session(self, session_id: str) -> Response:
        if session_id not in (SESSION, OTHER):
            return JSONResponse({"detail": f"Session {session_id} not found"}, 404)
        return self._refused("session") or JSONResponse(self._item(session_id))

    async def _sessions(self) -> Response:
        items = [self._item(SESSION)] if self.started else []
        if self.list_lags:
            items = [{**item, "state": "active", "endReason": None} for item in items]
        return self._refused("sessions") or JSONResponse(
            {"sessions": [*items, self._item(OTHER)], "nextPageToken": None}
        )

    def _item(self, session_id: str) -> dict[str, Any]:
        reason = "caller_left" if session_id == OTHER else self.end_reason
        has_ended = reason or self.is_terminated
        return {
            "sessionId": session_id,
            "userName": "Grace" if session_id == OTHER else "Ada",
            "voiceId": "Craig",
            "metadata": {},
            "state": "ended" if has_ended else self.state,
            "startedAt": STARTED,
            "endedAt": "2026-11-23T15:23:25.456Z" if has_ended else None,
            "endReason": reason,
            "durationSeconds": 125 if reason else None,
            "durationMinutes": 3 if reason else None,
            "agentState": "stopped" if has_ended else "ready",
            "agentGeneration": 2,
        }
