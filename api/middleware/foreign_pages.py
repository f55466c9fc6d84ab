"""Keeps foreign web pages away from an API without API keys.

A page that its visitor opens anywhere can send requests to the visitor's own machine and private network. With keys it
lacks the key. Without keys two headers that no page can forge tell its requests from others:

- `Origin` names the page. CORS alone only withholds the answer, after the request has done its work.
- `Host` is the name that the browser asked for. After DNS rebinding a foreign name leads here, and its page counts as
  same-origin.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.codec_endpoint.routes import PREFIX
from errors import SetupError
from settings import ApiSettings

FOREIGN_PAGE = (
    "Pages of {origin} may not use this API: it has no API keys. Set API_CORS_ORIGINS if they should, or API_KEYS_FILE."
)
FOREIGN_HOST = (
    "This API has no API keys and does not answer as {host}. Set API_ALLOWED_HOSTS if it should, or API_KEYS_FILE."
)

_OPEN_PATHS = ("/health", "/webhook/livekit")
"""One reveals no session and is called by load balancers under names of their own; the other is signed."""

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class ForeignPages:
    """ASGI middleware that answers 403 to foreign pages and under foreign names. Raises `SetupError`.

    The codec endpoint is left out: it has a token and origins of its own.
    """

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._origins = settings.allowed_origins
        self._hosts = _allowed_hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request, or refuse it before its body is read."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await JSONResponse({"detail": refusal}, 403)(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        path: str = scope["path"]
        if path in _OPEN_PATHS or path.startswith(PREFIX):
            return None
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        for host in hosts:
            if not self._answers_as(host):
                return FOREIGN_HOST.format(host=_quoted(host))
        for origin in origins:
            if origin not in self._origins and not any(_is_same(origin, host) for host in hosts):
                return FOREIGN_PAGE.format(origin=_quoted(origin))
        return None

    def _answers_as(self, host: str) -> bool:
        name = _split(host, "http").name
        if name in self._hosts or name.endswith(".localhost") or _is_address(name):  # no page can rebind an address
            return True
        # Public DNS has no names without a dot: these are this machine, and those of a private network.
        return name != "" and "." not in name


class _Place(NamedTuple):
    name: str
    port: int | None


def _split(host: str, scheme: str) -> _Place:
    """`host` or `host:port` in the form to compare. The name is empty if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port or _DEFAULT_PORTS.get(scheme)
    except ValueError:  # an unbalanced bracket, or an invalid port
        return _Place("", None)
    if parts.netloc != host or "@" in host:
        return _Place("", None)
    return _Place((parts.hostname or "").removesuffix("."), port)


def _is_same(origin: str, host: str) -> bool:
    """The scheme is not compared: a proxy in front may end TLS. It decides what a missing port means."""
    scheme, separator, place = origin.partition("://")
    own = _split(host, scheme)
    return bool(separator and own.name) and scheme in _DEFAULT_PORTS and _split(place, scheme) == own


def _quoted(text: str) -> str:
    return f"'{text[:200]}'"


def _allowed_hosts(settings: ApiSettings) -> frozenset[str]:
    for host in settings.allowed_host_names:
        if not _HOST_NAME.fullmatch(host) and not _is_address(host):
            raise SetupError(f"API_ALLOWED_HOSTS: '{host}' is not a host; write api.example.com, no scheme, no port.")
    return frozenset((*settings.allowed_host_names, settings.host.lower()))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
