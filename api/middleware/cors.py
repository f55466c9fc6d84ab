"""Which pages of other origins may call the API from a browser: those that are named, and no others."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from errors import SetupError
from settings import ApiSettings


def cross_origin(settings: ApiSettings) -> dict[str, Any] | None:
    """The options of Starlette's `CORSMiddleware`, or None where no page is named. Raises `SetupError`.

    Pages send their key or none in a header; cookies are never read, so credentials stay off.
    """
    origins = settings.allowed_origins
    for origin in origins:
        if not _is_origin(origin):
            raise SetupError(f"API_CORS_ORIGINS: '{origin}' is no origin; write https://app.example.com, and no path.")
        if "*" in origin:
            raise SetupError("API_CORS_ORIGINS: name each origin; with '*' any page could use its visitors' networks.")
    if not origins:
        return None
    return {
        "allow_origins": origins,
        "allow_methods": ["GET", "POST"],
        "allow_headers": ["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-API-Key"],
        "expose_headers": ["Retry-After"],
    }


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_user, _ = "@" in parts.netloc, parts.port
    except ValueError:  # a bracket without its other, a port that is none
        return False
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and not has_user
    return is_web and text == f"{parts.scheme}://{parts.netloc}"
