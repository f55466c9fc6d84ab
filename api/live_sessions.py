"""How many sessions live in each state: asked of Temporal once in a while, for Prometheus alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.service import RPCError

from contracts import SessionState
from telemetry.api_metrics import LIVE_STATES, ApiMetrics
from temporal_client import LazyClient

_EVERY_SECONDS = 10.0
_RPC_TIMEOUT = timedelta(seconds=5)


async def keep_counting(client: LazyClient, metrics: ApiMetrics) -> None:
    """Until it is cancelled. A count of each state is all that visibility offers, and cheap: it has an index for it."""
    while True:
        metrics.live_sessions(await _counts(client))
        await asyncio.sleep(_EVERY_SECONDS)


async def _counts(client: LazyClient) -> dict[SessionState, int] | None:
    temporal = await client.get()
    counting = (
        temporal.count_workflows(
            f'WorkflowType = "VoiceSession" AND ExecutionStatus = "Running" AND SessionState = "{state}"',
            rpc_timeout=_RPC_TIMEOUT,
        )
        for state in LIVE_STATES
    )
    try:
        return {state: found.count for state, found in zip(LIVE_STATES, await asyncio.gather(*counting), strict=True)}
    except (RPCError, RuntimeError):  # Temporal is away; `/health` says so
        return None
