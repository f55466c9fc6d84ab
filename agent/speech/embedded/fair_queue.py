"""Worker threads that requests take turns on, so that a short request never waits for the whole of a long one."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TypeVar

Result = TypeVar("Result")


class Turns:
    """At most `workers` calls at once. Of those that wait, the one whose request has used least goes first.

    A long request is cut into short calls by its owner, which passes what the request will have used after each.
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers)
        self._free = workers
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    async def run(self, used: float, call: Callable[[], Result]) -> Result:
        """Run `call` in a thread. Cancelled while it waits, it never runs; while it runs, its result is dropped."""
        loop = asyncio.get_running_loop()
        await self._take_turn(used, loop)
        running = self._threads.submit(call)
        # Of the thread and not of the one who waits: a thread is busy until its call ends, also after a cancellation.
        running.add_done_callback(lambda _: loop.call_soon_threadsafe(self._pass_on))
        return await asyncio.wrap_future(running)

    async def _take_turn(self, used: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._free:
            self._free -= 1
            return
        turn = loop.create_future()
        heapq.heappush(self._waiting, (used, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had its turn already
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.cancelled():
                turn.set_result(None)
                return
        self._free += 1
