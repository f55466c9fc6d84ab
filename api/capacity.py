"""How many sessions may run at once."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import HTTPException

from api.session_counts import SessionCounts

_VISIBLE_AFTER_SECONDS = 2.0
"""Temporal counts a session within this after its start was answered; until then it is counted here."""
_RETRY_AFTER_SECONDS = 5
"""Nobody knows when a session will end."""


class Capacity:
    """Gives places to new sessions: those that Temporal counts, and this process's own of the last moment.

    So one API never gives a place twice. Several know of each other by Temporal alone: each may exceed `limit` by what
    the others start within that moment.
    """

    def __init__(self, counts: SessionCounts, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts = counts
        self._limit = limit
        self._clock = clock
        self._mine: dict[str, float] = {}

    @asynccontextmanager
    async def place(self, session_id: str) -> AsyncIterator[None]:
        """A place for a session while it is started, and from then on. One that has a place already keeps it.

        Raises `HTTPException` 503, `TemporalUnavailable`; a start that fails gives its place back.
        """
        if self._limit == 0:
            yield
            return
        self._forget_visible()
        earlier = self._mine.keys() - {session_id}
        self._mine[session_id] = math.inf
        try:
            running = await self._counts.running(but={session_id, *earlier})
            if running + len(earlier) >= self._limit:
                text = f"All {self._limit} places for sessions are taken; ask again later."
                raise HTTPException(503, text, {"Retry-After": str(_RETRY_AFTER_SECONDS)})
            yield
        except BaseException:
            self._mine.pop(session_id, None)
            raise
        self._mine[session_id] = self._clock() + _VISIBLE_AFTER_SECONDS

    def _forget_visible(self) -> None:
        now = self._clock()
        self._mine = {session_id: until for session_id, until in self._mine.items() if until > now}
