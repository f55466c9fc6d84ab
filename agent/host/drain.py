"""Drains an AgentServer before it stops: every session gets a successor elsewhere, and no call is cut off."""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import suppress
from datetime import timedelta
from typing import Any

from livekit.agents import AgentServer
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError
from tenacity import wait_fixed

from agent.host.hosted_job import HostedJob
from agent.host.jobs import Jobs
from agent.workflow_link.retries import retry_outages
from contracts.agent import DrainRequest
from workflows.voice_session import VoiceSession

logger = logging.getLogger("agent.host.drain")

_RPC_TIMEOUT = timedelta(seconds=3)
_RETRY_SECONDS = 0.5
_HANDOVER_SECONDS = 6.0
"""A handover takes 1 to 3 s and the rest of a sentence. The next one begins after so long at the latest."""


async def drain(server: AgentServer, jobs: Jobs, seconds: float) -> None:
    """Refuse new jobs, ask the sessions of running jobs for successors, and wait until all jobs have left.

    One after the other, or a few at a time where there are many: successors that all start at once would take the
    processors away from calls. Returns after `seconds` at the latest; the caller closes the jobs that still run then.
    A job that was accepted earlier and starts only now is drained too.
    """
    asking: set[asyncio.Task[None]] = set()
    at_a_time = asyncio.Semaphore(max(1, math.ceil(len(jobs.running) * _HANDOVER_SECONDS / seconds)))

    async def hand_over(job: HostedJob) -> None:
        async with at_a_time:
            if job.gone.is_set():
                return
            await _ask_for_successor(job)
            with suppress(TimeoutError):
                await asyncio.wait_for(job.gone.wait(), _HANDOVER_SECONDS)

    def ask(job: HostedJob) -> None:
        asking.add(asyncio.create_task(hand_over(job)))

    jobs.on_launch(ask)
    for job in jobs.running:
        ask(job)
    try:
        # livekit-agents reports itself as full to LiveKit, declines further offers, and waits for its jobs.
        await server.drain(timeout=math.ceil(seconds))
        logger.info("drained: no job is running")
    except TimeoutError:
        logger.warning("still serving %d sessions after %g s: leaving them", len(jobs.running), seconds)
    finally:
        for task in asking:
            task.cancel()


async def _ask_for_successor(job: HostedJob) -> None:
    """Signal the session until Temporal accepts it; the agent keeps serving meanwhile."""
    generation = job.generation
    session: WorkflowHandle[VoiceSession, Any] = job.client.get_workflow_handle_for(
        VoiceSession.run, generation.session_id
    )
    retrying = retry_outages(logger, f"the drain of {generation.session_id}", wait_fixed(_RETRY_SECONDS))
    request = DrainRequest(generation=generation.number)
    with suppress(RPCError):  # NOT_FOUND: the session has ended
        await retrying(session.signal, VoiceSession.drain, request, rpc_timeout=_RPC_TIMEOUT)
        logger.info("asked for a successor of %s", generation)
