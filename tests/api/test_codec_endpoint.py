"""The endpoint that decrypts for Temporal's UI: its token and its pages."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from google.protobuf.json_format import MessageToDict, Parse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload, Payloads

from api.app import create_app
from api.codec_endpoint.origins import NoTokenInPath
from api.codec_endpoint.routes import decode_payloads
from connections.payload_encryption import KeyRing
from errors import InvalidInput, SetupError
from settings import ApiSettings, CodecEndpointSettings, Settings, TemporalSettings
from tests.fakes.asgi_client import client_of
from tests.fakes.sessions import FakeSessions

TOKEN = "a-token-that-nobody-guesses-in-a-lifetime"
KEY = bytes(32)
RING = KeyRing({"k": KEY})
UI = "http://localhost:8233"
ROUTE = "/codec/calls/decode"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data='"Schöne Grüße"'.encode())


def _settings(settings: Settings, *, keys: bool = True, token: str = TOKEN, token_in_path: bool = False) -> Settings:
    encoded = f"k:{base64.b64encode(KEY).decode()}" if keys else ""
    return replace(
        settings,
        temporal=TemporalSettings(address="127.0.0.1:9", namespace="calls", codec_keys=SecretStr(encoded)),
        codec_endpoint=CodecEndpointSettings(
            token=SecretStr(token), token_in_path=token_in_path, origins=f"{UI}, http://127.0.0.1:8233"
        ),
    )


def _client(settings: Settings) -> httpx.AsyncClient:
    return client_of(create_app(settings, FakeSessions()))


@pytest.fixture
async def http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A request with the token, without an Origin."""
    async with _client(_settings(settings)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


def _body(*payloads: Payload) -> dict[str, object]:
    return MessageToDict(Payloads(payloads=payloads))


async def test_encrypted_payloads_are_decrypted_and_others_unchanged(http: httpx.AsyncClient) -> None:
    answer = await http.post(ROUTE, json=_body(RING.encrypt(PLAIN), PLAIN), headers={"X-Namespace": "calls"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert list(Parse(answer.content, Payloads()).payloads) == [PLAIN, PLAIN]


async def test_no_payloads(http: httpx.AsyncClient) -> None:
    assert (await http.post(ROUTE, json={"payloads": []})).json() == {}


@pytest.mark.parametrize(
    "header", [b"", b"Bearer", b"Bearer wrong", b"Basic " + TOKEN.encode(), f"Bearer {TOKEN}x".encode(), b"Bearer \xe9"]
)
async def test_the_token_is_required(http: httpx.AsyncClient, header: bytes) -> None:
    answer = await http.post(ROUTE, json=_body(RING.encrypt(PLAIN)), headers=[(b"Authorization", header)])
    assert (answer.status_code, answer.json()) == (401, {"detail": "The codec endpoint needs its token."})
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_nothing_encodes(http: httpx.AsyncClient) -> None:
    assert (await http.post("/codec/calls/encode", json=_body(PLAIN))).status_code == 404
    assert (await http.get(ROUTE)).status_code == 405


async def test_another_namespace_is_not_served(http: httpx.AsyncClient) -> None:
    answer = await http.post("/codec/default/decode", json=_body(PLAIN))
    assert answer.status_code == 404
    assert set(answer.json()) == {"detail"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "empty"),
        (b"[]", "must be a JSON object"),
        (b'{"payloads": 5}', "not a list of payloads"),
        (b'{"payloads": [5]}', "not a list of payloads"),
        (b'{"payloads": [{"data": "secret!"}]}', "not a list of payloads"),
        (b'{"payloads": [{"metadata": []}]}', "not a list of payloads"),
        (b'{"payloads": [{"metadata": {"encoding": 5}}]}', "not a list of payloads"),
        (json.dumps(_body(Payload(metadata=RING.encrypt(PLAIN).metadata, data=b"secret!"))).encode(), "is damaged"),
    ],
)
async def test_bad_input_is_refused_without_repeating_it(http: httpx.AsyncClient, body: bytes, text: str) -> None:
    answer = await http.post(ROUTE, content=body)
    assert answer.status_code == 400
    assert text in answer.json()["detail"]
    assert "secret!" not in answer.text


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["payloads", "metadata", "data", "encoding"]), inner)
    ),
)


@given(st.dictionaries(st.sampled_from(["payloads", "data", "x"]), _json))
def test_any_json_is_decoded_or_refused(body: object) -> None:
    try:
        Parse(decode_payloads(json.dumps(body).encode(), RING), Payloads())
    except InvalidInput:
        return


async def test_a_missing_key_is_named(http: httpx.AsyncClient) -> None:
    answer = await http.post(ROUTE, json=_body(KeyRing({"old": KEY}).encrypt(PLAIN)))
    assert answer.status_code == 400
    assert "'old', which is not in TEMPORAL_CODEC_KEYS" in answer.json()["detail"]


async def test_a_page_may_read_that_its_body_is_too_large(http: httpx.AsyncClient) -> None:
    answer = await http.post(ROUTE, content=b" " * 4_194_305, headers={"Origin": UI})
    assert answer.status_code == 413
    assert answer.headers["access-control-allow-origin"] == UI


