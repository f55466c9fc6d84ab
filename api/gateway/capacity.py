"""How many sessions may run at once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.gateway.session_counts import SessionCounts
from errors import NoPlace

_VISIBLE_AFTER_SECONDS = 2.0
"""Temporal counts a session within this after its start was answered; until then it is counted here."""


@dataclass
class _Place:
    """What this process knows of a session's place. Starts of one id come at once: an Idempotency-Key is repeated."""

    starting: int = 0
    visible_from: float = 0.0
    """When Temporal counts it, by this object's clock; 0 while no start of it was answered."""

    def is_counted_here(self, now: float) -> bool:
        return self.starting > 0 or self.visible_from > now


class Capacity:
    """Gives places to new sessions: those that Temporal counts, and this process's own of the last moment.

    So one API never gives a place twice. Several know of each other by Temporal alone: each may exceed `limit` by what
    the others start within that moment.
    """

    def __init__(self, counts: SessionCounts, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts = counts
        self._limit = limit
        self._clock = clock
        self._mine: dict[str, _Place] = {}

    @asynccontextmanager
    async def place(self, session_id: str) -> AsyncIterator[None]:
        """A place for a session while it is started, and from then on. One that has a place already keeps it.

        Raises `NoPlace`, `TemporalUnavailable`; a start that fails gives back what it took, and no more.
        """
        if self._limit == 0:
            yield
            return
        self._forget_visible()
        earlier = self._mine.keys() - {session_id}
        if len(earlier) >= self._limit:
            raise self._refusal()  # without a question to Temporal, which would name them all
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
