"""Answers HEAD as GET without a body. Monitors and link checkers ask so; FastAPI's GET routes refuse it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """ASGI middleware: the app sees a GET, the client gets its status and headers.

    The answer is complete after its headers. The app is told that the client has left, so that an event stream does
    not go on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request, a HEAD as a GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        has_answered = False

        async def receive_until_answered() -> Message:
            return {"type": "http.disconnect"} if has_answered else await receive()

        async def send_headers(message: Message) -> None:
            nonlocal has_answered
            if message["type"] == "http.response.start":
                await send(message)
                has_answered = True
                await send({"type": "http.response.body"})

        await self._app({**scope, "method": "GET"}, receive_until_answered, send_headers)
