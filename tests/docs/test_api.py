"""docs/API.md names every route, and each of its answers has the form that the route really gives."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from api.app import create_app
from api.models import (
    EndResponse,
    ErrorResponse,
    HealthResponse,
    RedeliverResponse,
    RootResponse,
    StartResponse,
    WebhookResponse,
)
from api.session_models import SessionListResponse, SessionResponse, TranscriptResponse
from api.stats import StatsResponse

TEXT = (Path(__file__).parents[2] / "docs/API.md").read_text()
ANSWERS = [json.loads(found) for found in re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)]
MODELS: tuple[type[BaseModel], ...] = (
    StartResponse,
    SessionResponse,
    TranscriptResponse,
    SessionListResponse,
    EndResponse,
    WebhookResponse,
    RedeliverResponse,
    HealthResponse,
    RootResponse,
    StatsResponse,
    ErrorResponse,
)


def test_every_route_is_there() -> None:
    paths = create_app().openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert routes == set(re.findall(r"^\|.*?`((?:GET|POST) /[\w/{}]*)`", TEXT, flags=re.MULTILINE)) | {"GET /"}


def test_every_kind_of_answer_is_there() -> None:
    shown = {frozenset(answer) for answer in ANSWERS}
    assert shown == {frozenset(model.model_fields) for model in MODELS}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: " ".join(answer)[:40])
def test_answers_have_their_form(answer: dict[str, object]) -> None:
    (model,) = (model for model in MODELS if set(model.model_fields) == set(answer))
    assert model.model_validate(answer).model_dump(mode="json") == answer
