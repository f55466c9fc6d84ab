"""Watches the jobs of an AgentServer and reports a failed job process at once, before its heartbeat times out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta

from livekit.agents import AgentServer
from livekit.agents.ipc.job_proc_executor import ProcJobExecutor
from livekit.agents.ipc.proc_pool import ProcPool
from temporalio.service import RPCError

from agent.host.process_pool import pool_of
from agent.host.sentinel_keeper import SentinelKeeper
from agent.host.task_tokens import fail_token
from connections.temporal_client import LazyClient
from contracts.agent import JobMetadata
from contracts.failures import JOB_PROCESS_ENDED
from settings import Settings

logger = logging.getLogger("agent.host.job_watch")

_CONNECT_TIMEOUT = timedelta(seconds=5)
_SETTLE_SECONDS = 2.0


class JobWatch:
    """Follows the running jobs of one AgentServer by the events of its process pool.

    Reports a job whose process fails; the sentinel reports all jobs when the whole AgentServer ends. A process with
    exit code 0 is not reported: it has completed its token. Without the events of the pool
    heartbeat timeouts find every failure, later.
    """

    def __init__(self, server: AgentServer, settings: Settings) -> None:
        self.temporal = LazyClient(settings.temporal)
        self._sentinel = SentinelKeeper(settings.telemetry.log_format)
        self._running: dict[str, JobMetadata] = {}
        self._on_launch: list[Callable[[JobMetadata], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        server.on("worker_started", lambda: self._watch(pool_of(server)))

    @property
    def running(self) -> list[JobMetadata]:
        """The running jobs."""
        return list(self._running.values())

    def on_launch(self, callback: Callable[[JobMetadata], None]) -> None:
        """Call this for every job that starts from now on."""
        self._on_launch.append(callback)

    async def settled(self) -> None:
        """Wait until every failure so far is reported."""
        await asyncio.gather(*self._tasks)

    async def aclose(self) -> None:
        """Report the last failures; during an outage of Temporal the sentinel stays and reports them instead."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.settled(), _SETTLE_SECONDS)
        await self._sentinel.aclose()

    def _watch(self, pool: ProcPool | None) -> None:
        if pool is None:
            logger.warning("livekit-agents has no _proc_pool: only heartbeat timeouts find failed jobs")
            return
        pool.on("process_job_launched", self._launched)
        pool.on("process_closed", self._closed)
        self._do(self._prepare())

    async def _prepare(self) -> None:
        client = await self.temporal.get()
        self._sentinel.start(client)
        with suppress(RPCError, RuntimeError):  # an outage: the first report connects
            await client.service_client.check_health(timeout=_CONNECT_TIMEOUT)

    def _launched(self, process: ProcJobExecutor) -> None:
        if process.running_job is None:
            return
        job = process.running_job.job
        metadata = JobMetadata.model_validate_json(job.room.metadata)
        self._running[job.id] = metadata
        self._sentinel.started(job.id, bytes.fromhex(metadata.task_token))
        for callback in self._on_launch:
            callback(metadata)

    def _closed(self, process: ProcJobExecutor) -> None:
        job = process.running_job and process.running_job.job
        if not job or not (metadata := self._running.pop(job.id, None)):
            return
        if process.exitcode == 0:
            self._sentinel.exited(job.id)
        else:
            self._do(self._report(job.id, metadata))

    async def _report(self, job_id: str, metadata: JobMetadata) -> None:
        client = await self.temporal.get()
        was_open = await fail_token(
            client.workflow_service,
            client.namespace,
            bytes.fromhex(metadata.task_token),
            failure_type=JOB_PROCESS_ENDED,
            message="its job process ended",
        )
        if was_open:
            logger.warning("the job process of %s, generation %s, failed", metadata.session_id, metadata.generation)
        # Only now: if this process ends before, the sentinel still reports the job.
        self._sentinel.exited(job_id)

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
