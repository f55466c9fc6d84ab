"""What browsers are told with every answer. Constants of ours and one rule, so no library decides them."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The policy of an answer that is no page."""

# Both pages of FastAPI carry their own inline script; ReDoc searches in a worker that it makes from a blob.
_DOCUMENTATION = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_DOCUMENTATION_PAGES = ("/docs", "/docs/oauth2-redirect", "/redoc")

HEADERS = {
    "Content-Security-Policy": NOTHING,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_JSON = {"Cache-Control": "no-store"}
"""Join tokens are credentials, and states are of the moment."""
_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}


class SecurityHeaders:
    """ASGI middleware. An answer keeps what it sets itself: that is how a page brings its own policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add to its answer what that leaves out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_security_headers(MutableHeaders(scope=message), scope)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def add_security_headers(headers: MutableHeaders, scope: Scope) -> None:
    """Add those that are not there yet."""
    wanted = dict(HEADERS)
    if scope["path"].removeprefix(scope.get("root_path", "")) in _DOCUMENTATION_PAGES:
        wanted["Content-Security-Policy"] = _DOCUMENTATION
    if headers.get("content-type", "").startswith("application/json"):
        wanted |= _JSON
    if scope["scheme"] == "https":
        wanted |= _HTTPS
    for name, value in wanted.items():
        headers.setdefault(name, value)
