"""Reads requests more strictly than FastAPI: bodies are one JSON object in UTF-8, query parameters are given once."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Scope

from errors import InvalidInput


class StrictRoute(APIRoute):
    """Reads every body as strict JSON, without its Content-Type: clients forget it, and curl sends a form's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given a `_StrictRequest`."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            strict = _StrictRequest(_as_json(request.scope), request.receive)
            try:
                return await handle(strict)
            except RequestValidationError:
                if strict.problem is None:
                    raise
                raise strict.problem from None

        return handle_strictly


class _StrictRequest(Request):
    """Keeps the problem of a malformed body. FastAPI parses bodies before it runs dependencies, but authentication must
    come first. Until then an empty text stands in for the body, which no model accepts.
    """

    problem: InvalidInput | None = None

    async def json(self) -> Any:
        try:
            return parse_json(await self.body())
        except InvalidInput as error:
            self.problem = error
            return ""


def _as_json(scope: Scope) -> Scope:
    others = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    return {**scope, "headers": [*others, (b"content-type", b"application/json")]}


def parse_json(body: bytes) -> dict[str, Any]:
    """`body` as one JSON object, without NaN and repeated keys. Raises `InvalidInput`."""
    if not body.strip():
        raise InvalidInput("The request body is empty; send a JSON object.")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise InvalidInput("The request body is not UTF-8.") from None
    except RecursionError:
        raise InvalidInput("The request body is nested too deeply.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"The request body is not valid JSON: {error.msg} ({where}).") from None
    except ValueError as error:  # an integer of thousands of digits, or one of the two refusals below
        raise InvalidInput(f"The request body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidInput("The request body must be a JSON object.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Parsers disagree about repeated keys, so they are refused."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key is repeated")
    return members


async def given_once(request: Request) -> None:
    """Dependency of routes with query parameters. Raises `InvalidInput` for a repeated one."""
    names = [name for name, _ in request.query_params.multi_items()]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(f"{', '.join(repeated)}: must be given once")
