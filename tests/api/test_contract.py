"""Every line of the API reference, with sessions in memory."""

from __future__ import annotations

import re

import httpx
import pytest

from contracts.agent_options import DEFAULT_OPENING_LINE, DEFAULT_SYSTEM_PROMPT, VOICES
from contracts.limits import SessionLimits
from errors import EndFailed, JoinTokenFailed, NoWorkerAnswered, TemporalUnavailable
from tests.fakes.sessions import FakeSessions


async def test_root(http: httpx.AsyncClient) -> None:
    answer = await http.get("/")
    assert answer.status_code == 200
    assert answer.json() == {
        "service": "Voice Assistant Orchestrator",
        "status": "running",
        "version": "2.0.0",
        "type": "Python FastAPI",
        "features": ["session_tracking", "cleanup", "livekit_webhooks"],
    }


async def test_start_with_everything(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    answer = await http.post(
        "/api/session/start",
        json={
            "userName": " john_doe ",
            "voiceId": "Craig",
            "openingLine": "Hi there! Ready to help.",
            "systemPrompt": "You are a friendly tech support agent.",
            "metadata": {"order": "A-17", "parts": [1, None, {"a": 0.5}]},
            "maxDurationSeconds": 600,
            "maxWaitSeconds": 5,
            "unknown": [1],
        },
    )
    [request] = sessions.started
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "sessionId": request.session_id,
        "token": "header.claims.signature",
        "serverUrl": "wss://livekit.example",
        "roomName": request.session_id,
        "message": "Session created. Voice agent is being spawned.",
    }
    assert re.fullmatch(r"session_\d{10}_[0-9a-z]+", request.session_id)
    assert request.user_name == "john_doe"
    assert request.options.voice_id == "Craig"
    assert request.options.opening_line == "Hi there! Ready to help."
    assert request.options.system_prompt == "You are a friendly tech support agent."
    assert request.limits == SessionLimits(
        max_duration_seconds=600, silence_seconds=30, idle_seconds=300, agent_wait_seconds=5
    )
    assert sessions.metadata[request.session_id] == {"order": "A-17", "parts": [1, None, {"a": 0.5}]}


_ALL_NULL = dict.fromkeys(
    ("voiceId", "openingLine", "systemPrompt", "metadata", "maxDurationSeconds", "maxWaitSeconds")
)


@pytest.mark.parametrize("left_out", [{}, _ALL_NULL, {"voiceId": " "}])
async def test_start_with_defaults(
    http: httpx.AsyncClient, sessions: FakeSessions, left_out: dict[str, str | None]
) -> None:
    answer = await http.post("/api/session/start", json={"userName": "test", **left_out})
    assert answer.status_code == 200
    [request] = sessions.started
    assert request.options.voice_id == "Ashley"
    assert request.options.opening_line == DEFAULT_OPENING_LINE
    assert request.options.system_prompt == DEFAULT_SYSTEM_PROMPT
    assert request.limits == SessionLimits(silence_seconds=30, idle_seconds=300)
    assert sessions.metadata[request.session_id] == {}


@pytest.mark.parametrize("voice", VOICES)
async def test_each_voice(http: httpx.AsyncClient, sessions: FakeSessions, voice: str) -> None:
    assert (await http.post("/api/session/start", json={"userName": "test", "voiceId": voice})).status_code == 200
    assert sessions.started[0].options.voice_id == voice


async def test_end(http: httpx.AsyncClient) -> None:
    session_id = (await http.post("/api/session/start", json={"userName": "test"})).json()["sessionId"]
    answers = [await http.post("/api/session/end", json={"sessionId": session_id}) for _ in range(2)]
    for answer in answers:
        assert answer.status_code == 200
        assert answer.json() == {
            "success": True,
            "message": f"Session {session_id} ended and cleaned up",
            "details": {
                "session_id": session_id,
                "workflow_completed": True,
                "agent_stopped": True,
                "room_deleted": True,
                "celery_task_revoked": True,
                "process_killed": True,
                "redis_cleaned": True,
                "errors": [],
                "durationSeconds": 125,
                "durationMinutes": 3,
                "metadata": {},
            },
        }


async def test_end_of_an_unknown_session(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/session/end", json={"sessionId": "session_123"})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Session session_123 not found"})


@pytest.mark.parametrize(
    ("path", "failure", "status"),
    [
        ("start", JoinTokenFailed("LiveKit token generation failed: no key"), 500),
        ("start", TemporalUnavailable("Failed to queue voice agent spawn task: Temporal is unreachable."), 503),
        ("start", NoWorkerAnswered("Failed to queue voice agent spawn task: no worker"), 503),
        ("end", EndFailed("Failed to end session: still ending"), 500),
        ("end", TemporalUnavailable("Failed to end session: Temporal is unreachable."), 503),
    ],
)
async def test_failures(
    http: httpx.AsyncClient, sessions: FakeSessions, path: str, failure: Exception, status: int
) -> None:
    sessions.failure = failure
    body = {"userName": "test", "sessionId": "session_1234567890_abc123"}
    answer = await http.post(f"/api/session/{path}", json=body)
    assert (answer.status_code, answer.json()) == (status, {"detail": str(failure)})


async def test_an_unexpected_failure_reveals_nothing(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    sessions.failure = KeyError("the secret of the house")
    answer = await http.post("/api/session/start", json={"userName": "test"})
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal server error."})


async def test_unknown_paths_and_methods(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/{nothing}")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("There is nothing at GET /api/{nothing}")
    answer = await http.put("/api/session/start")
    assert answer.status_code == 405
    assert answer.json() == {"detail": "PUT is not allowed at /api/session/start; see /docs."}
    assert answer.headers["allow"] == "POST"


async def test_documentation_needs_no_network(http: httpx.AsyncClient) -> None:
    for page in ("/docs", "/redoc"):
        html = (await http.get(page)).text
        sources = re.findall(r'(?:src|href)="([^"]+)"', html)
        assert sources
        for source in sources:
            assert source.startswith("/"), f"{page} loads {source}"
            assert (await http.get(source)).status_code == 200


async def test_openapi_describes_every_route(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    routes = {(method, path) for path, item in document["paths"].items() for method in item}
    assert routes == {
        ("get", "/"),
        ("get", "/health"),
        ("post", "/api/session/start"),
        ("post", "/api/session/end"),
        ("post", "/api/session/{sessionId}/token"),
        ("post", "/api/session/{sessionId}/webhooks/redeliver"),
        ("get", "/api/sessions"),
        ("get", "/api/session/{sessionId}"),
        ("get", "/api/session/{sessionId}/transcript"),
        ("get", "/api/session/{sessionId}/events"),
        ("get", "/stats"),
        ("get", "/metrics"),
        ("post", "/webhook/livekit"),
    }
    start = document["paths"]["/api/session/start"]["post"]
    assert set(start["responses"]) == {"200", "400", "403", "409", "413", "500", "503"}
    body = start["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/StartRequest"}
    assert document["components"]["schemas"]["StartRequest"]["properties"]["userName"]["examples"] == ["user123"]
    assert "422" not in str(document["paths"])
