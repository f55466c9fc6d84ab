"""The jobs of an AgentServer; those that are lost are reported at once, instead of by a heartbeat that stays out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

from livekit.agents import AgentServer
from temporalio.service import RPCError

from agent.host.sentinel_keeper import SentinelKeeper
from agent.host.task_tokens import fail_token
from connections.dispatch_seal import Sealer
from connections.temporal_client import LazyClient
from contracts.agent import DispatchMetadata
from contracts.failures import JOB_PROCESS_ENDED
from errors import OrchestratorError
from settings import Settings

logger = logging.getLogger("agent.host.lost_jobs")

_CONNECT_TIMEOUT = timedelta(seconds=5)
_SETTLE_SECONDS = 2.0


class JobWatch:
    """Knows which jobs run on one AgentServer, from the events of its process pool.

    A job whose process dies is reported lost here; what runs when the whole AgentServer dies is reported by its
    sentinel. One that exits in order is no loss: it has completed its token, or had no right to it, as the second job
    of a generation that was dispatched twice, for both carry the same token. The pool's events are private to
    livekit-agents; without them heartbeats still find every loss, later.
    """

    def __init__(self, server: AgentServer, settings: Settings) -> None:
        self.temporal = LazyClient(settings.temporal)
        self._sealer = Sealer(settings.livekit.api_secret.get_secret_value())
        self._sentinel = SentinelKeeper(settings.telemetry.log_format)
        self._running: dict[str, DispatchMetadata] = {}
        self._on_launch: list[Callable[[DispatchMetadata], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        server.on("worker_started", lambda: self._watch(getattr(server, "_proc_pool", None)))

    @property
    def running(self) -> list[DispatchMetadata]:
        """The jobs that run now."""
        return list(self._running.values())

    @property
    def sentinel_pid(self) -> int | None:
        """The process id of this AgentServer's sentinel; None before it has started."""
        return self._sentinel.pid

    def on_launch(self, callback: Callable[[DispatchMetadata], None]) -> None:
        """Call this for every job that starts from now on."""
        self._on_launch.append(callback)

    async def settled(self) -> None:
        """Wait until every loss so far is reported."""
        await asyncio.gather(*self._tasks)

    async def aclose(self) -> None:
        """The AgentServer has closed its jobs. Where Temporal is away, the sentinel stays to report them, not this."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.settled(), _SETTLE_SECONDS)
        await self._sentinel.aclose()

    def _watch(self, pool: Any) -> None:
        if pool is None:
            logger.warning("this livekit-agents has no _proc_pool: lost jobs are noticed by their heartbeats alone")
            return
        pool.on("process_job_launched", self._launched)
        pool.on("process_closed", self._closed)
        self._do(self._prepare())

    async def _prepare(self) -> None:
        client = await self.temporal.get()
        self._sentinel.start(client)
        with suppress(RPCError, RuntimeError):  # Temporal is away: the first report connects
            await client.service_client.check_health(timeout=_CONNECT_TIMEOUT)

    def _launched(self, process: Any) -> None:
        job = process.running_job.job
        metadata = DispatchMetadata.model_validate_json(job.metadata)
        try:
            task_token = self._sealer.unseal(metadata.sealed_task_token)
        except OrchestratorError:
            return  # the job itself refuses it, and says why
        self._running[job.id] = metadata
        self._sentinel.running(job.id, task_token)
        for callback in self._on_launch:
            callback(metadata)

    def _closed(self, process: Any) -> None:
        job = process.running_job and process.running_job.job
        if not job or not (metadata := self._running.pop(job.id, None)):
            return
        if process.exitcode == 0:
            self._sentinel.exited(job.id)
        else:
            self._do(self._report(job.id, metadata))

    async def _report(self, job_id: str, metadata: DispatchMetadata) -> None:
        client = await self.temporal.get()
        lost = await fail_token(
            client.workflow_service,
            client.namespace,
            self._sealer.unseal(metadata.sealed_task_token),
            failure_type=JOB_PROCESS_ENDED,
            message="its job process ended",
        )
        if lost:
            logger.warning("the job process of %s, generation %s, ended", metadata.session_id, metadata.generation)
        # Only now: were this process to die before, the sentinel would still know.
        self._sentinel.exited(job_id)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
