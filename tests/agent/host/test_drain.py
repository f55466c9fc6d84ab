"""A drain asks every session for a successor and waits for its jobs, for a bounded time."""

from __future__ import annotations

import asyncio

import pytest

from agent.host import drain as drain_module
from agent.host.drain import drain
from agent.host.hosted_job import Generation
from agent.host.jobs import Jobs
from contracts.agent import DrainRequest
from tests.fakes.agent_server import FakeServer
from tests.fakes.temporal import NOT_FOUND, UNAVAILABLE, UNCONNECTED, FakeTemporal

FIRST, SECOND = (
    Generation(session, 3, "agent_3_AJ", b"token")
    for session in ("session_1111111111_aaaaaa", "session_2222222222_bbbbbb")
)
ASKED_FIRST = ("session_1111111111_aaaaaa", "drain", DrainRequest(generation=3))
ASKED_SECOND = ("session_2222222222_bbbbbb", "drain", DrainRequest(generation=3))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "_RETRY_SECONDS", 0)


async def signals(temporal: FakeTemporal, count: int) -> list[tuple[str, str, object]]:
    while len(temporal.signals) < count:
        temporal.signalled.clear()
        await asyncio.wait_for(temporal.signalled.wait(), 5)
    return temporal.signals


async def test_running_and_starting_jobs_are_asked_for_successors(
    server: FakeServer, jobs: Jobs, temporal: FakeTemporal
) -> None:
    first, _ = jobs.launch(FIRST, "")
    draining = asyncio.create_task(drain(server, jobs, 7.2))
    assert await signals(temporal, 1) == [ASKED_FIRST]
    jobs.launch(SECOND, "")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(signals(temporal, 2), 0.05)
    first.gone.set()
    assert await signals(temporal, 2) == [ASKED_FIRST, ASKED_SECOND]
    assert not draining.done()
    server.last_left.set()
    await asyncio.wait_for(draining, 5)
    assert server.drain_timeout == 8


@pytest.mark.parametrize("errors", [[UNAVAILABLE, UNAVAILABLE], [UNCONNECTED]])
async def test_a_drain_signal_is_repeated_during_an_outage(
    server: FakeServer, jobs: Jobs, temporal: FakeTemporal, errors: list[Exception]
) -> None:
    jobs.launch(FIRST, "")
    temporal.prescribe(*errors)
    draining = asyncio.create_task(drain(server, jobs, 60))
    await signals(temporal, 1)
    assert temporal.calls == len(errors) + 1
    server.last_left.set()
    await draining


async def test_an_ended_session_is_not_asked_again(server: FakeServer, jobs: Jobs, temporal: FakeTemporal) -> None:
    first, _ = jobs.launch(FIRST, "")
    temporal.prescribe(NOT_FOUND)
    draining = asyncio.create_task(drain(server, jobs, 60))
    while not temporal.calls:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    first.gone.set()
    jobs.launch(SECOND, "")
    assert await signals(temporal, 1) == [ASKED_SECOND]
    assert temporal.calls == 2
    server.last_left.set()
    await draining


async def test_many_are_handed_over_a_few_at_a_time(
    server: FakeServer, jobs: Jobs, temporal: FakeTemporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(7):
        jobs.launch(FIRST, "")
    draining = asyncio.create_task(drain(server, jobs, 20))  # 7 of 6 s each fit in if three go at a time
    assert len(await signals(temporal, 3)) == 3
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(signals(temporal, 4), 0.05)
    draining.cancel()


async def test_a_drain_ends_after_its_time(server: FakeServer, jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    server.times_out = True
    jobs.launch(FIRST, "")
    await drain(server, jobs, 0.1)
    assert "still serving 1 sessions" in caplog.text
