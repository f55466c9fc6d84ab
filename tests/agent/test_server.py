"""The AgentServer as it is composed, and the private parts of livekit-agents that it leans on."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from livekit.agents import AgentServer
from livekit.agents.ipc import proc_pool
from livekit.agents.utils import EventEmitter
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from agent import lost_jobs, server
from contracts import DispatchMetadata
from sealing import Sealer
from settings import AgentSettings, LiveKitSettings, Settings

SECRET = "a secret of at least thirty-two characters"
SETTINGS = Settings(
    livekit=LiveKitSettings(url="ws://localhost:1", api_key="key", api_secret=SecretStr(SECRET)),
    agent=AgentSettings(max_jobs=2, idle_processes=1),
)
METADATA = DispatchMetadata(
    session_id="session_1234567890_abcdef", generation=3, sealed_task_token=Sealer(SECRET).seal(b"token")
)


class FakeJob:
    id = "AJ_1"
    metadata = METADATA.model_dump_json()


class FakeRequest:
    """A job request that notes what became of it."""

    id = "AJ_1"
    job = FakeJob()

    def __init__(self) -> None:
        self.accepted: dict[str, str] | None = None
        self.rejected = False

    async def accept(self, **how: str) -> None:
        self.accepted = how

    async def reject(self) -> None:
        self.rejected = True


class FakeProcess:
    class running_job:
        job = FakeJob()


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    running: list[object] = []
    monkeypatch.setattr(AgentServer, "active_jobs", property(lambda _: running))
    return running


async def test_accepts_under_an_identity_of_its_own_up_to_its_limit(jobs: list[object]) -> None:
    built = server.build_server(SETTINGS)
    accept: Any = built._request_fnc
    request = FakeRequest()
    await accept(request)
    assert request.accepted == {"identity": "agent_3_AJ_1", "name": "agent"}
    jobs.extend([object(), object()])
    refused = FakeRequest()
    await accept(refused)
    assert refused.rejected
    assert refused.accepted is None


async def test_tells_livekit_its_load_in_jobs_but_never_refuses_by_load(jobs: list[object]) -> None:
    built = server.build_server(SETTINGS)
    load: Any = built.load_fnc
    assert load(built) == 0
    jobs.append(object())
    assert load(built) == 0.5
    jobs.extend([object(), object()])
    assert load(built) == 1.0
    assert built._load_threshold == math.inf


def test_livekit_agents_still_has_what_lost_jobs_needs() -> None:
    assert "process_closed" in get_args(proc_pool.EventTypes)
    assert "_proc_pool" in AgentServer.run.__code__.co_names


class FakeServer(EventEmitter[str]):
    def __init__(self, pool: EventEmitter[str] | None) -> None:
        super().__init__()
        if pool is not None:
            self._proc_pool = pool


class FakeTemporal:
    """Notes failed task tokens; `answer` is raised when there is one."""

    def __init__(self, answer: Exception | None = None) -> None:
        self.failed: list[tuple[bytes, ApplicationError]] = []
        self._answer = answer

    def get_async_activity_handle(self, *, task_token: bytes) -> FakeTemporal:
        self._token = task_token
        return self

    async def fail(self, error: ApplicationError, *, rpc_timeout: object) -> None:
        self.failed.append((self._token, error))
        if self._answer is not None:
            raise self._answer


@pytest.mark.parametrize("answer", [None, RPCError("left in order", RPCStatusCode.NOT_FOUND, b"")])
async def test_a_job_process_that_ends_fails_its_task_token(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: Exception | None
) -> None:
    temporal = FakeTemporal(answer)

    async def connect(_: object) -> FakeTemporal:
        return temporal

    monkeypatch.setattr(lost_jobs, "connect", connect)
    pool: EventEmitter[str] = EventEmitter()
    fake_server: Any = FakeServer(pool)
    reported = lost_jobs.report_lost_jobs(fake_server, SETTINGS)
    fake_server.emit("worker_started")
    pool.emit("process_closed", FakeProcess())
    await reported.settled()
    assert [(token, error.type) for token, error in temporal.failed] == [(b"token", "JobProcessEnded")]
    assert ("ended" in caplog.text) == (answer is None)


def test_goes_on_without_the_private_event(caplog: pytest.LogCaptureFixture) -> None:
    fake_server: Any = FakeServer(None)
    lost_jobs.report_lost_jobs(fake_server, SETTINGS)
    fake_server.emit("worker_started")
    assert "noticed by their heartbeats alone" in caplog.text
