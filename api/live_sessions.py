"""How many sessions live in each state: asked of Temporal once in a while, for Prometheus alone."""

from __future__ import annotations

import asyncio

from api.session_counts import SessionCounts, live_by_state
from errors import TemporalUnavailable
from telemetry.api_metrics import ApiMetrics

_EVERY_SECONDS = 10.0


async def keep_counting(counts: SessionCounts, metrics: ApiMetrics) -> None:
    """Count until it is cancelled."""
    while True:
        await count(counts, metrics)
        await asyncio.sleep(_EVERY_SECONDS)


async def count(counts: SessionCounts, metrics: ApiMetrics) -> None:
    """Tell `metrics` how many there are now, or that nobody knows."""
    try:
        metrics.live_sessions(await live_by_state(counts))
    except TemporalUnavailable:  # `/health` says so
        metrics.live_sessions(None)
