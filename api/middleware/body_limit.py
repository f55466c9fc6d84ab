"""Limits size and time of request bodies. Starlette would hold a chunked gigabyte, and wait forever."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 262_144
BODY_SECONDS = 30.0
"""From the end of a request's head to the end of its body."""


class BodyLimit:
    """ASGI middleware that answers 413 when a body is larger than `max_bytes`, 408 when it takes longer than `seconds`.

    A larger Content-Length is refused before a byte is read; otherwise the bytes that arrive are counted, since a
    chunked body has no length. Bodies are small, so they are read whole before the app runs: a refusal cannot collide
    with an answer that has begun. `larger` holds other limits by path prefix. `api/http_protocol.py` bounds heads,
    which arrive before any middleware runs.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int], seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._larger = larger
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request with its whole body, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._limit_of(scope["path"])
        try:
            if _announces_more(scope, most):
                raise _BodyTooLarge
            async with asyncio.timeout(self._seconds):
                body = await _read(receive, most)
        except _BodyTooLarge:
            await _refuse(413, f"The request body is larger than {most} bytes.")(scope, receive, send)
        except TimeoutError:
            text = f"The request body did not arrive within {self._seconds:g} seconds."
            await _refuse(408, text)(scope, receive, send)
        except _Disconnected:
            pass
        else:
            await self._app(scope, _replay(body, receive), send)

    def _limit_of(self, path: str) -> int:
        return max((self._max_bytes, *(most for start, most in self._larger.items() if path.startswith(start))))


class _BodyTooLarge(Exception):
    pass


class _Disconnected(Exception):
    pass


def _refuse(status: int, detail: str) -> JSONResponse:
    # The unread rest of the body would be parsed as the next request of this connection.
    return JSONResponse({"detail": detail}, status, {"connection": "close"})


def _announces_more(scope: Scope, most: int) -> bool:
    length = dict(scope["headers"]).get(b"content-length", b"")
    return length.isdigit() and (len(length) > 18 or int(length) > most)


async def _read(receive: Receive, most: int) -> bytes:
    """The whole body. It is kept in one piece: messages of one byte each would cost two hundred bytes a byte."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _Disconnected
        body += message.get("body", b"")
        if len(body) > most:
            raise _BodyTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns the body already read, then the connection's own messages."""
    is_read = False

    async def replay() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
