"""docs/API.md names every route, and its example answers match the models of the routes."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from api.monitoring.stats import StatsResponse
from api.schemas.error_answers import ErrorResponse
from api.schemas.service_status import HealthResponse, RootResponse, WebhookResponse
from api.schemas.session_commands import EndResponse, RedeliverResponse, StartResponse
from api.schemas.session_queries import SessionListResponse, SessionResponse, TranscriptResponse
from tests.docs.whole_app import KEYS, TOKEN, whole_app

TEXT = (Path(__file__).parents[2] / "docs/API.md").read_text()
ANSWERS = [json.loads(found) for found in re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)]


class Payloads(BaseModel):
    """Protobuf's payloads, which no model of the API describes."""

    payloads: list[dict[str, Any]]


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
    Payloads,
)


def test_every_route_is_documented() -> None:
    paths = whole_app().openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert routes == set(re.findall(r"^\|.*?`((?:GET|POST) /[\w/{}]*)`", TEXT, flags=re.MULTILINE)) | {"GET /"}


def test_every_model_has_an_example() -> None:
    shown = {frozenset(answer) for answer in ANSWERS}
    assert shown == {frozenset(model.model_fields) for model in MODELS}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: " ".join(answer)[:40])
def test_examples_match_their_model(answer: dict[str, object]) -> None:
    (model,) = (model for model in MODELS if set(model.model_fields) == set(answer))
    assert model.model_validate(answer).model_dump(mode="json") == answer


async def test_example_payload_is_decoded_as_documented() -> None:
    assert f"`TEMPORAL_CODEC_KEYS={KEYS}`" in TEXT
    ((path, body),) = re.findall(
        r"^\$ curl -X POST http://localhost:8000(/codec/\S+) [^\n]+ -d '\n(.*?)'$", TEXT, re.S | re.M
    )
    (shown,) = (answer for answer in ANSWERS if "payloads" in answer)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(whole_app()), base_url="http://localhost") as http:
        answer = await http.post(path, content=body, headers={"Authorization": f"Bearer {TOKEN}"})
        refused = await http.post(path, content=body)
    assert (answer.status_code, answer.json()) == (200, shown)
    assert refused.status_code == 401
    assert refused.json() in ANSWERS
    (inside,) = re.findall(r"`data` is base64 of `(.*?)`", TEXT)
    assert base64.b64decode(shown["payloads"][0]["data"]).decode() == inside
