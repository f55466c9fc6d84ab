"""The jobs of one agent host: their links, their processes, and their sentinel."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path

from livekit.agents import AgentServer
from livekit.agents.ipc.job_proc_executor import ProcJobExecutor
from livekit.agents.utils import shortuuid
from pydantic import ValidationError
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.interface import AgentActivities
from agent.host.hosted_job import Generation, HostedJob
from agent.host.liveness import Liveness
from agent.host.process_pool import pool_of
from agent.host.sentinel_keeper import SentinelKeeper
from agent.job_link.messages import FROM_JOB, LONGEST_LINE, Hello
from contracts.agent import AdoptRequest, AgentOutcome, JobMetadata
from contracts.failures import AGENT_NOT_SERVING, JOB_PROCESS_ENDED
from settings import Settings

logger = logging.getLogger("agent.host.jobs")

_HELLO_SECONDS = 5.0
_SETTLE_SECONDS = 2.0


class Jobs(AgentActivities):
    """From `start` to `aclose`. If the whole host ends, its sentinel reports its jobs.

    Its own worker takes adoptions, also while the host drains.
    """

    def __init__(self, server: AgentServer, settings: Settings, note_lateness: Callable[[float], None]) -> None:
        self._server = server
        self._sentinel = SentinelKeeper(settings.telemetry.log_format)
        self._jobs: dict[str, HostedJob] = {}
        self._on_launch: list[Callable[[HostedJob], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._liveness = Liveness(lambda: self._linked, note_lateness)
        self._folder = tempfile.TemporaryDirectory(prefix="agent-host-")  # mode 0700
        self._links: asyncio.Server | None = None
        self._watching: asyncio.Task[None] | None = None
        self._adopting: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self.queue = f"{settings.temporal.agent_task_queue}-{shortuuid('')}"
        """The task queue of this host alone."""

    async def start(self, client: Client) -> None:
        """Listen for jobs, and let the sentinel connect to Temporal as `client` does."""
        self._client = client
        self._links = await asyncio.start_unix_server(self._on_link, self.socket, limit=LONGEST_LINE)
        self._watching = asyncio.create_task(self._liveness.watch())
        self._sentinel.start(client)
        self._adopting = asyncio.create_task(build_adoption_worker(client, self).run())
        pool = pool_of(self._server)
        if pool is not None:
            pool.on("process_closed", self._on_closed)

    @property
    def socket(self) -> Path:
        """The socket on which jobs speak to this host."""
        return Path(self._folder.name) / "jobs.sock"

    @property
    def running(self) -> list[HostedJob]:
        """The running jobs, and those that are being launched."""
        return list(self._jobs.values())

    @property
    def _linked(self) -> list[HostedJob]:
        return [job for job in self._jobs.values() if job.is_linked]

    def on_launch(self, callback: Callable[[HostedJob], None]) -> None:
        """Call this for every job that is launched from now on."""
        self._on_launch.append(callback)

    def launch(self, generation: Generation, traceparent: str) -> tuple[HostedJob, JobMetadata]:
        """Expect this job's process, which gets the metadata; claim its generation meanwhile."""
        assert self._client is not None  # noqa: S101  launches are pulled with this client
        key = shortuuid("job_")
        self._jobs[key] = job = HostedJob(self._client, generation, key, self.queue)
        self._sentinel.started(key, generation.task_token)
        self._do(self._serve(job))
        for callback in self._on_launch:
            callback(job)
        metadata = JobMetadata(
            session_id=generation.session_id,
            generation=generation.number,
            key=key,
            socket=str(self.socket),
            traceparent=traceparent,
        )
        return job, metadata

    def serving(self, session_id: str, number: int) -> HostedJob | None:
        """The job of this generation, unless it has ended."""
        wanted = (session_id, number)
        jobs = (job for job in self.running if (job.generation.session_id, job.generation.number) == wanted)
        return next((job for job in jobs if not job.gone.is_set()), None)

    @activity.defn(name="adopt_agent")
    async def adopt_agent(self, request: AdoptRequest) -> AgentOutcome:
        """See the interface."""
        if (job := self.serving(request.session_id, request.generation)) is None:
            raise ApplicationError("its job process ended", type=JOB_PROCESS_ENDED)
        if not self.adopt(job, activity.info().task_token):
            raise ApplicationError("it is outside its room, or leaves", type=AGENT_NOT_SERVING)
        activity.raise_complete_async()

    def adopt(self, job: HostedJob, task_token: bytes) -> bool:
        """Let a job serve on under another task token; False if it does not serve."""
        if not job.adopt(task_token):
            return False
        self._sentinel.started(job.key, task_token)
        return True

    async def _serve(self, job: HostedJob) -> None:
        try:
            await job.serve()
        finally:
            del self._jobs[job.key]
            # Only now: if this process ends before, the sentinel still reports the job.
            self._sentinel.exited(job.key)

    async def settled(self) -> None:
        """Wait until the ends of all jobs so far are reported."""
        await asyncio.gather(*self._tasks)

    async def aclose(self) -> None:
        """Report the last ends; during an outage of Temporal the sentinel stays and reports them instead."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.settled(), _SETTLE_SECONDS)
        for task in (self._watching, self._adopting, *self._tasks):
            if task:
                task.cancel()
        if self._adopting:
            await asyncio.wait([self._adopting])
        if self._links:
            self._links.close()
        await self._sentinel.aclose()
        self._folder.cleanup()

    async def _on_link(self, lines: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                hello = FROM_JOB.validate_json(await lines.readline())
            job = self._jobs.get(hello.key) if isinstance(hello, Hello) else None
            if job is not None and isinstance(hello, Hello):
                await job.listen(lines, writer, hello.pid)
        except (TimeoutError, ValidationError):
            logger.warning("a job did not say which it is")
        finally:
            writer.close()

    async def kill(self, job: HostedJob) -> None:
        """End a job that is not wanted or hangs, and wait until its process has ended: it would keep its place."""
        job.end_process()
        pool = pool_of(self._server)
        for process in pool.processes if pool else ():
            if isinstance(process, ProcJobExecutor) and _key_of(process) == job.key:
                await process.kill()
        job.end()

    def _on_closed(self, process: ProcJobExecutor) -> None:
        """Notice the end of a process that had no link yet."""
        if (job := self._jobs.get(_key_of(process))) is not None:
            job.end()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def build_adoption_worker(client: Client, jobs: Jobs) -> Worker:
    """The activity worker of one host's own task queue."""
    return Worker(client, task_queue=jobs.queue, activities=[jobs.adopt_agent], max_concurrent_activity_task_polls=1)


def _key_of(process: ProcJobExecutor) -> str:
    running = process.running_job
    try:
        return JobMetadata.model_validate_json(running.job.room.metadata).key if running else ""
    except ValidationError:
        return ""
