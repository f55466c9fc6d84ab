"""Restricts the codec endpoint to pages of listed origins, and removes its token from the access log."""

from __future__ import annotations

import logging
import re

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.codec_endpoint.routes import PREFIX

_TOKEN_IN_PATH = re.compile(rf"^({PREFIX}[^/?]+/)[^/?]+(/)")


class CodecOrigins:
    """ASGI middleware: pages of `origins` may call the endpoint; others are refused before anything is decrypted.

    Starlette's own CORS would decrypt for every page, and only have the browser withhold the answer from it.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._app = app
        self._origins = origins
        self._shared = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["POST"],
            allow_headers=["Authorization", "Content-Type", "X-Namespace"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests of other routes and of no page."""
        origin = None
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            origin = Headers(scope=scope).get("origin")
        if origin is None:
            await self._app(scope, receive, send)
        elif origin in self._origins:
            await self._shared(scope, receive, send)
        else:
            refusal = JSONResponse({"detail": f"The codec endpoint does not answer pages of {origin[:200]}."}, 403)
            await refusal(scope, receive, send)


class NoTokenInPath(logging.Filter):
    """Removes the token from the codec endpoint's path in uvicorn's access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the path of the record. True, since every record is kept."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                _TOKEN_IN_PATH.sub(r"\1...\2", value) if isinstance(value, str) else value for value in record.args
            )
        return True
