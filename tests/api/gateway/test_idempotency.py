"""`Idempotency-Key`: its form and its session; and join tokens for reconnecting."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api.gateway.idempotency import KeyedStarts, read_key
from api.schemas.session_commands import StartRequest
from contracts.identities import caller_identity, is_session_id
from errors import InvalidInput, JoinTokenFailed, NoWorkerAnswered, OrchestratorError, TemporalUnavailable
from tests.fakes.sessions import FakeSessions

START = "/api/session/start"
STARTS = KeyedStarts("secret")
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255)


async def start(http: httpx.AsyncClient, key: str, **body: Any) -> httpx.Response:
    return await http.post(START, json={"userName": "ann", **body}, headers={"Idempotency-Key": key})


def asked(*values: bytes) -> Request:
    return Request({"type": "http", "headers": [(b"idempotency-key", value) for value in values]})


def fingerprint(body: Mapping[str, Any], session_id: str = "s") -> str:
    return STARTS.fingerprint(session_id, StartRequest.model_validate(body))


async def test_the_same_key_gives_the_same_session(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    answers = await asyncio.gather(*(start(http, "order-17") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    [request] = sessions.started
    assert is_session_id(request.session_id)
    assert "17" not in re.sub("[0-9a-f]{32}", "", request.session_id)


async def test_other_keys_and_no_key_start_other_sessions(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    await start(http, "a")
    await start(http, "A")
    for _ in range(2):
        await http.post(START, json={"userName": "ann"})
    assert len({request.session_id for request in sessions.started}) == 4
    assert [bool(request.fingerprint) for request in sessions.started] == [True, True, False, False]


async def test_a_key_with_another_body_is_refused(http: httpx.AsyncClient) -> None:
    await start(http, "a")
    assert (await start(http, "a", userName="ben")).status_code == 409
    assert (await start(http, "a", metadata={"x": 1})).status_code == 409
    assert (await start(http, "a")).status_code == 200


async def test_a_key_of_an_ended_session_is_refused(http: httpx.AsyncClient) -> None:
    session_id = (await start(http, "a")).json()["sessionId"]
    await http.post("/api/session/end", json={"sessionId": session_id})
    answer = await start(http, "a")
    assert (answer.status_code, answer.json()) == (409, {"detail": f"Session {session_id} has ended"})


@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "é", "\x7f", "x" * 256])
async def test_malformed_keys_are_refused(http: httpx.AsyncClient, sessions: FakeSessions, key: str) -> None:
    answer = await http.post(START, json={"userName": "ann"}, headers={b"Idempotency-Key": key.encode("latin-1")})
    detail = "Idempotency-Key: must be given once, with 1 to 255 visible ASCII characters"
    assert (answer.status_code, answer.json()) == (400, {"detail": detail})
    assert not sessions.started


async def test_two_keys_are_refused(http: httpx.AsyncClient) -> None:
    keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    assert (await http.post(START, json={"userName": "ann"}, headers=keys)).status_code == 400


@given(visible)
def test_visible_ascii_is_a_key(key: str) -> None:
    assert read_key(asked(key.encode())) == key


@given(st.binary(max_size=300))
def test_any_header_is_a_key_or_refused(value: bytes) -> None:
    try:
        key = read_key(asked(value))
    except InvalidInput:
        return
    assert key is not None
    assert key.isascii() and key.isprintable() and " " not in key and 1 <= len(key) <= 255


@given(visible, visible)
def test_keys_owners_and_secrets_keep_sessions_apart(one: str, other: str) -> None:
    assert is_session_id(STARTS.session_id(one, other))
    assert STARTS.session_id(one, other) != STARTS.session_id(one + other, "")
    assert STARTS.session_id(one, other) != KeyedStarts("another").session_id(one, other)
    assert (STARTS.session_id(one, "k") == STARTS.session_id(other, "k")) is (one == other)


def test_equal_requests_have_equal_fingerprints() -> None:
    body: dict[str, Any] = {"userName": "ann", "metadata": {"a": 1, "b": [2, "é"]}}
    assert fingerprint(body) == fingerprint({"metadata": {"b": [2, "é"], "a": 1}, "userName": " ann "})
    assert fingerprint(body) != fingerprint(body, session_id="another")
    changes: list[dict[str, Any]] = [
        {"userName": "ben"},
        {"metadata": {}},
        {"voiceId": "Craig"},
        {"systemPrompt": "Be."},
    ]
    for change in changes:
        assert fingerprint(body) != fingerprint({**body, **change})


async def test_callers_are_named_after_their_session(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    session_id = (await http.post(START, json={"userName": "ann"})).json()["sessionId"]
    assert sessions.started[0].caller == caller_identity(session_id)


async def test_rejoin_returns_a_join_token(http: httpx.AsyncClient) -> None:
    started = (await http.post(START, json={"userName": "ann"})).json()
    answer = await http.post(f"/api/session/{started['sessionId']}/token")
    assert answer.status_code == 200
    assert answer.json() == {**started, "message": "The session is waiting. Join its room with this join token."}


async def test_rejoin_is_refused(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    unknown = "session_1234567890_abc123"
    answer = await http.post(f"/api/session/{unknown}/token")
    assert (answer.status_code, answer.json()) == (404, {"detail": f"Session {unknown} not found"})
    assert (await http.post(f"/api/session/{'x' * 257}/token")).status_code == 400
    session_id = (await http.post(START, json={"userName": "ann"})).json()["sessionId"]
    sessions.ended.add(session_id)
    assert (await http.post(f"/api/session/{session_id}/token")).status_code == 409


@pytest.mark.parametrize(
    ("failure", "status"), [(JoinTokenFailed("x"), 500), (NoWorkerAnswered("x"), 503), (TemporalUnavailable("x"), 503)]
)
async def test_failures_of_rejoin(
    http: httpx.AsyncClient, sessions: FakeSessions, failure: OrchestratorError, status: int
) -> None:
    sessions.failure = failure
    answer = await http.post("/api/session/session_1234567890_abc123/token")
    assert (answer.status_code, answer.json()) == (status, {"detail": "x"})
