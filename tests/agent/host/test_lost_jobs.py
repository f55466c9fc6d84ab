"""The watch over an AgentServer's jobs, and the private parts of livekit-agents that it leans on."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from livekit.agents import AgentServer
from livekit.agents.ipc import proc_pool
from livekit.agents.utils import EventEmitter

from agent.host.lost_jobs import JobWatch
from settings import Settings
from tests.fakes.agent_server import FakeProcess, FakeSentinel, FakeServer
from tests.fakes.temporal import FakeTemporal


@pytest.fixture
async def jobs(fake_server: Any, agent_settings: Settings, temporal: FakeTemporal, sentinel: FakeSentinel) -> JobWatch:
    watch = JobWatch(fake_server, agent_settings)
    fake_server.emit("worker_started")
    return watch


def test_livekit_agents_still_has_what_the_watch_needs() -> None:
    assert {"process_closed", "process_job_launched"} <= set(get_args(proc_pool.EventTypes))
    assert "_proc_pool" in AgentServer.run.__code__.co_names


async def test_a_job_process_that_ends_fails_its_task_token(
    jobs: JobWatch,
    fake_server: FakeServer,
    temporal: FakeTemporal,
    sentinel: FakeSentinel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = FakeProcess("AJ_1")
    fake_server.launch(process)
    assert [(job.session_id, job.generation) for job in jobs.running] == [("session_1234567890_abcdef", 3)]
    fake_server.close(process)
    assert jobs.running == []
    await jobs.settled()
    assert temporal.failed == [(b"token", "JobProcessEnded")]
    assert "generation 3, ended" in caplog.text
    assert sentinel.told == ["start", "AJ_1 runs, token", "AJ_1 gone"]


async def test_a_job_that_left_in_order_is_no_loss(
    jobs: JobWatch,
    fake_server: FakeServer,
    temporal: FakeTemporal,
    sentinel: FakeSentinel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor is the second job of a generation that was dispatched twice: it leaves, and the token is the first one's."""
    process = FakeProcess("AJ_1")
    process.exitcode = 0
    fake_server.launch(process)
    fake_server.close(process)
    await jobs.settled()
    assert temporal.calls == 0
    assert "ended" not in caplog.text
    assert sentinel.told[-1] == "AJ_1 gone"


async def test_idle_processes_come_and_go_unnoticed(
    jobs: JobWatch, fake_server: FakeServer, temporal: FakeTemporal, sentinel: FakeSentinel
) -> None:
    idle: Any = FakeProcess()
    idle.running_job = None
    fake_server.close(idle)
    await jobs.settled()
    assert temporal.calls == 0
    assert sentinel.told == ["start"]


async def test_a_job_that_was_sealed_with_another_secret_is_left_to_itself(
    jobs: JobWatch, fake_server: FakeServer, temporal: FakeTemporal
) -> None:
    process = FakeProcess(secret="another secret of at least thirty-two characters")
    fake_server.launch(process)
    fake_server.close(process)
    await jobs.settled()
    assert temporal.calls == 0


async def test_the_close_reports_the_last_losses_before_the_sentinel_goes(
    jobs: JobWatch, fake_server: FakeServer, temporal: FakeTemporal, sentinel: FakeSentinel
) -> None:
    process = FakeProcess("AJ_1")
    fake_server.launch(process)
    fake_server.close(process)
    await jobs.aclose()
    assert temporal.failed
    assert sentinel.told[-2:] == ["AJ_1 gone", "close"]


def test_goes_on_without_the_private_events(
    agent_settings: Settings, temporal: FakeTemporal, sentinel: FakeSentinel, caplog: pytest.LogCaptureFixture
) -> None:
    server: Any = EventEmitter()
    JobWatch(server, agent_settings)
    server.emit("worker_started")
    assert "noticed by their heartbeats alone" in caplog.text
    assert sentinel.told == []
