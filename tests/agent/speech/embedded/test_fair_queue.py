"""Turns: who has used least goes first, and a thread that nobody waits for any more is still busy."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from agent.speech.embedded.fair_queue import Turns


def noted(log: list[str], name: str) -> Callable[[], None]:
    return lambda: log.append(name)


async def wait_for_thread(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 5)


async def test_of_those_that_wait_the_one_that_used_least_goes_first() -> None:
    turns, log, go_on = Turns(1), list[str](), threading.Event()
    first = asyncio.create_task(turns.run(1, go_on.wait))
    await asyncio.sleep(0)
    others = [
        asyncio.create_task(turns.run(used, noted(log, name)))
        for used, name in ((40.0, "long"), (2.0, "short"), (20.0, "middle"), (2.0, "short, later"))
    ]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *others)
    assert log == ["short", "short, later", "middle", "long"]


async def test_one_that_is_cancelled_while_it_waits_never_runs() -> None:
    turns, log, go_on = Turns(1), list[str](), threading.Event()
    first = asyncio.create_task(turns.run(1, go_on.wait))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(turns.run(1, noted(log, "cancelled")))
    await asyncio.sleep(0)
    waiting.cancel()
    go_on.set()
    await first
    await turns.run(1, noted(log, "next"))
    assert log == ["next"]


async def test_one_that_is_cancelled_at_its_turn_passes_it_on() -> None:
    turns, log, go_on = Turns(1), list[str](), threading.Event()
    first = asyncio.create_task(turns.run(1, go_on.wait))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(turns.run(1, noted(log, "cancelled")))
    first.add_done_callback(lambda _: waiting.cancel())
    go_on.set()
    await first
    async with asyncio.timeout(5):
        await turns.run(1, noted(log, "next"))
    assert "next" in log


async def test_a_thread_is_busy_until_its_call_ends_although_nobody_waits() -> None:
    turns, log = Turns(1), list[str]()
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        go_on.wait(5)
        log.append("slow")

    cancelled = asyncio.create_task(turns.run(1, slow))
    await wait_for_thread(begun)
    cancelled.cancel()
    other = asyncio.create_task(turns.run(1, noted(log, "next")))
    await asyncio.sleep(0.05)
    assert log == []
    go_on.set()
    await other
    assert log == ["slow", "next"]


async def test_a_failure_reaches_its_owner_and_frees_the_thread() -> None:
    turns = Turns(1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await turns.run(1, lambda: 1 // 0)
