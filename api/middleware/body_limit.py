"""Limits request bodies. Starlette has no limit: it would hold a chunked gigabyte in memory."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 262_144


class BodyLimit:
    """ASGI middleware that answers 413 when a body is larger than `max_bytes`.

    A larger Content-Length is refused before a byte is read; otherwise the bytes that arrive are counted, since a
    chunked body has no length. Bodies are small, so they are read whole before the app runs: a refusal cannot collide
    with an answer that has begun. `larger` holds other limits by path prefix.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int]) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request with its whole body, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._limit_of(scope["path"])
        body = None if _announces_more(scope, most) else await _read(receive, most)
        if body is None:
            refusal = JSONResponse({"detail": f"The request body is larger than {most} bytes."}, 413)
            # The unread rest of the body would be parsed as the next request of this connection.
            refusal.headers["connection"] = "close"
            await refusal(scope, receive, send)
            return
        if body[-1]["type"] == "http.request":  # otherwise the client has disconnected
            await self._app(scope, _replay(body, receive), send)

    def _limit_of(self, path: str) -> int:
        return max((self._max_bytes, *(most for start, most in self._larger.items() if path.startswith(start))))


def _announces_more(scope: Scope, most: int) -> bool:
    length = dict(scope["headers"]).get(b"content-length", b"")
    return length.isdigit() and (len(length) > 18 or int(length) > most)


async def _read(receive: Receive, most: int) -> list[Message] | None:
    """The messages of the body, or None as soon as they are larger than `most`."""
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > most:
            return None
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """A `receive` that returns the messages already read, then the connection's own."""
    pending = iter(messages)

    async def replay() -> Message:
        for message in pending:
            return message
        return await receive()

    return replay
