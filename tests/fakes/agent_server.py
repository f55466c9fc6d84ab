"""An AgentServer's jobs as livekit-agents shows them, and a sentinel that only listens."""

from __future__ import annotations

from typing import Any

from livekit.agents.utils import EventEmitter

from connections.dispatch_seal import Sealer
from contracts.agent import DispatchMetadata

SECRET = "a secret of at least thirty-two characters"


class FakeJob:
    def __init__(self, job_id: str, metadata: str) -> None:
        self.id = job_id
        self.metadata = metadata


class FakeProcess:
    """A job's process: its dispatch was for generation 3 of the session, its task token is `token`."""

    def __init__(self, job_id: str = "AJ_1", session_id: str = "session_1234567890_abcdef", secret: str = SECRET):
        sealed = Sealer(secret).seal(b"token")
        metadata = DispatchMetadata(session_id=session_id, generation=3, sealed_task_token=sealed)
        self.exitcode: int | None = -9
        self.running_job = type("RunningJob", (), {"job": FakeJob(job_id, metadata.model_dump_json())})


class FakeServer(EventEmitter[str]):
    """An AgentServer whose process pool emits what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self._proc_pool: Any = EventEmitter()

    def launch(self, process: FakeProcess) -> None:
        self._proc_pool.emit("process_job_launched", process)

    def close(self, process: FakeProcess) -> None:
        self._proc_pool.emit("process_closed", process)


class FakeSentinel:
    """What the sentinel was told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.pid = None

    def start(self, temporal: Any) -> None:
        self.told.append("start")

    def running(self, job_id: str, task_token: bytes) -> None:
        self.told.append(f"{job_id} runs, {task_token.decode()}")

    def exited(self, job_id: str) -> None:
        self.told.append(f"{job_id} gone")

    async def aclose(self) -> None:
        self.told.append("close")
