"""Authentication, and the sessions of other owners. Tests walk every route, so that a new one is included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.app import create_app
from api.auth.access import warn_if_open
from settings import ApiSettings, Settings
from tests.fakes.asgi_client import client_of
from tests.fakes.key_files import change, with_keys
from tests.fakes.session_counts import FakeSessionCounts
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions

_NOBODYS_KEY = "vao_nobody"
_REFUSAL = {"detail": "This needs a valid API key: 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."}

OPEN = {
    *("/", "/health", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/static-offline-docs"),
    "/webhook/livekit",  # signed by LiveKit
}
"""Every route that answers without a key. A route that is added here must reveal no session."""
OF_NO_SESSION = {"POST /api/session/start", "GET /api/sessions", "GET /stats", "GET /metrics"}
"""Every route behind keys that is not about one session. Each has its own test below."""


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


@pytest.fixture
def acme(keys_file: Path) -> dict[str, str]:
    return {"Authorization": f"Bearer {with_keys(keys_file, 'acme')[0]}"}


@pytest.fixture
def other(keys_file: Path) -> dict[str, str]:
    return {"Authorization": f"Bearer {with_keys(keys_file, 'other')[0]}"}


@pytest.fixture
def guarded(settings: Settings, keys_file: Path, acme: dict[str, str], other: dict[str, str]) -> Settings:
    """With keys."""
    return replace(settings, api=ApiSettings(keys_file=keys_file))


@pytest.fixture
def app(guarded: Settings, sessions: FakeSessions, reader: FakeSessionReader, counts: FakeSessionCounts) -> FastAPI:
    return create_app(guarded, sessions, reader, counts=counts)


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or {"GET"}):
            yield method, str(route.path)


def about(path: str, session_id: str) -> str:
    return path.replace("{sessionId}", session_id)


async def start(http: httpx.AsyncClient, key: dict[str, str]) -> str:
    session_id: str = (await http.post("/api/session/start", json={"userName": "ann"}, headers=key)).json()["sessionId"]
    return session_id


async def test_every_route_but_the_open_ones_needs_a_key(app: FastAPI) -> None:
    async with client_of(app) as http:
        for method, path in routes(app):
            if path in OPEN:
                continue
            for headers in ({}, {"Authorization": f"Bearer {_NOBODYS_KEY}"}):
                answer = await http.request(method, about(path, "session_1234567890_abc123"), headers=headers)
                assert (answer.status_code, answer.json()) == (401, _REFUSAL), (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_missing_key_is_reported_before_invalid_input(app: FastAPI) -> None:
    async with client_of(app) as http:
        for answer in (
            await http.post("/api/session/start", content=b"{"),
            await http.get("/api/sessions?state=a&state=b&x=y"),
            await http.get(f"/api/session/{'x' * 257}"),
        ):
            assert (answer.status_code, answer.json()) == (401, _REFUSAL)


async def test_open_routes_answer_without_a_key(app: FastAPI) -> None:
    assert {path for _, path in routes(app)} >= OPEN
    async with client_of(app) as http:
        for path in ("/", "/openapi.json", "/docs", "/redoc"):
            assert (await http.get(path)).status_code == 200
        assert (await http.post("/webhook/livekit")).json() == {"detail": "Invalid webhook signature"}


async def test_sessions_of_other_owners_are_not_found(
    app: FastAPI, acme: dict[str, str], other: dict[str, str]
) -> None:
    unknown = "session_1234567890_abc123"
    walked = set()
    async with client_of(app) as http:
        mine = await start(http, acme)
        for method, path in routes(app):
            if path in OPEN or f"{method} {path}" in OF_NO_SESSION:
                continue
            walked.add(path)
            answers = []
            for session_id in (mine, unknown):
                body = {"sessionId": session_id}
                answer = await http.request(method, about(path, session_id), json=body, headers=other)
                expected = (404, {"detail": f"Session {session_id} not found"})
                assert (answer.status_code, answer.json()) == expected, (method, path)
                answers.append(answer)
            assert answers[0].headers.keys() == answers[1].headers.keys()
        assert (await http.get(f"/api/session/{mine}", headers=acme)).status_code == 200
        assert (await http.get(f"/api/session/{mine}/transcript", headers=acme)).status_code == 200
        assert (await http.post("/api/session/end", json={"sessionId": mine}, headers=acme)).status_code == 200
    assert walked >= {"/api/session/end", "/api/session/{sessionId}", "/api/session/{sessionId}/transcript"}


async def test_a_malformed_id_is_a_400_with_keys_too(app: FastAPI, acme: dict[str, str]) -> None:
    async with client_of(app) as http:
        answer = await http.get(f"/api/session/{'x' * 257}", headers=acme)
    assert (answer.status_code, answer.json()) == (400, {"detail": "sessionId: must have at most 256 characters"})


async def test_lists_and_counts_contain_only_own_sessions(
    app: FastAPI, counts: FakeSessionCounts, sessions: FakeSessions, acme: dict[str, str], other: dict[str, str]
) -> None:
    async with client_of(app) as http:
        mine, theirs = await start(http, acme), await start(http, other)
        assert [request.owner for request in sessions.started] == ["acme", "other"]
        for key, session_id in ((acme, mine), (other, theirs)):
            found = (await http.get("/api/sessions", headers=key)).json()["sessions"]
            assert [item["sessionId"] for item in found] == [session_id]


async def test_idempotency_keys_belong_to_owners(app: FastAPI, acme: dict[str, str], other: dict[str, str]) -> None:
    async with client_of(app) as http:
        mine, again, theirs = [await start(http, key | {"Idempotency-Key": "k"}) for key in (acme, acme, other)]
    assert mine == again != theirs


async def test_headers_that_carry_the_key(app: FastAPI, acme: dict[str, str], other: dict[str, str]) -> None:
    key = acme["Authorization"].removeprefix("Bearer ")
    async with client_of(app) as http:
        for headers, status in (
            ({"X-API-Key": key}, 200),
            ({"Authorization": f"bearer  {key} "}, 200),
            ({"X-API-Key": key} | acme, 200),
            ({"X-API-Key": key, "Authorization": "Basic cHJveHk6cHJveHk="}, 200),
            ({"X-API-Key": key} | other, 401),
            ({"X-API-Key": ""}, 401),
            ({"Authorization": key}, 401),
            ({"Authorization": f"Basic {key}"}, 401),
            ({"Authorization": "Bearer"}, 401),
        ):
            assert (await http.get("/api/sessions", headers=headers)).status_code == status, headers
        assert (await http.get(f"/api/sessions?key={key}")).status_code == 401


async def test_a_disabled_key_is_refused(app: FastAPI, keys_file: Path, acme: dict[str, str]) -> None:
    async with client_of(app) as http:
        assert (await http.get("/api/sessions", headers=acme)).status_code == 200
        change(keys_file, 0, disabled=True)
        answer = await http.get("/api/sessions", headers=acme)
        assert (answer.status_code, answer.json()) == (401, _REFUSAL)


async def test_without_keys_all_callers_see_all_sessions(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    mine = await start(http, {})
    sessions.started[0] = sessions.started[0].model_copy(update={"owner": "acme"})
    assert (await http.get(f"/api/session/{mine}")).status_code == 200
    assert len((await http.get("/api/sessions")).json()["sessions"]) == 1


async def test_sessions_without_an_owner_are_hidden_from_keys(
    app: FastAPI, sessions: FakeSessions, acme: dict[str, str]
) -> None:
    async with client_of(app) as http:
        mine = await start(http, acme)
        sessions.started[0] = sessions.started[0].model_copy(update={"owner": ""})
        assert (await http.get(f"/api/session/{mine}", headers=acme)).status_code == 404


async def test_openapi_says_it_where_it_is_so(app: FastAPI, http: httpx.AsyncClient) -> None:
    async with client_of(app) as guarded:
        document = (await guarded.get("/openapi.json")).json()
    assert set(document["components"]["securitySchemes"]) == {"apiKey", "apiKeyHeader"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert ("security" in operation) == (path not in OPEN)
            assert "401" in operation["responses"] or path in OPEN
    plain = (await http.get("/openapi.json")).json()
    assert "securitySchemes" not in plain["components"]


@pytest.mark.parametrize(
    ("host", "keys", "warns"), [("127.0.0.1", False, False), ("192.0.2.1", False, True), ("::", True, False)]
)
def test_an_open_api_is_logged(
    host: str, keys: bool, warns: bool, keys_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warn_if_open(ApiSettings(host=host, keys_file=keys_file if keys else None))
    assert any("API_KEYS_FILE is not set" in record.getMessage() for record in caplog.records) == warns


async def test_metrics_include_all_owners(app: FastAPI, acme: dict[str, str], other: dict[str, str]) -> None:
    async with client_of(app) as http:
        await start(http, acme)
        answer = await http.get("/metrics", headers=other)
    assert 'voice_session_starts_total{outcome="ok"} 1.0' in answer.text
