"""How often somebody may ask. Counted in this process alone, since the API shares no state: n processes allow n times.

By `limits`, the engine of slowapi: who asks is known once the key is, in a dependency, where slowapi's decorators
and middleware do not reach.
"""

from __future__ import annotations

import math
import time

from fastapi import HTTPException
from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from errors import SetupError
from settings import ApiSettings


class RateLimits:
    """Counts requests and starts of each caller. Raises `SetupError` for limits that cannot be read."""

    def __init__(self, settings: ApiSettings) -> None:
        self._requests = _parse(settings.rate_limit, "API_RATE_LIMIT")
        self._starts = _parse(settings.start_rate_limit, "API_START_RATE_LIMIT")
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def count_request(self, who: str) -> None:
        """One more request. Raises `HTTPException` 429."""
        await self._count("requests", self._requests, who)

    async def count_start(self, who: str) -> None:
        """One more start of a session. Raises `HTTPException` 429."""
        await self._count("starts", self._starts, who)

    async def _count(self, what: str, limits: tuple[RateLimitItem, ...], who: str) -> None:
        for limit in limits:
            if not await self._limiter.hit(limit, what, who):
                free_at = (await self._limiter.get_window_stats(limit, what, who)).reset_time
                seconds = max(1, math.ceil(free_at - time.time()))
                text = f"More than {limit.amount} {what} per {_window(limit)}; ask again in {seconds} s."
                raise HTTPException(429, text, {"Retry-After": str(seconds)})


def _window(limit: RateLimitItem) -> str:
    name = limit.GRANULARITY.name
    return name if limit.multiples == 1 else f"{limit.multiples} {name}s"


def _parse(text: str, setting: str) -> tuple[RateLimitItem, ...]:
    """`10/second; 100/minute`, in the notation of `limits`; none for an empty text."""
    try:
        limits = tuple(parse_many(text)) if text else ()
    except ValueError:
        pass
    else:
        if all(limit.amount > 0 and limit.multiples > 0 for limit in limits):
            return limits
    raise SetupError(f"{setting}: '{text}' is no rate; write 10/second, or 10/second; 100/minute.")
