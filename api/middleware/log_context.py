"""Adds the session's id to the log lines of a request."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from telemetry import logs

_IN_PATH = re.compile(r"^/api/session/([^/]+)")


class SessionInLogs:
    """ASGI middleware for paths with a session's id. Routes that read it from a body call `logs.about` themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the id for the request's task, which also writes the access log."""
        found = _IN_PATH.match(scope["path"]) if scope["type"] == "http" else None
        if found:
            logs.about(found[1])
        await self._app(scope, receive, send)
