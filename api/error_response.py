"""The one form of every error answer: `{"detail": "text"}`."""

from __future__ import annotations

from starlette.responses import JSONResponse


def error_response(status: int, detail: str) -> JSONResponse:
    """An answer of `status` with one readable sentence."""
    return JSONResponse({"detail": detail}, status_code=status)
