"""Lets pages of listed origins call the API from a browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from errors import SetupError
from settings import ApiSettings


def cross_origin(settings: ApiSettings) -> dict[str, Any] | None:
    """The options of Starlette's `CORSMiddleware`, or None without origins. Raises `SetupError`.

    API keys come in headers and cookies are never read, so credentials stay off.
    """
    origins = settings.allowed_origins
    for origin in origins:
        if not _is_origin(origin):
            raise SetupError(f"API_CORS_ORIGINS: '{origin}' is not an origin; write https://app.example.com, no path.")
        if "*" in origin:
            raise SetupError("API_CORS_ORIGINS: name each origin; with '*' any page could use its visitors' networks.")
    if not origins:
        return None
    return {
        "allow_origins": origins,
        "allow_methods": ["GET", "POST"],
        "allow_headers": [
            "Authorization",
            "Cache-Control",  # EventSource polyfills send it
            "Content-Type",
            "Idempotency-Key",
            "Last-Event-ID",
            "X-API-Key",
        ],
        "expose_headers": ["Retry-After"],
    }


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_user, _ = "@" in parts.netloc, parts.port
    except ValueError:  # an unbalanced bracket, or an invalid port
        return False
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and not has_user
    return is_web and text == f"{parts.scheme}://{parts.netloc}"
