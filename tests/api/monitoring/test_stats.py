"""Live counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from api.app import create_app
from api.gateway.session_counts import QueuedLaunches
from contracts.statuses import SessionStatus
from errors import TemporalUnavailable
from settings import AgentSettings, ApiSettings, Settings
from tests.fakes.asgi_client import client_of
from tests.fakes.key_files import with_keys
from tests.fakes.session_counts import FakeSessionCounts

_NONE = {"starting": 0, "waiting": 0, "active": 0, "reconnecting": 0, "ending": 0}


@pytest.fixture
def counts() -> FakeSessionCounts:
    counts = FakeSessionCounts()
    counts.visible = {
        "a": ("acme", SessionStatus.ACTIVE),
        "b": ("acme", SessionStatus.STARTING),
        "c": ("other", SessionStatus.ACTIVE),
    }
    return counts


async def ask(settings: Settings, counts: FakeSessionCounts, **options: Any) -> httpx.Response:
    async with client_of(create_app(settings, counts=counts)) as http:
        return await http.get("/stats", **options)


async def test_counts(settings: Settings, counts: FakeSessionCounts) -> None:
    answer = await ask(settings, counts)
    assert answer.status_code == 200
    assert answer.json() == {
        "sessions": {**_NONE, "starting": 1, "active": 2},
        "running": 3,
        "maxSessions": None,
        "sessionsLeft": None,
        "queued": 0,
        "oldestQueuedSeconds": 0.0,
        "workers": 2,
        "agentServer": None,
    }


async def test_queue(settings: Settings, counts: FakeSessionCounts) -> None:
    counts.queue = QueuedLaunches(count=3, oldest_seconds=4.26)
    stats = (await ask(settings, counts)).json()
    assert (stats["queued"], stats["oldestQueuedSeconds"]) == (3, 4.3)


@pytest.mark.parametrize(("limit", "left"), [(5, 2), (3, 0), (2, 0)])
async def test_sessions_left(settings: Settings, counts: FakeSessionCounts, limit: int, left: int) -> None:
    stats = (await ask(replace(settings, api=ApiSettings(max_sessions=limit)), counts)).json()
    assert (stats["maxSessions"], stats["sessionsLeft"]) == (limit, left)


async def test_states_count_only_own_sessions(settings: Settings, counts: FakeSessionCounts, tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    [key] = with_keys(file, "other")
    stats = (await ask(replace(settings, api=ApiSettings(keys_file=file)), counts, headers={"X-API-Key": key})).json()
    assert (stats["sessions"], stats["running"]) == ({**_NONE, "active": 1}, 3)


Answer = Callable[[web.Request], Awaitable[web.Response]]


async def _busy(_: web.Request) -> web.Response:
    return web.json_response({"agent_name": "voice-agent", "active_jobs": 4, "worker_load": 0.2})


async def _idle(_: web.Request) -> web.Response:
    return web.json_response({"agent_name": "voice-agent"})


async def _broken(_: web.Request) -> web.Response:
    return web.Response(status=500)


async def _other(_: web.Request) -> web.Response:
    return web.Response(text="OK")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (_busy, {"activeJobs": 4, "load": 0.2}),
        (_idle, {"activeJobs": 0, "load": 0.0}),
        (_broken, None),
        (_other, None),
    ],
)
async def test_agent_server_counts(
    settings: Settings, counts: FakeSessionCounts, answer: Answer, expected: dict[str, Any] | None
) -> None:
    app = web.Application()
    app.router.add_get("/worker", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        answered = await ask(replace(settings, agent=AgentSettings(health_url=url)), counts)
        assert answered.json()["agentServer"] == expected


async def test_an_unreachable_agent_server_is_null(settings: Settings, counts: FakeSessionCounts) -> None:
    agent = AgentSettings(health_url="http://127.0.0.1:9/")
    assert (await ask(replace(settings, agent=agent), counts)).json()["agentServer"] is None


async def test_temporal_unreachable(settings: Settings, counts: FakeSessionCounts) -> None:
    counts.failure = TemporalUnavailable("Temporal is unreachable.")
    answer = await ask(settings, counts)
    assert (answer.status_code, answer.json()) == (503, {"detail": str(counts.failure)})
