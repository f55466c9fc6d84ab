"""Bad input is 400 (413 when too large) with one readable sentence; never 422, never 500."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, HTTPException

from api.error_handlers import install_error_handlers
from contracts.agent_options import VOICES
from tests.fakes.asgi_client import client_of
from tests.fakes.sessions import FakeSessions

_START = "/api/session/start"


def _with(**fields: object) -> bytes:
    return json.dumps({"userName": "test", **fields}).encode()


def _nested(levels: int) -> dict[str, object]:
    """Alternating objects and lists, `levels` deep."""
    value: list[object] | dict[str, object] = {}
    for level in range(1, levels):
        value = [value] if level % 2 else {"a": value}
    return value if isinstance(value, dict) else {"a": value}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The request body is empty; send a JSON object."),
        (b"{", "The request body is not valid JSON"),
        (b"[]", "The request body must be a JSON object."),
        (b"null", "The request body must be a JSON object."),
        (b'"text"', "The request body must be a JSON object."),
        (b"userName=test", "The request body is not valid JSON"),
        (b'{"userName": NaN}', "The request body is not valid JSON: NaN is not a JSON value."),
        (b'{"userName": "a", "x": Infinity}', "Infinity is not a JSON value"),
        (b'{"userName": "a", "userName": "b"}', "a key is repeated"),
        (b'{"userName": "\xff"}', "The request body is not UTF-8."),
        (b'\xef\xbb\xbf{"userName": "a"}', "The request body is not valid JSON"),
        (b'{"userName": "a\x00b"}', "The request body is not valid JSON"),
        (b'{"userName": "a\\u0000b"}', "userName: contains characters that are not text"),
        (b'{"userName": "\\ud800"}', "userName: contains characters that are not text"),
        (b'{"userName": "a", "systemPrompt": "\\udfff"}', "systemPrompt: contains characters that are not text"),
        (b'{"userName": "a", "voiceId": "\\ud800"}', "voiceId: contains characters that are not text"),
        (b'{"x": ' + b"[" * 100_000 + b"}", "The request body is nested too deeply."),
        (b'{"x": ' + b"9" * 10_000 + b"}", "The request body is not valid JSON"),
        (b"{}", "userName: is required"),
        (_with(userName=None), "userName: must be a string"),
        (_with(userName=5), "userName: must be a string"),
        (_with(userName=True), "userName: must be a string"),
        (_with(userName=["a"]), "userName: must be a string"),
        (_with(userName={"a": 1}), "userName: must be a string"),
        (_with(userName=""), "userName: must not be blank"),
        (_with(userName=" \t\n "), "userName: must not be blank"),
        (_with(userName="x" * 129), "userName: must have at most 128 characters"),
        (_with(userName="a\nb"), "userName: contains control characters"),
        (_with(userName="a\u2028b"), "userName: contains control characters"),
        (_with(voiceId="Bob"), f"voiceId: 'Bob' is not a voice; choose one of {', '.join(VOICES)}"),
        (_with(voiceId="ashley"), "voiceId: 'ashley' is not a voice"),
        (_with(voiceId=1), "voiceId: must be a string"),
        (_with(voiceId=0), "voiceId: must be a string"),
        (_with(openingLine=1.5), "openingLine: must be a string"),
        (_with(openingLine="x" * 1_001), "openingLine: must have at most 1,000 characters"),
        (_with(systemPrompt=False), "systemPrompt: must be a string"),
        (_with(systemPrompt="x" * 20_001), "systemPrompt: must have at most 20,000 characters"),
        (_with(metadata="{}"), "metadata: must be a JSON object"),
        (_with(metadata=[1]), "metadata: must be a JSON object"),
        (_with(metadata=0), "metadata: must be a JSON object"),
        (_with(metadata={"a": "x" * 4_089}), "metadata: must have at most 4,096 bytes as JSON, not 4,097"),
        (_with(metadata={"a": "ü" * 2_045}), "metadata: must have at most 4,096 bytes as JSON, not 4,098"),
        (_with(metadata=_nested(17)), "metadata: must not be nested more than 16 deep"),
        (_with(metadata=_nested(500)), "metadata: must not be nested more than 16 deep"),
        (b'{"userName": "a", "metadata": {"a": 1e999}}', "metadata: contains a number that is too large"),
        (b'{"userName": "a", "metadata": {"a": "\\ud800"}}', "metadata: contains characters that are not text"),
        (b'{"userName": "a", "metadata": {"\\udfff": 1}}', "metadata: contains characters that are not text"),
        (b'{"userName": "a", "metadata": {"a": 1, "a": 2}}', "a key is repeated"),
        (_with(maxDurationSeconds=0), "maxDurationSeconds: must be at least 1"),
        (_with(maxDurationSeconds=-5), "maxDurationSeconds: must be at least 1"),
        (_with(maxDurationSeconds=1.5), "maxDurationSeconds: must be a whole number"),
        (_with(maxDurationSeconds="60"), "maxDurationSeconds: must be a whole number"),
        (_with(maxDurationSeconds=True), "maxDurationSeconds: must be a whole number"),
        (_with(maxDurationSeconds=7_201), "maxDurationSeconds: must be at most 7200"),
        (_with(maxDurationSeconds=10**400), "maxDurationSeconds: must be at most 7200"),
        (_with(maxWaitSeconds=-1), "maxWaitSeconds: must be at least 0"),
        (_with(maxWaitSeconds=1.5), "maxWaitSeconds: must be a whole number"),
        (_with(maxWaitSeconds=True), "maxWaitSeconds: must be a whole number"),
        (_with(maxWaitSeconds=61), "maxWaitSeconds: must be at most 60"),
    ],
)
async def test_start(http: httpx.AsyncClient, sessions: FakeSessions, body: bytes, detail: str) -> None:
    answer = await http.post(_START, content=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"detail"}
    assert detail in answer.json()["detail"]
    assert not sessions.started


@pytest.mark.parametrize("value", [None, 5, "", " ", [], {}, "x" * 257, "a\x00b"])
async def test_end(http: httpx.AsyncClient, value: object) -> None:
    answer = await http.post("/api/session/end", json={"sessionId": value})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("sessionId: ")


async def test_the_longest_values_are_accepted(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    body = _with(
        userName=" " + "ü" * 128,
        openingLine="x" * 1_000,
        systemPrompt="line\n" * 4_000,
        metadata={"a": "x" * 4_088},
        maxDurationSeconds=7_200,
        maxWaitSeconds=60,
    )
    assert (await http.post(_START, content=body)).status_code == 200
    assert sessions.started[0].user_name == "ü" * 128


async def test_two_problems_are_one_sentence(http: httpx.AsyncClient) -> None:
    answer = await http.post(_START, json={"voiceId": 3})
    assert answer.json() == {"detail": "userName: is required; voiceId: must be a string"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "a/b", "?", ""])
async def test_a_body_is_json_whatever_its_content_type(http: httpx.AsyncClient, content_type: str) -> None:
    assert (await http.post(_START, content=_with(), headers={"Content-Type": content_type})).status_code == 200
    answer = await http.post(_START, content=b"userName=test", headers={"Content-Type": content_type})
    assert answer.json()["detail"].startswith("The request body is not valid JSON")


async def test_a_large_content_length_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post(_START, content=b"", headers={"content-length": "262145"})
    assert (answer.status_code, answer.json()) == (413, {"detail": "The request body is larger than 262144 bytes."})


async def test_the_codec_limit_does_not_apply_without_the_codec_endpoint(http: httpx.AsyncClient) -> None:
    answer = await http.post("/codec/default/decode", content=b"", headers={"content-length": "262145"})
    assert answer.status_code == 413


async def test_a_chunked_body_is_refused_while_it_arrives(http: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 65_536

    answer = await http.post(_START, content=endless())
    assert answer.status_code == 413
    assert sent == 5


async def test_a_body_of_exactly_the_limit_is_read(http: httpx.AsyncClient) -> None:
    body = _with()
    answer = await http.post(_START, content=body + b" " * (262_144 - len(body)))
    assert answer.status_code == 200


@pytest.mark.parametrize("detail", ["{}", "{0}", "{method.__class__}", "}{"])
async def test_details_are_not_templates(detail: str) -> None:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/")
    async def refuse() -> None:
        raise HTTPException(409, detail)

    async with client_of(app) as http:
        assert (await http.get("/")).json() == {"detail": detail}
