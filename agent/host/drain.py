"""An AgentServer that is to stop hands its sessions over instead of hanging up."""

from __future__ import annotations

import asyncio
import logging
import math
from datetime import timedelta
from typing import Any

from livekit.agents import AgentServer
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from agent.host.lost_jobs import JobWatch
from connections.temporal_client import LazyClient
from contracts.agent import DrainRequest, JobMetadata
from workflows.voice_session import VoiceSession

logger = logging.getLogger("agent.host.drain")

_RPC_TIMEOUT = timedelta(seconds=3)
_RETRY_SECONDS = 0.5


async def drain(server: AgentServer, jobs: JobWatch, seconds: float) -> None:
    """Refuse new jobs, ask the sessions of the running ones for other agents, and wait until all jobs have left.

    Returns after `seconds` at the latest; what still runs then is the caller's to close. Jobs that had been accepted
    before and start only now are asked to go like the others.
    """
    asking: set[asyncio.Task[None]] = set()

    def ask(job: JobMetadata) -> None:
        asking.add(asyncio.create_task(_ask_for_successor(jobs.temporal, job)))

    jobs.on_launch(ask)
    for job in jobs.running:
        ask(job)
    try:
        # livekit-agents tells LiveKit that it is full, declines what is offered all the same, and waits for its jobs.
        await server.drain(timeout=math.ceil(seconds))
        logger.info("drained: nothing runs here any more")
    except TimeoutError:
        logger.warning("still serving %d sessions after %g s: leaving them", len(jobs.running), seconds)
    finally:
        for task in asking:
            task.cancel()


async def _ask_for_successor(temporal: LazyClient, job: JobMetadata) -> None:
    """Signal it until Temporal has it; nothing is lost meanwhile, since the agent speaks on."""
    client = await temporal.get()
    session: WorkflowHandle[VoiceSession, Any] = client.get_workflow_handle_for(VoiceSession.run, job.session_id)
    while True:
        try:
            await session.signal(VoiceSession.drain, DrainRequest(generation=job.generation), rpc_timeout=_RPC_TIMEOUT)
        except (RPCError, RuntimeError) as error:  # RuntimeError: the first connection could not be made
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                return  # the session is over
            logger.warning("Temporal does not take the drain of %s yet: %s", job.session_id, error)
        else:
            logger.info("asked for a successor of %s, generation %s", job.session_id, job.generation)
            return
        await asyncio.sleep(_RETRY_SECONDS)
