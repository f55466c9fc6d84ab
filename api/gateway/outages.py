"""What it looks like when Temporal does not answer, and what is said of it."""

from __future__ import annotations

import asyncio
import logging
import time

from temporalio.client import Client, RPCTimeoutOrCancelledError
from temporalio.service import RPCError

from settings import TemporalSettings

_log = logging.getLogger(__name__)

LOST = (TimeoutError, RPCTimeoutOrCancelledError, RPCError, RuntimeError)
"""What a call to Temporal that got no answer raises; RuntimeError is the SDK's when its first connection fails."""

_PING_SECONDS = 0.5
_TOLD_AGAIN_SECONDS = 60.0


_told_at = float("-inf")


def unreachable(settings: TemporalSettings) -> str:
    """The sentence for it. Where it should be is for our log alone, and there not once for each who asks."""
    global _told_at  # noqa: PLW0603  a process has one log
    if (now := time.monotonic()) - _told_at > _TOLD_AGAIN_SECONDS:
        _told_at = now
        _log.warning("Temporal is unreachable at %s", settings.address)
    return "Temporal is unreachable."


async def is_reachable(client: Client) -> bool:
    """Whether Temporal answers now; then it was a worker that did not."""
    try:
        async with asyncio.timeout(_PING_SECONDS):
            return await client.service_client.check_health()
    except LOST:
        return False
