"""A drain asks every session for a successor and waits; it is bounded, and Temporal may be away for a while."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.host import drain as drain_module
from agent.host.drain import drain
from agent.host.lost_jobs import JobWatch
from contracts.agent import DrainRequest
from settings import Settings
from tests.fakes.agent_server import FakeProcess, FakeSentinel, FakeServer
from tests.fakes.temporal import AWAY, UNCONNECTED, UNKNOWN, FakeTemporal

FIRST, SECOND = FakeProcess("AJ_1", "session_1111111111_aaaaaa"), FakeProcess("AJ_2", "session_2222222222_bbbbbb")
ASKED_FIRST = ("session_1111111111_aaaaaa", "drain", DrainRequest(generation=3))
ASKED_SECOND = ("session_2222222222_bbbbbb", "drain", DrainRequest(generation=3))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "_RETRY_SECONDS", 0)


class DrainedServer(FakeServer):
    """Drains as livekit-agents does: until `last_left`, or a TimeoutError."""

    def __init__(self) -> None:
        super().__init__()
        self.last_left = asyncio.Event()
        self.timeout: int | None = None

    async def drain(self, timeout: int) -> None:  # noqa: ASYNC109  livekit-agents' signature
        self.timeout = timeout
        await self.last_left.wait()


class ImpatientServer(DrainedServer):
    async def drain(self, timeout: int) -> None:  # noqa: ASYNC109
        raise TimeoutError


@pytest.fixture
def fake_server() -> Any:
    return DrainedServer()


@pytest.fixture
async def jobs(fake_server: Any, agent_settings: Settings, temporal: FakeTemporal, sentinel: FakeSentinel) -> JobWatch:
    watch = JobWatch(fake_server, agent_settings)
    fake_server.emit("worker_started")
    return watch


async def asked(temporal: FakeTemporal, times: int) -> None:
    while len(temporal.signals) < times:
        temporal.signalled.clear()
        await asyncio.wait_for(temporal.signalled.wait(), 5)


async def test_asks_for_successors_also_of_jobs_that_only_start_now(
    fake_server: Any, jobs: JobWatch, temporal: FakeTemporal
) -> None:
    fake_server.launch(FIRST)
    draining = asyncio.create_task(drain(fake_server, jobs, 7.2))
    await asked(temporal, 1)
    assert temporal.signals == [ASKED_FIRST]
    fake_server.launch(SECOND)
    await asked(temporal, 2)
    assert temporal.signals == [ASKED_FIRST, ASKED_SECOND]
    assert not draining.done()
    fake_server.last_left.set()
    await asyncio.wait_for(draining, 5)
    assert fake_server.timeout == 8


@pytest.mark.parametrize("errors", [[AWAY, AWAY], [UNCONNECTED]])
async def test_asks_until_temporal_is_back(
    fake_server: Any, jobs: JobWatch, temporal: FakeTemporal, errors: list[Exception]
) -> None:
    fake_server.launch(FIRST)
    temporal.prescribe(*errors)
    draining = asyncio.create_task(drain(fake_server, jobs, 60))
    await asked(temporal, 1)
    assert temporal.calls == len(errors) + 1
    fake_server.last_left.set()
    await draining


async def test_a_session_that_is_over_is_not_asked_again(
    fake_server: Any, jobs: JobWatch, temporal: FakeTemporal
) -> None:
    fake_server.launch(FIRST)
    temporal.prescribe(UNKNOWN)
    draining = asyncio.create_task(drain(fake_server, jobs, 60))
    fake_server.launch(SECOND)
    await asked(temporal, 1)
    assert temporal.signals == [ASKED_SECOND]
    assert temporal.calls == 2
    fake_server.last_left.set()
    await draining


async def test_ends_when_its_time_is_over(
    agent_settings: Settings, temporal: FakeTemporal, sentinel: FakeSentinel, caplog: pytest.LogCaptureFixture
) -> None:
    server: Any = ImpatientServer()
    jobs = JobWatch(server, agent_settings)
    server.emit("worker_started")
    server.launch(FIRST)
    await drain(server, jobs, 0.1)
    assert "still serving 1 sessions" in caplog.text
