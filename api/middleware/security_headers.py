"""Adds security headers to every answer."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The policy of answers that are not pages."""

# Both pages of FastAPI have inline scripts; ReDoc searches in a worker that it creates from a blob.
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
"""Join tokens are credentials, and states change."""
_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}


class SecurityHeaders:
    """ASGI middleware. Headers of the answer itself take precedence, such as a page's own policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the missing headers to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_security_headers(MutableHeaders(scope=message), scope)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def add_security_headers(headers: MutableHeaders, scope: Scope) -> None:
    """Add the headers that are missing."""
    wanted = dict(HEADERS)
    if scope["path"].removeprefix(scope.get("root_path", "")) in _DOCUMENTATION_PAGES:
        wanted["Content-Security-Policy"] = _DOCUMENTATION
    if headers.get("content-type", "").startswith("application/json"):
        wanted |= _JSON
    if scope["scheme"] == "https":
        wanted |= _HTTPS
    for name, value in wanted.items():
        headers.setdefault(name, value)
