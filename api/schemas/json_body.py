"""Request bodies, read strictly: what is not plain JSON in UTF-8 never reaches a session."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from api.errors import InvalidInput, explain

M = TypeVar("M", bound=BaseModel)


async def read_model(request: Request, model: type[M]) -> M:
    """The request's body as `model`. Raises `InvalidInput`.

    FastAPI's own body parsing lets NaN and repeated keys through and takes bodies of any content type for strings.
    """
    value = parse_json(await request.body())
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(explain(list(error.errors(include_url=False, include_input=False)))) from None


def parse_json(body: bytes) -> dict[str, Any]:
    """`body` as one JSON object. Raises `InvalidInput`."""
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
    """A repeated key is read differently by each reader on the way, so it is refused instead of guessed at."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key is repeated")
    return members


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI's description of a body that `read_model` reads."""
    schema = model.model_json_schema()
    example = {name: field["examples"][0] for name, field in schema["properties"].items()}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}
