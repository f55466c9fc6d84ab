"""Describes error answers: one form, with an example for each status of a route."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ErrorResponse(BaseModel):
    """The body of every error."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    detail: str = Field(description="What went wrong, in one sentence.")


def errors(*examples: tuple[int, str]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route, from statuses with an example text each."""
    entries: dict[int | str, dict[str, Any]] = {}
    for status, detail in examples:
        entries[status] = {
            "model": ErrorResponse,
            "description": _ERROR_TITLES[status],
            "content": {"application/json": {"example": {"detail": detail}}},
        }
    return entries


_ERROR_TITLES = {
    400: "The input is invalid; the text says where",
    401: "The key, the signature or the token is missing or wrong",
    403: "This page may not ask",
    404: "No such session",
    409: "The session has ended, or the Idempotency-Key was used with another body",
    413: "The body is too large",
    429: "Too many requests; Retry-After says when to retry",
    500: "The server failed",
    503: "Temporal or its workers are unavailable, or all places are taken",
}
