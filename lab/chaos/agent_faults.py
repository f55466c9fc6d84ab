"""Faults of the agent that serves a call, injected by process id; for chaos and for benchmarks."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from time import monotonic

import psutil

from lab.chaos.world import World


class AgentFaults:
    """Each method injects a fault and returns the monotonic time just before; its repair goes on in the background.

    All raise `TimeoutError` when no agent serves the session.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._repairs: list[asyncio.Task[None]] = []

    @property
    def repairing(self) -> bool:
        """True while a part is not back."""
        return any(not task.done() for task in self._repairs)

    async def repaired(self) -> None:
        """Wait until every part is back. Raises `SetupError` or `TimeoutError` when one does not come back."""
        tasks, self._repairs = self._repairs, []
        await asyncio.gather(*tasks)

    async def kill_job(self, session_id: str) -> float:
        """SIGKILL the job process."""
        _, job = await self._world.serving(session_id)
        at = monotonic()
        job.kill()
        return at

    async def freeze_job(self, session_id: str, seconds: float) -> float:
        """SIGSTOP the job process, SIGCONT it after `seconds`."""
        _, job = await self._world.serving(session_id)
        at = monotonic()
        job.suspend()
        self._repair(_resume([job], seconds))
        return at

    async def kill_agent_server(self, session_id: str) -> float:
        """SIGKILL the AgentServer and its job processes."""
        part, _ = await self._world.serving(session_id)
        server, jobs = psutil.Process(self._world.stack.pid(part)), self._world.children(part)
        before = self._world.host_starts(part)
        at = monotonic()
        for process in (server, *jobs):  # the server first, or it would report its jobs' end
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._repair(self._world.back(part, before))
        return at

    async def freeze_host(self, session_id: str, seconds: float) -> float:
        """SIGSTOP the AgentServer, its job processes and its sentinel, as a machine that hangs; SIGCONT later."""
        part, _ = await self._world.serving(session_id)
        server = psutil.Process(self._world.stack.pid(part))
        everyone = [server, *server.children(recursive=True)]
        at = monotonic()
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        self._repair(_resume(everyone, seconds))
        return at

    async def drain(self, session_id: str) -> float:
        """SIGTERM the AgentServer: it hands its call over."""
        part, _ = await self._world.serving(session_id)
        before = self._world.host_starts(part)
        at = monotonic()
        psutil.Process(self._world.stack.pid(part)).send_signal(signal.SIGTERM)
        self._repair(self._world.back(part, before))
        return at

    def _repair(self, work: Awaitable[None]) -> None:
        async def repair() -> None:
            await work

        self._repairs.append(asyncio.create_task(repair()))


async def _resume(processes: Sequence[psutil.Process], seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
