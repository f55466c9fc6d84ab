"""Admission: how long launches wait for an agent host. A start that would wait too long is refused at once."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from api.gateway.session_counts import QueuedLaunches, SessionCounts
from contracts.statuses import SessionStatus
from errors import NoPlace, TemporalUnavailable

_log = logging.getLogger(__name__)

_ANSWER_SECONDS: Final = 0.2
_FRESH_SECONDS: Final = 1.0
_OUTDATED_SECONDS: Final = 6.0
"""Temporal keeps the age of a queue for five seconds, and so may show launches that a host has removed by now."""
_LONGEST_RETRY_SECONDS: Final = 60
_SERVED: Final = (SessionStatus.WAITING, SessionStatus.ACTIVE, SessionStatus.RECONNECTING)

T = TypeVar("T")


class AgentQueue:
    """The task queue that agent hosts pull from. Temporal is asked once a second, however many start."""

    def __init__(self, counts: SessionCounts) -> None:
        self._counts = counts
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._queue = QueuedLaunches()
        self._refusals: dict[float, str | None] = {}

    async def admit(self, longest: float | None) -> None:
        """Raise `NoPlace` if the oldest launch waits for longer than this caller will; None waits for any time."""
        if longest is None:
            return
        async with self._asking:
            if time.monotonic() - self._asked_at > _FRESH_SECONDS:
                # Where Temporal does not say, the start itself fails.
                self._queue = await _answer(self._counts.queued(), QueuedLaunches())
                self._asked_at = time.monotonic()
                self._refusals = {}
            queue = self._queue
            if queue.oldest_seconds <= longest:
                return
            if longest not in self._refusals:
                self._refusals[longest] = await _answer(self._refusal(queue, longest), _busy(queue))
            refusal = self._refusals[longest]
        if refusal is not None:
            # No host has been free for that long, so about as long again is the best guess.
            raise NoPlace(refusal, min(math.ceil(queue.oldest_seconds), _LONGEST_RETRY_SECONDS))

    async def _refusal(self, queue: QueuedLaunches, longest: float) -> str | None:
        """The reason to refuse a start; None if nobody waits: hosts poll, and the launches are of ended sessions."""
        if queue.polled_at is None:
            served = await asyncio.gather(*(self._counts.in_state(state, None) for state in _SERVED))
            return _busy(queue) if any(served) else _NO_HOST  # a host that is full does not poll
        has_just_polled = time.time() - queue.polled_at < _OUTDATED_SECONDS
        if has_just_polled and not await self._counts.starting_for(longest):
            return None
        return _busy(queue)


_NO_HOST: Final = "No agent host is running, so no agent can come; start one (python -m agent), then ask again."


def _busy(queue: QueuedLaunches) -> str:
    return f"All agents are busy: callers wait {queue.oldest_seconds:.0f} s for one; ask again later."


async def _answer(question: Coroutine[Any, Any, T], otherwise: T) -> T:
    """Temporal's answer, or `otherwise` where it is away or slow: a refusal takes less than half a second."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await question
    except (TimeoutError, TemporalUnavailable) as error:
        _log.warning("Temporal does not say how long launches wait for an agent: %s", type(error).__name__)
        return otherwise
