"""An AgentServer keeps warm processes; making the next one must not take the processor from the one just put to use."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import AgentServer

_PAUSE_SECONDS = 1.0
"""From the request of a job to its first sound it takes half of this; a process that starts takes a core for longer."""


class WarmProcesses:
    """Those of one AgentServer. Its pool is private to livekit-agents; without it processes start at once, as ever."""

    def __init__(self, server: AgentServer, count: int) -> None:
        self._server = server
        self._count = count
        self._timer: asyncio.TimerHandle | None = None

    def pause_spawning(self) -> None:
        """A job is about to begin. A job that finds no warm process is given a new one all the same."""
        pool: Any = getattr(self._server, "_proc_pool", None)
        if pool is not None and self._timer is None:
            pool.set_target_idle_processes(0)
            self._timer = asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._resume, pool)

    def _resume(self, pool: Any) -> None:
        self._timer = None
        pool.set_target_idle_processes(self._count)
