"""Ends an agent's job: decides when it leaves, and reports that it has left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

from agent.handover.protocol import HANDED_OVER, Incumbent
from agent.workflow_link.heartbeat import Heartbeat, Verdict
from agent.workflow_link.workflow_client import WorkflowClient
from contracts.agent import AgentOutcome, Briefing

logger = logging.getLogger("agent.handover.departure")

_FLUSH_SECONDS = 5.0
"""A leaving agent waits so long for the delivery of its last reports; below the AgentServer's own timeout."""
_SERVER_STOPS: Final = "parent process shutdown"
"""livekit-agents' reason when an AgentServer closes its jobs."""


async def wait_until_replaced(
    beating: asyncio.Task[Verdict], incumbent: Incumbent, successor_overdue: Callable[[], Coroutine[None, None, None]]
) -> str:
    """Wait until the session ends, a successor has taken over, or a successor is overdue; return the reason."""
    dismissed = asyncio.create_task(incumbent.wait_for_dismissal())
    await asyncio.wait({beating, dismissed}, return_when=asyncio.FIRST_COMPLETED)
    if not dismissed.done() and beating.result() is Verdict.SUPERSEDED:
        # The successor will ask for the floor. Until then the caller has no other agent than this one.
        overdue = asyncio.create_task(successor_overdue())
        await asyncio.wait({dismissed, overdue}, return_when=asyncio.FIRST_COMPLETED)
        overdue.cancel()
    return dismissed.result() if dismissed.done() else str(beating.result())


async def report_departure(workflow: WorkflowClient, heartbeat: Heartbeat, briefing: Briefing, reason: str) -> None:
    """Deliver the last reports, then complete the generation's activity."""
    if not await workflow.flush(_FLUSH_SECONDS):
        logger.warning("the agent of %s left before its last reports were delivered", briefing.session_id)
    await workflow.aclose()
    handed_over = reason in (HANDED_OVER, _SERVER_STOPS)
    await heartbeat.complete(AgentOutcome(generation=briefing.generation, cause=reason, handed_over=handed_over))