async def test_a_listed_page_may_decode(http: httpx.AsyncClient) -> None:
    preflight = await http.options(
        ROUTE,
        headers={
            "Origin": UI,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-namespace",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == UI
    assert "access-control-allow-credentials" not in preflight.headers
    answer = await http.post(ROUTE, json=_body(RING.encrypt(PLAIN)), headers={"Origin": UI})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == UI


@pytest.mark.parametrize(
    "origin", ["http://localhost:8234", "http://localhost:8233.evil.example", "https://localhost:8233", "null"]
)
async def test_other_pages_are_refused_even_with_the_token(http: httpx.AsyncClient, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (
        await http.options(ROUTE, headers=headers),
        await http.post(ROUTE, json=_body(RING.encrypt(PLAIN)), headers=headers),
    ):
        assert answer.status_code == 403
        assert set(answer.json()) == {"detail"}
        assert "access-control-allow-origin" not in answer.headers


async def test_other_routes_have_no_cors_for_the_ui(http: httpx.AsyncClient) -> None:
    answer = await http.get("/", headers={"Origin": UI})
    assert "access-control-allow-origin" not in answer.headers


async def test_a_token_in_the_path_needs_its_setting(settings: Settings) -> None:
    path = f"/codec/calls/{TOKEN}/decode"
    body = _body(RING.encrypt(PLAIN))
    async with _client(_settings(settings)) as client:
        assert (await client.post(path, json=body)).status_code == 404
    async with _client(_settings(settings, token_in_path=True)) as client:
        assert (await client.post(path, json=body)).status_code == 200
        assert (await client.post("/codec/calls/wrong/decode", json=body)).status_code == 401
        assert TOKEN not in (await client.get("/openapi.json")).text


def test_a_token_in_the_path_needs_loopback(settings: Settings) -> None:
    beyond = replace(_settings(settings, token_in_path=True), api=ApiSettings(host="0.0.0.0"))  # noqa: S104
    with pytest.raises(SetupError, match="it needs API_HOST=127"):
        create_app(beyond, FakeSessions())


async def test_the_input_of_a_continued_session_is_within_the_limit(http: httpx.AsyncClient) -> None:
    """Hundreds of kB, encrypted and in base64: more than other routes accept."""
    memory = Payload(metadata={"encoding": b"json/plain"}, data=b'"' + b"x" * 1_500_000 + b'"')
    answer = await http.post(ROUTE, json=_body(RING.encrypt(memory)))
    assert answer.status_code == 200
    assert list(Parse(answer.content, Payloads()).payloads) == [memory]
    answer = await http.post(ROUTE, content=b"", headers={"content-length": "4194305"})
    assert (answer.status_code, answer.json()) == (413, {"detail": "The request body is larger than 4194304 bytes."})


@pytest.mark.parametrize(("keys", "token"), [(False, TOKEN), (True, "")])
async def test_without_keys_or_token_there_is_no_endpoint(settings: Settings, keys: bool, token: str) -> None:
    async with _client(_settings(settings, keys=keys, token=token)) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        assert (await client.post(ROUTE, json=_body(PLAIN))).status_code == 404
        assert "/codec" not in (await client.get("/openapi.json")).text


async def test_it_is_documented_with_its_token(http: httpx.AsyncClient) -> None:
    description = (await http.get("/openapi.json")).json()
    assert description["paths"]["/codec/{namespace}/decode"]["post"]["security"] == [{"codecToken": []}]
    assert set(description["paths"]["/codec/{namespace}/decode"]["post"]["responses"]) == {
        *("200", "400", "401", "403", "404", "413")
    }


def test_a_short_token_is_refused(settings: Settings) -> None:
    with pytest.raises(SetupError, match="fewer than 32 characters") as refused:
        create_app(_settings(settings, token="guess me"), FakeSessions())
    assert "guess me" not in str(refused.value)


def test_malformed_keys_stop_the_start(settings: Settings) -> None:
    broken = replace(settings, temporal=TemporalSettings(codec_keys=SecretStr("k:short")))
    with pytest.raises(SetupError, match="Entry 1 of TEMPORAL_CODEC_KEYS"):
        create_app(broken, FakeSessions())


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (f"/codec/calls/{TOKEN}/decode", "/codec/calls/.../decode"),
        (f"/codec/calls/{TOKEN}/decode?x=/y", "/codec/calls/.../decode?x=/y"),
        (f"/codec/calls/{TOKEN}/encode", "/codec/calls/.../encode"),
        ("/codec/calls/decode", "/codec/calls/decode"),
        ("/api/session/start", "/api/session/start"),
    ],
)
def test_the_access_log_has_no_token(path: str, written: str) -> None:
    record = logging.LogRecord(
        "uvicorn.access",
        logging.INFO,
        "",
        0,
        '%s - "%s %s HTTP/%s" %d',
        ("127.0.0.1:1", "POST", path, "1.1", 200),
        None,
    )
    assert NoTokenInPath().filter(record)
    assert record.getMessage() == f'127.0.0.1:1 - "POST {written} HTTP/1.1" 200'
