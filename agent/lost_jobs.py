"""A job process that ends is reported at once by its AgentServer, instead of by a heartbeat that stays out."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from livekit.agents import AgentServer
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from contracts import DispatchMetadata
from sealing import Sealer
from settings import Settings
from temporal_client import connect

logger = logging.getLogger("agent.lost_jobs")


def report_lost_jobs(server: AgentServer, settings: Settings) -> None:
    """Fail the task token of every job whose process has ended.

    Always, whatever the exit code says: a job that left by itself has completed its token, and failing it again is
    refused. The pool's event is private to livekit-agents; without it heartbeats still find every loss, later.
    """
    sealer = Sealer(settings.livekit.api_secret.get_secret_value())
    tasks: set[asyncio.Task[None]] = set()

    @server.on("worker_started")
    def _listen() -> None:
        pool = getattr(server, "_proc_pool", None)
        if pool is None:
            logger.warning("this livekit-agents has no _proc_pool: lost jobs are noticed by their heartbeats alone")
            return
        connecting = asyncio.create_task(connect(settings.temporal))

        def on_closed(process: Any) -> None:
            if process.running_job is not None:
                task = asyncio.create_task(_fail(connecting, sealer, process.running_job.job.metadata))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        pool.on("process_closed", on_closed)


async def _fail(connecting: asyncio.Task[Client], sealer: Sealer, raw_metadata: str) -> None:
    metadata = DispatchMetadata.model_validate_json(raw_metadata)
    client = await asyncio.shield(connecting)
    handle = client.get_async_activity_handle(task_token=sealer.unseal(metadata.sealed_task_token))
    try:
        await handle.fail(
            ApplicationError("its job process ended", type="JobProcessEnded"), rpc_timeout=timedelta(seconds=5)
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # NOT_FOUND: it had left in order
            logger.warning("could not report a lost job of %s: %s", metadata.session_id, error.status.name)
    else:
        logger.warning("the job process of %s, generation %s, ended", metadata.session_id, metadata.generation)
