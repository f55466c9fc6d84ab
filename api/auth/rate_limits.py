"""Limits the rate of requests and of starts by caller, in this process only: n API processes allow n times as many.

Uses `limits`, the engine of slowapi, directly: the caller is known in a dependency, after slowapi's decorators run.
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
    """Counts the requests and starts of each caller. Raises `SetupError` for invalid limits."""

    def __init__(self, settings: ApiSettings) -> None:
        self._requests = _parse(settings.rate_limit, "API_RATE_LIMIT")
        self._starts = _parse(settings.start_rate_limit, "API_START_RATE_LIMIT")
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def count_request(self, who: str) -> None:
        """Count a request. Raises `HTTPException` 429."""
        await self._count("requests", self._requests, who)

    async def count_start(self, who: str) -> None:
        """Count a start. Raises `HTTPException` 429."""
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
    """Parse `10/second; 100/minute`, the notation of `limits`. An empty text has no limits."""
    try:
        limits = tuple(parse_many(text)) if text else ()
    except ValueError:
        pass
    else:
        if all(limit.amount > 0 and limit.multiples > 0 for limit in limits):
            return limits
    raise SetupError(f"{setting}: '{text}' is not a rate; write 10/second, or 10/second; 100/minute.")
