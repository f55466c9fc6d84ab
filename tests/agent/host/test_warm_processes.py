"""No process is made while a job begins; afterwards there are as many warm ones as ever."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import AgentServer
from livekit.agents.ipc.proc_pool import ProcPool

from agent.host import warm_processes
from agent.host.warm_processes import WarmProcesses


class FakePool:
    """Notes how many idle processes it is to keep."""

    def __init__(self) -> None:
        self.targets: list[int] = []
        self.restored = asyncio.Event()

    def set_target_idle_processes(self, count: int) -> None:
        self.targets.append(count)
        if count:
            self.restored.set()


def of(pool: FakePool | None) -> WarmProcesses:
    server: Any = SimpleNamespace(_proc_pool=pool)
    return WarmProcesses(server, 2)


async def test_jobs_that_follow_each_other_do_not_put_it_off_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_processes, "_PAUSE_SECONDS", 0.05)
    pool = FakePool()
    warm = of(pool)
    warm.pause_spawning()
    warm.pause_spawning()
    assert pool.targets == [0]
    await asyncio.wait_for(pool.restored.wait(), 5)
    assert pool.targets == [0, 2]
    warm.pause_spawning()
    assert pool.targets == [0, 2, 0]


async def test_without_a_pool_it_does_nothing() -> None:
    of(None).pause_spawning()


def test_livekit_agents_still_has_what_it_leans_on() -> None:
    assert callable(ProcPool.set_target_idle_processes)
    assert "_proc_pool" in AgentServer.run.__code__.co_names
