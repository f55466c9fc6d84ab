"""Limits the number of live sessions."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.gateway.session_counts import SessionCounts
from errors import NoPlace

_VISIBLE_AFTER_SECONDS = 2.0
"""Temporal counts a session within this time of its start; until then it is counted here."""


@dataclass
class _Place:
    """A session's place. Starts of one id may be concurrent, under one Idempotency-Key."""

    starting: int = 0
    visible_from: float = 0.0
    """The time from which Temporal counts it; 0 before its start succeeded."""

    def is_counted_here(self, now: float) -> bool:
        return self.starting > 0 or self.visible_from > now


class Capacity:
    """Reserves places for new sessions. Live ones are those that Temporal counts, plus this process's latest starts.

    So one API process never exceeds `limit`. Several learn of each other through Temporal: each may exceed the limit by
    the sessions that the others start within that delay.
    """

    def __init__(self, counts: SessionCounts, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts = counts
        self._limit = limit
        self._clock = clock
        self._mine: dict[str, _Place] = {}

    @asynccontextmanager
    async def place(self, session_id: str) -> AsyncIterator[None]:
        """Reserve a place while a session starts, and keep it if the start succeeds. A repeated start shares its place.

        Raises `NoPlace`, `TemporalUnavailable`. A failed start releases only its own reservation.
        """
        if self._limit == 0:
            yield
            return
        self._forget_visible()
        earlier = self._mine.keys() - {session_id}
        if len(earlier) >= self._limit:
            raise self._refusal()  # without a query, which would list all of their ids
        place = self._mine.setdefault(session_id, _Place())
        place.starting += 1
        try:
            running = await self._counts.running(but={session_id, *earlier})
            if running + len(earlier) >= self._limit:
                raise self._refusal()
            yield
            place.visible_from = self._clock() + _VISIBLE_AFTER_SECONDS
        finally:
            place.starting -= 1
            self._forget_visible()

    def _refusal(self) -> NoPlace:
        return NoPlace(f"All {self._limit} places for sessions are taken; ask again later.")

    def _forget_visible(self) -> None:
        now = self._clock()
        self._mine = {session_id: place for session_id, place in self._mine.items() if place.is_counted_here(now)}
