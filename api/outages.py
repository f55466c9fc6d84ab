"""What it looks like when Temporal does not answer, and what is said of it."""

from __future__ import annotations

import asyncio

from temporalio.client import Client, RPCTimeoutOrCancelledError
from temporalio.service import RPCError

from settings import TemporalSettings

LOST = (TimeoutError, RPCTimeoutOrCancelledError, RPCError, RuntimeError)
"""What a call to Temporal that got no answer raises; RuntimeError is the SDK's when its first connection fails."""

_PING_SECONDS = 0.5


def unreachable(settings: TemporalSettings) -> str:
    """The sentence for it."""
    return f"Temporal is unreachable at {settings.address}."


async def is_reachable(client: Client) -> bool:
    """Whether Temporal answers now; then it was a worker that did not."""
    try:
        async with asyncio.timeout(_PING_SECONDS):
            return await client.service_client.check_health()
    except LOST:
        return False
