"""`/health` reports the parts that are down within a second, even if they hang."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from api.app import create_app
from api.monitoring.health import Health
from connections.temporal_client import LazyClient
from settings import AgentSettings, Settings, TemporalSettings
from tests.fakes.asgi_client import client_of
from tests.fakes.sessions import FakeSessions


@asynccontextmanager
async def _listen(answer: bytes) -> AsyncIterator[int]:
    """A server that accepts connections, and hangs without an answer."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        else:
            await gone.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        gone.set()


async def _health(settings: Settings) -> tuple[dict[str, object], float]:
    async with client_of(create_app(settings, FakeSessions())) as http:
        began = time.monotonic()
        answer = await http.get("/health")
        assert answer.status_code == 200
        return answer.json(), time.monotonic() - began


async def test_everything_down(settings: Settings) -> None:
    body, seconds = await _health(settings)
    assert body == {
        "status": "degraded",
        "livekit_url": "wss://livekit.example",
        "livekit_configured": True,
        "livekit_connected": False,
        "temporal_connected": False,
        "workers_available": False,
        "agents_available": None,
        "redis_connected": False,
        "celery_available": False,
        "down": ["livekit", "temporal", "workers"],
    }
    assert seconds < 1


async def test_everything_hangs(settings: Settings) -> None:
    async with _listen(b"") as port:
        body, seconds = await _health(
            replace(
                settings,
                temporal=TemporalSettings(address=f"127.0.0.1:{port}"),
                livekit=settings.livekit.model_copy(update={"url": f"ws://127.0.0.1:{port}"}),
                agent=AgentSettings(health_url=f"http://127.0.0.1:{port}/"),
            )
        )
    assert body["down"] == ["livekit", "temporal", "workers", "agents"]
    assert seconds < 1


@pytest.mark.parametrize(("status", "available"), [(b"200 OK", True), (b"503 Service Unavailable", False)])
async def test_the_agent_server_is_checked(settings: Settings, status: bytes, available: bool) -> None:
    async with _listen(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n") as port:
        body, _ = await _health(replace(settings, agent=AgentSettings(health_url=f"http://127.0.0.1:{port}/")))
    assert body["agents_available"] is available


async def test_without_a_key_livekit_is_not_configured(settings: Settings) -> None:
    livekit = settings.livekit.model_copy(update={"api_key": ""})
    body, _ = await _health(replace(settings, livekit=livekit))
    assert (body["livekit_configured"], body["livekit_connected"], body["status"]) == (False, False, "degraded")


async def test_concurrent_requests_share_one_check_for_a_second(settings: Settings) -> None:
    """`/health` is open to everybody."""
    now, asked, may_answer = [0.0], [0], asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked[0] += 1
        await reader.readuntil(b"\r\n\r\n")
        await may_answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        health = Health(
            LazyClient(settings.temporal, ()),
            replace(settings, agent=AgentSettings(health_url=url)),
            clock=lambda: now[0],
        )
        first = [asyncio.create_task(health.check()) for _ in range(50)]
        await asyncio.sleep(0)
        first.pop(0).cancel()  # its client disconnects
        may_answer.set()
        assert all(answer.agents_available for answer in await asyncio.gather(*first))
        now[0] = 1.0
        await health.check()
        assert asked == [1]
        now[0] = 1.1
        await health.check()
        assert asked == [2]
