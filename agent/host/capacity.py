"""How many more jobs this host can carry: free warm processes, AGENT_MAX_JOBS, and a machine that is not overloaded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from livekit.agents import AgentServer

logger = logging.getLogger("agent.host.capacity")

_CHECK_SECONDS = 0.05
_LATE_SECONDS = 0.25
"""The host's event loop does next to nothing: where it wakes this late, the processors are taken."""
_CALM_SECONDS = 1.0


class Capacity:
    """Watches the pool of one AgentServer, and the host's own event loop as a measure of the machine's load.

    The pool is private to livekit-agents; without it AGENT_MAX_JOBS alone limits.
    """

    def __init__(self, server: AgentServer, max_jobs: int) -> None:
        self._server = server
        self._max_jobs = max_jobs
        self._late_at = float("-inf")
        self._is_open = True

    def close(self) -> None:
        """Take no more jobs: the host drains."""
        self._is_open = False

    async def available(self, reserved: Callable[[], int]) -> None:
        """Wait until another job can start at once, beside those that are `reserved` already."""
        while not self._has_room(reserved()):
            woken_at = monotonic() + _CHECK_SECONDS
            await asyncio.sleep(_CHECK_SECONDS)
            self._note(monotonic() - woken_at)

    def _note(self, late_seconds: float) -> None:
        if late_seconds > _LATE_SECONDS:
            if monotonic() - self._late_at > _CALM_SECONDS:
                logger.warning("overloaded: the host woke %.2f s late, so it takes no job", late_seconds)
            self._late_at = monotonic()

    def _has_room(self, reserved: int) -> bool:
        if not self._is_open or monotonic() - self._late_at < _CALM_SECONDS:
            return False
        return len(self._server.active_jobs) + reserved < self._max_jobs and reserved < self._warm()

    def _warm(self) -> int:
        pool: Any = getattr(self._server, "_proc_pool", None)
        queue = getattr(pool, "_warmed_proc_queue", None)
        return self._max_jobs if queue is None else int(queue.qsize())
