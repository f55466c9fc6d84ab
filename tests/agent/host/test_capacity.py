"""When a host takes another job: a warm process, a free place, a machine that is not overloaded."""

from __future__ import annotations

import asyncio

import pytest

from agent.host.capacity import Capacity


class Pool:
    """Warm processes and running jobs, as a test sets them."""

    def __init__(self, warm: int, jobs: int = 0) -> None:
        self.warm, self.jobs = warm, jobs


def capacity(pool: Pool, max_jobs: int = 2) -> Capacity:
    return Capacity(lambda: pool.jobs, lambda: pool.warm, max_jobs)


async def waits(capacity: Capacity, reserved: int = 0) -> asyncio.Task[None]:
    waiting = asyncio.create_task(capacity.available(lambda: reserved))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.15)
    return waiting


async def test_a_warm_process_and_a_place_are_enough() -> None:
    await asyncio.wait_for(capacity(Pool(warm=1)).available(lambda: 0), 1)


@pytest.mark.parametrize(
    ("pool", "reserved"), [(Pool(warm=0), 0), (Pool(warm=1), 1), (Pool(warm=2, jobs=2), 0), (Pool(warm=2, jobs=1), 1)]
)
async def test_it_waits_for_a_warm_process_and_a_place(pool: Pool, reserved: int) -> None:
    waiting = await waits(capacity(pool), reserved)
    pool.warm, pool.jobs = 2, 0
    await asyncio.wait_for(waiting, 2)


async def test_an_overloaded_machine_takes_nothing_until_it_is_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.host.capacity._CALM_SECONDS", 0.3)
    pool = Pool(warm=1)
    limit = capacity(pool)
    limit.note_lateness(1.0)
    waiting = await waits(limit)
    await asyncio.wait_for(waiting, 2)


async def test_a_closed_host_takes_nothing() -> None:
    limit = capacity(Pool(warm=1))
    limit.close()
    (await waits(limit)).cancel()
