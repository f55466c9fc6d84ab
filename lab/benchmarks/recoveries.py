"""How long a caller hears nothing when the agent is lost, and what a drain costs; on a stack with two AgentServers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

import httpx
import psutil
from livekit import rtc

from errors import SetupError
from lab.benchmarks.call_latency import QUESTION
from lab.benchmarks.report import Goal, Row
from lab.caller import Caller
from lab.chaos.world import World

_ERRORS = (TimeoutError, ConnectionError, rtc.ConnectError, httpx.HTTPError, SetupError, psutil.Error)
_FREEZE_SECONDS = 6.0


class Recoveries:
    """Calls in which the agent is struck while nobody speaks: from the fault to the first sound of the next one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stopped: tuple[str, int] | None = None

    async def rows(self, count: int, greetings: list[float], replies: list[float]) -> list[Row]:
        """`count` of each fault, beside this run's time to the first sound of a first agent, and to a plain reply."""
        first, reply = ("first sound", greetings), ("reply", replies)
        soon, later = Goal(0.8, "p50"), Goal(2.5, "p50")
        return [
            await self._row("job process killed", self._after(self._kill_job), count, first, soon),
            await self._row("AgentServer killed, with its jobs", self._after(self._kill_server), count, first, soon),
            await self._row("agent frozen", self._after(self._freeze_job), count, first, later),
            # What the handover adds to a reply is the silence in it.
            await self._row("reply while the server drains", self._ask_during_drain, count, reply, Goal(0.3, "added")),
        ]

    async def _row(
        self,
        name: str,
        measure: Callable[[Caller], Awaitable[float]],
        count: int,
        peer: tuple[str, list[float]],
        goal: Goal,
    ) -> Row:
        values: list[float] = []
        notes: list[str] = []
        for _ in range(count):
            try:
                values.append(await self._in_a_call(measure))
            except _ERRORS as error:
                notes.append(f"{type(error).__name__} {error}")
        return Row(name, values, peer[1], peer[0], goal=goal, failures=len(notes), notes=notes)

    async def _in_a_call(self, measure: Callable[[Caller], Awaitable[float]]) -> float:
        started = await self._world.rest.start("benchmark", openingLine="Hello there.")
        try:
            async with Caller(started.server_url, started.token) as caller:
                await caller.hear()
                await caller.silence(1.5)
                return await measure(caller)
        finally:
            await self._world.rest.end(started.session_id)
            await self._both_servers_serve()

    async def _both_servers_serve(self) -> None:
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            await self._world.back(*stopped)

    async def _stopping(self) -> tuple[psutil.Process, ...]:
        """The AgentServer of the call, which is going to stop, and its job processes."""
        part, _ = await self._world.serving()
        self._stopped = (part, self._world.registrations(part))
        return psutil.Process(self._world.stack.pid(part)), *self._world.children(part)

    def _after(self, strike: Callable[[], Awaitable[float]]) -> Callable[[Caller], Awaitable[float]]:
        async def measure(caller: Caller) -> float:
            at = await strike()
            return await caller.sound(after=at) - at

        return measure

    async def _kill_job(self) -> float:
        job = (await self._world.serving())[1]
        at = monotonic()
        job.kill()
        return at

    async def _kill_server(self) -> float:
        victims = await self._stopping()
        at = monotonic()
        for process in victims:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return at

    async def _freeze_job(self) -> float:
        job = (await self._world.serving())[1]
        at = monotonic()
        job.suspend()
        asyncio.get_running_loop().call_later(_FREEZE_SECONDS, _thaw, job)
        return at

    async def _ask_during_drain(self, caller: Caller) -> float:
        server, *_ = await self._stopping()
        server.send_signal(signal.SIGTERM)
        spoken = await caller.say(QUESTION)
        return await caller.sound(after=spoken.last_sound_at) - spoken.last_sound_at


def _thaw(job: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        job.resume()
