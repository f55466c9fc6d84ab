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

_TIMEOUT = timedelta(seconds=5)


def report_lost_jobs(server: AgentServer, settings: Settings) -> LostJobs:
    """Fail the task token of every job of `server` whose process has ended."""
    lost_jobs = LostJobs(settings)
    server.on("worker_started", lambda: lost_jobs.watch(getattr(server, "_proc_pool", None)))
    return lost_jobs


class LostJobs:
    """Listens to the process pool of one AgentServer.

    It fails the token always, whatever the exit code says: a job that left by itself has completed its token, and
    failing it again is refused. The pool's event is private to livekit-agents; without it heartbeats still find every
    loss, later.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sealer = Sealer(settings.livekit.api_secret.get_secret_value())
        self._connecting: asyncio.Task[Client] | None = None
        self._reports: set[asyncio.Task[None]] = set()

    def watch(self, pool: Any) -> None:
        """Report each process of `pool` that ends while it has a job."""
        if pool is None:
            logger.warning("this livekit-agents has no _proc_pool: lost jobs are noticed by their heartbeats alone")
            return
        self._connecting = asyncio.create_task(connect(self._settings.temporal))
        pool.on("process_closed", self._on_closed)

    async def settled(self) -> None:
        """Wait until every loss so far is reported."""
        await asyncio.gather(*self._reports)

    def _on_closed(self, process: Any) -> None:
        if process.running_job is not None:
            report = asyncio.create_task(self._report(process.running_job.job.metadata))
            self._reports.add(report)
            report.add_done_callback(self._reports.discard)

    async def _report(self, raw_metadata: str) -> None:
        assert self._connecting is not None  # noqa: S101  made before the pool was listened to
        metadata = DispatchMetadata.model_validate_json(raw_metadata)
        client = await asyncio.shield(self._connecting)
        handle = client.get_async_activity_handle(task_token=self._sealer.unseal(metadata.sealed_task_token))
        try:
            await handle.fail(ApplicationError("its job process ended", type="JobProcessEnded"), rpc_timeout=_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # NOT_FOUND: it had left in order
                logger.warning("could not report a lost job of %s: %s", metadata.session_id, error.status.name)
        else:
            logger.warning("the job process of %s, generation %s, ended", metadata.session_id, metadata.generation)
