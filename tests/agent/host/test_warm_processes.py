"""No warm process is started while a job starts."""

from __future__ import annotations

import asyncio

import pytest

from agent.host import warm_processes
from agent.host.warm_processes import WarmProcesses
from tests.fakes.agent_server import FakeServer


async def test_further_jobs_do_not_extend_the_pause(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_processes, "_PAUSE_SECONDS", 0.05)
    warm, pool = WarmProcesses(server, 2), server.pool
    warm.pause_spawning()
    warm.pause_spawning()
    assert pool.targets == [0]
    await asyncio.wait_for(pool.restored.wait(), 5)
    assert pool.targets == [0, 2]
    warm.pause_spawning()
    assert pool.targets == [0, 2, 0]


async def test_without_a_pool_nothing_is_delayed() -> None:
    WarmProcesses(FakeServer(has_pool=False), 2).pause_spawning()
