"""Tells a job that stands still from a machine that is too busy to run anything in time.

The host counts only time in which it ran punctually itself: where its own clock is late, all jobs may be late together,
and nobody is dead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from time import monotonic

from agent.host.hosted_job import HostedJob

logger = logging.getLogger("agent.host.liveness")

_CHECK_SECONDS = 0.25
_LATE_SECONDS = 0.15
_SILENCE_SECONDS = 2.0
"""A process ticks from a thread twice a second, so a busy one is heard as well."""
_LOOP_SECONDS = 15.0
"""An event loop that is stuck for so long does not come back: blocking calls in it have shorter timeouts."""


class Liveness:
    """Watches the jobs of one host. `overloaded` is called with each lateness of the host's own event loop."""

    def __init__(self, jobs: Callable[[], Iterable[HostedJob]], note_lateness: Callable[[float], None]) -> None:
        self._jobs = jobs
        self._note_lateness = note_lateness

    async def watch(self) -> None:
        """Kill jobs that stand still, until cancelled."""
        while True:
            due_at = monotonic() + _CHECK_SECONDS
            await asyncio.sleep(_CHECK_SECONDS)
            self.check(max(0.0, monotonic() - due_at))

    def check(self, late_seconds: float) -> None:
        """One check, `late_seconds` after its time."""
        self._note_lateness(late_seconds)
        if late_seconds > _LATE_SECONDS:
            return
        for job in self._jobs():
            job.silent_seconds += _CHECK_SECONDS
            if job.silent_seconds >= _SILENCE_SECONDS or job.loop_late_seconds >= _LOOP_SECONDS:
                job.end_for_standing_still()
