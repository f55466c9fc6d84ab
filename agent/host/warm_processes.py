"""Delays the start of the next warm process, which would slow down the job that has just started."""

from __future__ import annotations

import asyncio

from livekit.agents import AgentServer
from livekit.agents.ipc.proc_pool import ProcPool

from agent.host.process_pool import pool_of

_PAUSE_SECONDS = 1.0
"""Twice the time from a job's request to its first sound. A starting process occupies a core for longer."""


class WarmProcesses:
    """The warm processes of one AgentServer. Without access to its pool nothing is delayed."""

    def __init__(self, server: AgentServer, count: int) -> None:
        self._server = server
        self._count = count
        self._timer: asyncio.TimerHandle | None = None

    def pause_spawning(self) -> None:
        """Start no warm process while a job starts. A job without a warm process still gets a new one."""
        pool = pool_of(self._server)
        if pool is not None and self._timer is None:
            pool.set_target_idle_processes(0)
            self._timer = asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._resume, pool)

    def _resume(self, pool: ProcPool) -> None:
        self._timer = None
        pool.set_target_idle_processes(self._count)
