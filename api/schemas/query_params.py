"""Query strings and paths, read as strictly as bodies are."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, Field, ValidationError

from api.errors import InvalidInput, explain
from api.schemas.session_commands import EXAMPLE_ID, SessionId

M = TypeVar("M", bound=BaseModel)


class _Path(BaseModel):
    sessionId: SessionId = Field(description="Unique session identifier.", examples=[EXAMPLE_ID])


def read_query(request: Request, model: type[M]) -> M:
    """The query string as `model`. Raises `InvalidInput`; a repeated parameter is refused instead of guessed at."""
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(f"{', '.join(repeated)}: must be given once")
    return _validated(model, dict(given))


def read_session_id(request: Request) -> str:
    """The session id in the path, under the rules of one in a body. Raises `InvalidInput`."""
    return _validated(_Path, request.path_params).sessionId


def _validated(model: type[M], values: dict[str, Any]) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(explain(list(error.errors(include_url=False, include_input=False)))) from None


def query_schema(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI's description of a query string that `read_query` reads."""
    return {"parameters": _parameters(model, "query")}


def path_schema() -> dict[str, Any]:
    """OpenAPI's description of a path that `read_session_id` reads."""
    return {"parameters": _parameters(_Path, "path")}


def _parameters(model: type[BaseModel], place: str) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": place,
            "required": name in required,
            "description": field["description"],
            "example": field["examples"][0],
            "schema": _inlined(field, definitions),
        }
        for name, field in schema["properties"].items()
    ]


def _inlined(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of one value as text in a URL, where there is neither null nor a reference into the model."""
    (value,) = (option for option in field.get("anyOf", [field]) if option.get("type") != "null")
    named = definitions.get(value.get("$ref", "").rpartition("/")[2], value)
    return {name: rule for name, rule in named.items() if name not in ("title", "description", "examples")}
