"""Says when this agent host can start another job: a warm process is free, a place too, the machine not overloaded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from livekit.agents import AgentServer

from agent.host.process_pool import pool_of

logger = logging.getLogger("agent.host.capacity")

_CHECK_SECONDS = 0.05
_LATE_SECONDS = 0.25
"""The host's event loop does next to nothing: where it wakes this late, the processors are taken."""
_CALM_SECONDS = 1.0


class Capacity:
    """`jobs` and `warm` count running jobs and free warm processes now."""

    def __init__(self, jobs: Callable[[], int], warm: Callable[[], int], max_jobs: int) -> None:
        self._jobs = jobs
        self._warm = warm
        self._max_jobs = max_jobs
        self._late_at = float("-inf")
        self._is_open = True

    def close(self) -> None:
        """Take no more jobs."""
        self._is_open = False

    async def available(self, reserved: Callable[[], int]) -> None:
        """Wait until another job can start at once, beside those that are `reserved` already."""
        while not self._has_room(reserved()):  # noqa: ASYNC110  warm processes and load change without an event
            await asyncio.sleep(_CHECK_SECONDS)

    def note_lateness(self, seconds: float) -> None:
        """The host's event loop woke this late."""
        if seconds > _LATE_SECONDS:
            if monotonic() - self._late_at > _CALM_SECONDS:
                logger.warning("overloaded: the host woke %.2f s late, so it takes no job for a moment", seconds)
            self._late_at = monotonic()

    def _has_room(self, reserved: int) -> bool:
        is_calm = monotonic() - self._late_at >= _CALM_SECONDS
        return self._is_open and is_calm and reserved < min(self._max_jobs - self._jobs(), self._warm())


def capacity_of(server: AgentServer, max_jobs: int) -> Capacity:
    """The capacity of a running AgentServer. Its pool is private: without it `max_jobs` alone limits."""

    def warm() -> int:
        queue: asyncio.Queue[Any] | None = getattr(pool_of(server), "_warmed_proc_queue", None)
        return max_jobs if queue is None else queue.qsize()

    return Capacity(lambda: len(server.active_jobs), warm, max_jobs)
