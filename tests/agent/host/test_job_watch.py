"""The job watch, and the private parts of livekit-agents that it uses."""

from __future__ import annotations

from typing import get_args

import pytest
from livekit.agents import AgentServer
from livekit.agents.ipc import proc_pool

from agent.host.job_watch import JobWatch
from settings import Settings
from tests.fakes.agent_server import FakeProcess, FakeSentinel, FakeServer
from tests.fakes.temporal import FakeTemporal


def test_livekit_agents_still_has_the_private_parts() -> None:
    assert {"process_closed", "process_job_launched"} <= set(get_args(proc_pool.EventTypes))
    assert callable(proc_pool.ProcPool.set_target_idle_processes)
    assert "_proc_pool" in AgentServer.run.__code__.co_names


async def test_a_job_process_that_fails_has_its_task_token_failed(
    jobs: JobWatch,
    server: FakeServer,
    temporal: FakeTemporal,
    sentinel: FakeSentinel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = FakeProcess("AJ_1")
    server.launch(process)
    assert [(job.session_id, job.generation) for job in jobs.running] == [("session_1234567890_abcdef", 3)]
    server.close(process)
    assert jobs.running == []
    await jobs.settled()
    assert temporal.failed == [(b"token", "JobProcessEnded")]
    assert "generation 3, failed" in caplog.text
    assert sentinel.calls == ["start", "AJ_1 started, token", "AJ_1 exited"]


async def test_a_job_with_exit_code_zero_is_no_failure(
    jobs: JobWatch,
    server: FakeServer,
    temporal: FakeTemporal,
    sentinel: FakeSentinel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = FakeProcess("AJ_1")
    process.exitcode = 0
    server.launch(process)
    server.close(process)
    await jobs.settled()
    assert temporal.calls == 0
    assert "failed" not in caplog.text
    assert sentinel.calls[-1] == "AJ_1 exited"


async def test_idle_processes_are_ignored(
    jobs: JobWatch, server: FakeServer, temporal: FakeTemporal, sentinel: FakeSentinel
) -> None:
    idle = FakeProcess()
    idle.running_job = None
    server.close(idle)
    await jobs.settled()
    assert temporal.calls == 0
    assert sentinel.calls == ["start"]


async def test_the_last_failures_are_reported_before_the_sentinel_closes(
    jobs: JobWatch, server: FakeServer, temporal: FakeTemporal, sentinel: FakeSentinel
) -> None:
    process = FakeProcess("AJ_1")
    server.launch(process)
    server.close(process)
    await jobs.aclose()
    assert temporal.failed
    assert sentinel.calls[-2:] == ["AJ_1 exited", "close"]


async def test_without_a_pool_only_heartbeats_find_failures(
    agent_settings: Settings, temporal: FakeTemporal, sentinel: FakeSentinel, caplog: pytest.LogCaptureFixture
) -> None:
    server = FakeServer(has_pool=False)
    JobWatch(server, agent_settings)
    server.emit("worker_started")
    assert "only heartbeat timeouts find failed jobs" in caplog.text
    assert sentinel.calls == []
