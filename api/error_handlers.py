"""Maps every error to its status, in one place. The body is always `{"detail": "text"}`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from api.middleware.security_headers import add_security_headers
from errors import (
    EndFailed,
    InvalidInput,
    JoinTokenFailed,
    KeyTaken,
    NoPlace,
    NoWebhooks,
    OrchestratorError,
    PayloadUnreadable,
    SessionEnded,
    SessionNotFound,
    TemporalUnavailable,
    WebhookRejected,
    WebhookTargetRefused,
)

_log = logging.getLogger(__name__)

_STATUSES: tuple[tuple[type[OrchestratorError], int], ...] = (
    (InvalidInput, 400),
    (SessionNotFound, 404),
    (SessionEnded, 409),
    (KeyTaken, 409),
    (WebhookRejected, 401),
    (WebhookTargetRefused, 400),
    (NoWebhooks, 409),
    (NoPlace, 503),
    (JoinTokenFailed, 500),
    (EndFailed, 500),
    (PayloadUnreadable, 500),
    (TemporalUnavailable, 503),
)

_HTTP_TEXTS = {
    404: "There is nothing at {method} {path}; see /docs.",
    405: "{method} is not allowed at {path}; see /docs.",
}


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of `app` with `{"detail": "text"}`."""
    app.add_exception_handler(OrchestratorError, _answer_own)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_unexpected)


def _explain(problem: Mapping[str, Any]) -> str:
    """One of Pydantic's findings in plain words, such as `userName: is required`."""
    place = ".".join(str(part) for part in problem["loc"][1:])  # without "body", "query" or "path"
    context = problem.get("ctx", {})
    at_most = f"must have at most {context.get('max_length', 0):,} characters"
    texts = {
        "missing": "is required",
        "string_type": "must be a string",
        "too_short": "must not be blank",
        "string_too_short": "must not be blank",
        "too_long": at_most,
        "string_too_long": at_most,
        "int_type": "must be a whole number",
        "dict_type": "must be a JSON object",
        "greater_than_equal": f"must be at least {context.get('ge')}",
        "less_than_equal": f"must be at most {context.get('le')}",
        "enum": f"must be {context.get('expected')}",
        "extra_forbidden": "is not known here",
        "value_error": str(context.get("error", problem["msg"])),
    }
    text = texts.get(problem["type"], problem["msg"])
    return f"{place}: {text}" if place else "The request body is empty; send a JSON object."


async def _answer_own(_: Request, error: Exception) -> JSONResponse:
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            headers = {"Retry-After": str(error.retry_after)} if isinstance(error, NoPlace) else None
            return _answer(status, str(error), headers)
    raise error


async def _answer_invalid(_: Request, error: Exception) -> JSONResponse:
    """Pydantic's findings as one sentence: `userName: is required; voiceId: must be a string`."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for nothing else
    return _answer(400, "; ".join(dict.fromkeys(_explain(problem) for problem in error.errors())))


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for nothing else
    ours = _HTTP_TEXTS.get(error.status_code)
    # A detail is never used as a template: it may repeat input.
    text = str(error.detail) if ours is None else ours.format(method=request.method, path=request.url.path)
    return _answer(error.status_code, text, error.headers)


async def _answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    # Starlette raises the error again after this answer and the server logs its traceback; here only the place.
    _log.error("%s %s failed unexpectedly: %s", request.method, request.url.path, type(error).__name__)
    answer = _answer(500, "Internal server error.")
    # No middleware sees this answer.
    add_security_headers(answer.headers, request.scope)
    return answer


def _answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, headers)
