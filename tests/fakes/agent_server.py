"""An AgentServer and its process pool, whose jobs the test starts and ends, and a sentinel that records its input."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import AgentServer
from livekit.agents.ipc.job_proc_executor import ProcJobExecutor
from livekit.agents.ipc.proc_pool import ProcPool
from livekit.agents.job import JobAcceptArguments, RunningJobInfo
from livekit.agents.utils import EventEmitter
from livekit.protocol.agent import Job
from livekit.protocol.models import Room
from temporalio.client import Client

from agent.host.sentinel_keeper import SentinelKeeper
from contracts.agent import JobMetadata

SECRET = "a secret of at least thirty-two characters"


class FakeProcess(ProcJobExecutor):
    """The process of a job."""

    def __init__(self, metadata: JobMetadata):
        self.was_killed = False
        self.own = RunningJobInfo(
            accept_arguments=JobAcceptArguments(name="agent", identity="agent_3_AJ", metadata=""),
            job=Job(room=Room(metadata=metadata.model_dump_json())),
            url="ws://127.0.0.1:1",
            token="",
            worker_id="AW_1",
            fake_job=False,
        )

    running_job = property(lambda self: self.own)

    async def kill(self) -> None:
        self.was_killed = True


class FakePool(ProcPool):
    """Records how many idle processes it should keep."""

    def __init__(self) -> None:
        EventEmitter.__init__(self)
        self.targets: list[int] = []
        self.jobs: list[Any] = []
        self.restored = asyncio.Event()

    processes = property(lambda self: self.jobs)

    def set_target_idle_processes(self, num_idle_processes: int) -> None:
        self.targets.append(num_idle_processes)
        if num_idle_processes:
            self.restored.set()


class FakeServer(AgentServer):
    """Never runs. It drains until `last_left` is set, or at once with a TimeoutError if `times_out`."""

    def __init__(self, *, has_pool: bool = True) -> None:
        super().__init__()
        self.pool = FakePool()
        if has_pool:
            self._proc_pool = self.pool
        self.last_left = asyncio.Event()
        self.times_out = False
        self.drain_timeout: object = None

    async def drain(self, timeout: object = None) -> None:  # noqa: ASYNC109  livekit-agents' signature
        self.drain_timeout = timeout
        if self.times_out:
            raise TimeoutError
        await self.last_left.wait()

    def close(self, process: FakeProcess) -> None:
        self.pool.emit("process_closed", process)


class FakeSentinel(SentinelKeeper):
    """Records its calls in order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def start(self, temporal: Client) -> None:
        self.calls.append("start")

    def started(self, job_id: str, task_token: bytes) -> None:
        self.calls.append(f"started, {task_token.decode()}")

    def exited(self, job_id: str) -> None:
        self.calls.append("exited")

    async def aclose(self) -> None:
        self.calls.append("close")
