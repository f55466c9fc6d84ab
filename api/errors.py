"""Errors to answers, in one place. Whatever goes wrong, the body is `{"detail": "text"}`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from api.error_response import error_response
from api.middleware.security_headers import add_security_headers
from errors import (
    EndFailed,
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

_PLACE_RETRY_AFTER_SECONDS = 5
"""Nobody knows when a session will end."""

_HTTP_TEXTS = {
    404: "There is nothing at {method} {path}; see /docs.",
    405: "{method} is not allowed at {path}; see /docs.",
}


class InvalidInput(Exception):
    """A request that cannot be understood; answered with 400 and this text."""


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of `app`, expected or not, in the one form."""
    app.add_exception_handler(OrchestratorError, _answer_own)
    app.add_exception_handler(InvalidInput, _answer_invalid)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_unexpected)


def explain(problems: list[Any]) -> str:
    """Pydantic's findings as one readable sentence: `userName: is required; voiceId: must be a string`."""
    return "; ".join(dict.fromkeys(_explain_one(problem) for problem in problems))


def _explain_one(problem: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in problem["loc"] if part != "body")
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
    return f"{place}: {text}" if place else f"The request body {text}"


async def _answer_own(_: Request, error: Exception) -> JSONResponse:
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            answer = error_response(status, str(error))
            if isinstance(error, NoPlace):
                answer.headers["Retry-After"] = str(_PLACE_RETRY_AFTER_SECONDS)
            return answer
    raise error


async def _answer_invalid(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, RequestValidationError):
        return error_response(400, explain(list(error.errors())))
    return error_response(400, str(error))


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for nothing else
    ours = _HTTP_TEXTS.get(error.status_code)
    # A detail is no template: it may repeat what somebody sent.
    text = str(error.detail) if ours is None else ours.format(method=request.method, path=request.url.path)
    answer = error_response(error.status_code, text)
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


async def _answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    # Starlette raises the error again after this answer and the server logs its traceback: say only where it was.
    _log.error("%s %s failed unexpectedly: %s", request.method, request.url.path, type(error).__name__)
    # This answer is made outside of all middleware.
    answer = error_response(500, "Internal server error.")
    add_security_headers(answer.headers, request.scope)
    return answer
