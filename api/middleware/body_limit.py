"""The limit on request bodies. Starlette has none: a chunked gigabyte would be held in memory."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware that answers 413 when a body is larger than `max_bytes`.

    A Content-Length beyond the limit is refused before a byte is read; otherwise the bytes that really arrive are
    counted, since a chunked body announces nothing. Bodies are small, so they are read whole before the app runs: the
    refusal can then never collide with an answer that has already begun. `larger` has limits of their own for paths
    that begin so.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int]) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its whole body, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._limit_of(scope["path"])
        body = None if _announces_more(scope, most) else await _read(receive, most)
        if body is None:
            refusal = JSONResponse({"detail": f"The request body is larger than {most} bytes."}, 413)
            # The unread rest of the body would be taken for the next request on this connection.
            refusal.headers["connection"] = "close"
            await refusal(scope, receive, send)
            return
        if body[-1]["type"] == "http.request":  # otherwise the client left halfway: nobody waits for an answer
            await self._app(scope, _replay(body, receive), send)

    def _limit_of(self, path: str) -> int:
        return max((self._max_bytes, *(most for start, most in self._larger.items() if path.startswith(start))))


def _announces_more(scope: Scope, most: int) -> bool:
    length = dict(scope["headers"]).get(b"content-length", b"")
    return length.isdigit() and (len(length) > 18 or int(length) > most)


async def _read(receive: Receive, most: int) -> list[Message] | None:
    """The messages of the body, or None as soon as they hold more than this."""
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
    """A `receive` that gives the messages already read, then goes on with the connection's own."""
    pending = iter(messages)

    async def replay() -> Message:
        for message in pending:
            return message
        return await receive()

    return replay
