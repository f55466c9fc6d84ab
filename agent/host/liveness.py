"""Tells a job that stands still from a machine that is too busy to run anything in time.

The host counts only time in which it ran punctually itself: where its own clock is late, all jobs may be late together,
and nobody is dead.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic

from agent.host.hosted_job import HostedJob

_CHECK_SECONDS = 0.25
_LATE_SECONDS = 0.15
_SILENCE_SECONDS = 2.0
"""A process ticks from a thread twice a second, so a busy one is heard as well."""
_HIGH_PRESSURE = 60.0
"""Percent of the last ten seconds in which something waited for a processor."""
_PATIENCE = 3
"""Times the silence under high pressure: a process that is starting up may hold its interpreter for that long."""
_PRESSURE = Path("/proc/pressure/cpu")
_LOOP_SECONDS = 15.0
"""An event loop that is stuck for so long does not come back: blocking calls in it have shorter timeouts."""


class Liveness:
    """Watches the jobs of one host. `note_lateness` is called with each lateness of the host's own event loop."""

    def __init__(
        self,
        jobs: Callable[[], Iterable[HostedJob]],
        note_lateness: Callable[[float], None],
        pressure: Callable[[], float] | None = None,
    ) -> None:
        self._jobs = jobs
        self._pressure = pressure or cpu_pressure
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
        patience = _SILENCE_SECONDS * (_PATIENCE if self._pressure() > _HIGH_PRESSURE else 1)
        for job in self._jobs():
            job.silent_seconds += _CHECK_SECONDS
            if job.silent_seconds >= patience or job.loop_late_seconds >= _LOOP_SECONDS:
                job.end_for_standing_still()


def cpu_pressure() -> float:
    """Percent of the last ten seconds in which something waited for a processor; 0 where Linux does not say."""
    try:
        found = re.search(r"some avg10=([0-9.]+)", _PRESSURE.read_text())
    except OSError:
        return 0.0
    return float(found[1]) if found else 0.0
