"""Log lines of a request know which session it is about."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from telemetry import logs

_IN_PATH = re.compile(r"^/api/session/([^/]+)")


class SessionInLogs:
    """ASGI middleware for the paths that name a session. Routes that learn it from a body say so themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Each request is a task of its own, and so is what is set here; the server's access log is written in it."""
        found = _IN_PATH.match(scope["path"]) if scope["type"] == "http" else None
        if found:
            logs.about(found[1])
        await self._app(scope, receive, send)
