"""The jobs of an agent host: their links, reports, heartbeats and ends, and the private parts of livekit-agents."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from pathlib import Path
from typing import get_args

import pytest
from livekit.agents import AgentServer
from livekit.agents.ipc import proc_pool
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from agent.host import hosted_job, liveness
from agent.host.hosted_job import HostedJob
from agent.host.jobs import Jobs
from agent.host.liveness import Liveness
from agent.job_link.host_link import HostLink, SupersededError
from agent.job_link.messages import Tick
from contracts.agent import AdoptRequest, AgentOutcome, AgentReports, JobMetadata
from contracts.failures import AGENT_NOT_SERVING, JOB_PROCESS_ENDED
from contracts.turns import Turn
from tests.fakes.agent_server import FakeProcess, FakeSentinel, FakeServer
from tests.fakes.launched_job import GENERATION, LaunchedJob
from tests.fakes.reports import report_of
from tests.fakes.temporal import NOT_FOUND, UNAVAILABLE, FakeTemporal


def said(sequence: int) -> Turn:
    return Turn(generation=3, sequence=sequence, role="agent", text=f"number {sequence}", at_ms=sequence)


async def until_settled(jobs: Jobs) -> None:
    await asyncio.wait_for(jobs.settled(), 5)


def test_livekit_agents_still_has_the_private_parts() -> None:
    assert "process_closed" in get_args(proc_pool.EventTypes)
    assert callable(proc_pool.ProcPool.set_target_idle_processes)
    assert "_proc_pool" in AgentServer.run.__code__.co_names


async def test_the_socket_is_for_this_user_alone(jobs: Jobs) -> None:
    assert stat.S_IMODE(jobs.socket.parent.stat().st_mode) == 0o700


async def test_a_job_is_briefed_and_heard(jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal) -> None:
    link = await job.connect()
    assert await link.briefing() == temporal.briefing
    assert not job.host.joined.is_set()
    link.joined()
    await asyncio.wait_for(job.host.joined_or_gone(), 5)
    assert job.host.joined.is_set()
    assert job.host.pid == os.getpid()
    link.turn(said(1))
    await asyncio.wait_for(temporal.signalled.wait(), 5)
    ((session, signal, batch),) = temporal.signals
    assert (session, signal) == (GENERATION.session_id, "agent_reports")
    assert batch == AgentReports(reports=(report_of(said(1)),), generation=3, number=1)
    assert await link.transcript() == temporal.briefing.turns
    assert [(each.generation.session_id, each.generation.number) for each in jobs.running] == [
        ("session_1234567890_abcdef", 3)
    ]


async def test_a_job_whose_claim_is_refused_leaves(jobs: Jobs, temporal: FakeTemporal, killed: list[int]) -> None:
    temporal.refuses_claims = True
    launched = LaunchedJob(jobs)
    link = await HostLink.open(launched.metadata, in_room=lambda: True)
    with pytest.raises(SupersededError, match="not wanted any more"):
        await link.briefing()
    await link.leave("not wanted any more", handed_over=False)
    await until_settled(jobs)
    assert launched.host.outcome == AgentOutcome(
        generation=3, cause="not wanted any more", at_ms=launched.host._gone_at_ms
    )
    assert temporal.failed == []
    assert not killed


async def test_a_job_that_dies_has_its_last_words_delivered_and_its_task_token_failed(
    jobs: Jobs,
    job: LaunchedJob,
    temporal: FakeTemporal,
    sentinel: FakeSentinel,
    killed: list[int],
) -> None:
    link = await job.connect()
    link.joined()
    await job.host.joined_or_gone()
    link.turn(said(1))
    link.turn(said(2).model_copy(update={"final": False}))
    await asyncio.wait_for(temporal.signalled.wait(), 5)
    await job.die()
    await until_settled(jobs)
    assert temporal.failed == [(b"token", "JobProcessEnded")]
    assert temporal.happened[-1] == "failed", "its successor must know its last words"
    assert temporal.heard == [said(1), said(2).model_copy(update={"final": False})]
    assert sentinel.calls == ["start", "started, token", "exited"]
    assert killed == [os.getpid()], "whatever is left of it must not speak"
    assert jobs.running == []


async def test_reports_of_a_dead_job_outlast_an_outage(
    jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosted_job, "_LAST_WORDS_SECONDS", 0.05)
    link = await job.connect()
    link.joined()
    await job.host.joined_or_gone()
    temporal.prescribe(UNAVAILABLE, UNAVAILABLE)
    link.turn(said(1))
    await link.transcript()  # the host has read the turn
    await job.die()
    await until_settled(jobs)
    assert "failed" in temporal.happened
    assert temporal.heard == [said(1)]


async def test_a_job_that_leaves_completes_its_launch_after_its_reports(
    jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal, sentinel: FakeSentinel, killed: list[int]
) -> None:
    link = await job.connect()
    link.joined()
    link.turn(said(1))
    await link.leave("handed over", handed_over=True)
    await until_settled(jobs)
    assert temporal.happened == ["agent_reports", "completed"]
    (outcome,) = temporal.completed
    assert outcome == AgentOutcome(generation=3, cause="handed over", handed_over=True, at_ms=outcome.at_ms)
    assert outcome.at_ms is not None
    assert abs(outcome.at_ms - time.time() * 1000) < 5_000
    assert sentinel.calls[-1] == "exited"
    assert not killed
    job.link = None


async def test_a_job_that_dies_before_it_has_joined_is_the_launch_to_report(
    jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal
) -> None:
    await job.connect()
    await job.die()
    await asyncio.wait_for(job.host.joined_or_gone(), 5)
    assert not job.host.joined.is_set()
    await until_settled(jobs)
    assert temporal.failed == []
    assert job.host.failure[0] == "JobProcessEnded"


async def test_a_process_that_ends_without_a_link_is_noticed(jobs: Jobs, job: LaunchedJob, server: FakeServer) -> None:
    server.close(FakeProcess(JobMetadata(session_id="s", generation=1, key="another", socket="")))
    assert not job.host.gone.is_set()
    server.close(FakeProcess(job.metadata))
    assert job.host.gone.is_set()


async def test_a_job_that_hangs_before_its_link_is_killed_by_its_pool(
    jobs: Jobs, job: LaunchedJob, server: FakeServer
) -> None:
    other = FakeProcess(JobMetadata(session_id="s", generation=1, key="another", socket=""))
    server.pool.jobs = [other, own := FakeProcess(job.metadata)]
    await jobs.kill(job.host)
    assert (own.was_killed, other.was_killed) == (True, False)
    await until_settled(jobs)


async def test_an_agent_that_is_not_wanted_is_sent_away_and_killed_if_it_stays(
    jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal, monkeypatch: pytest.MonkeyPatch, killed: list[int]
) -> None:
    monkeypatch.setattr(hosted_job, "_LEAVE_SECONDS", 0.05)
    monkeypatch.setattr("agent.workflow_link.heartbeat._SUCCESSOR_SECONDS", 0.05)
    temporal.briefing = temporal.briefing.model_copy(update={"heartbeat_timeout_seconds": 0.05})
    temporal.heartbeat_answer = NOT_FOUND
    link = await job.connect()
    link.joined()
    assert await asyncio.wait_for(link.wait_for_leave(), 5) == "another generation serves the session"
    async with asyncio.timeout(5):
        while not killed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_muted_agent_is_confirmed_by_an_accepted_heartbeat(job: LaunchedJob, temporal: FakeTemporal) -> None:
    muted: list[bool] = []
    changed = asyncio.Event()

    def mute(*, muted: bool) -> None:
        heard.append(muted)
        changed.set()

    heard = muted
    link = await job.connect()
    job.in_room = False
    link.joined()
    link.mute_when_in_doubt(mute, 60)
    link.wake()
    await asyncio.wait_for(changed.wait(), 5)
    assert heard == [True]
    changed.clear()
    job.in_room = True
    link.wake()
    await asyncio.wait_for(changed.wait(), 5)
    assert heard == [True, False]
    assert temporal.beats


async def test_a_job_serves_on_under_the_task_token_of_the_next_run(
    jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal, sentinel: FakeSentinel
) -> None:
    temporal.heartbeat_answer = NOT_FOUND  # what the old token gets once the run has ended
    link = await job.connect()
    assert not jobs.adopt(job.host, b"next"), "it has not joined"
    link.joined()
    await job.host.joined_or_gone()
    while not temporal.beats:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    temporal.heartbeat_answer, before = None, temporal.beats
    assert jobs.serving(GENERATION.session_id, 4) is None
    assert jobs.serving("session_1234567890_another", 3) is None
    assert jobs.serving(GENERATION.session_id, 3) is job.host
    assert jobs.adopt(job.host, b"next")
    while temporal.beats == before:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await job.die()
    await until_settled(jobs)
    assert temporal.failed == [(b"next", "JobProcessEnded")]
    assert sentinel.calls == ["start", "started, token", "started, next", "exited"]


async def test_an_agent_that_leaves_is_not_adopted(
    jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.workflow_link.heartbeat._SUCCESSOR_SECONDS", 0)
    temporal.heartbeat_answer = NOT_FOUND
    link = await job.connect()
    link.joined()
    await asyncio.wait_for(link.wait_for_leave(), 5)
    assert not jobs.adopt(job.host, b"next")


async def test_an_agent_outside_its_room_is_not_adopted(jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal) -> None:
    link = await job.connect()
    link.joined()
    while not temporal.beats:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    job.host._note(Tick(in_room=False))
    assert not jobs.adopt(job.host, b"next")


async def test_nobody_is_dead_while_the_host_itself_is_late(job: LaunchedJob, jobs: Jobs, killed: list[int]) -> None:
    lateness: list[float] = []
    await job.connect()
    watch = Liveness(lambda: jobs.running, lateness.append)
    for _ in range(100):
        watch.check(0.5)
    assert not killed
    assert lateness[-1] == 0.5


async def test_a_job_without_a_tick_is_killed_once(
    jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal, killed: list[int]
) -> None:
    link = await job.connect()
    link.joined()
    await job.host.joined_or_gone()
    watch = Liveness(lambda: jobs.running, lambda _: None, lambda: 0.0)
    while job.host.silent_seconds < liveness._SILENCE_SECONDS:
        assert not killed
        watch.check(0.0)
    watch.check(0.0)
    assert killed == [os.getpid()]
    await job.die()
    await until_settled(jobs)
    assert temporal.failed == [(b"token", "JobStoodStill")]


async def test_under_cpu_pressure_a_job_may_be_silent_for_longer(
    jobs: Jobs, job: LaunchedJob, killed: list[int]
) -> None:
    await job.connect()
    watch = Liveness(lambda: jobs.running, lambda _: None, lambda: 90.0)
    for _ in range(12):  # three seconds
        watch.check(0.0)
    assert not killed
    for _ in range(12):
        watch.check(0.0)
    assert killed


def test_cpu_pressure_is_read_where_linux_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "_PRESSURE", tmp_path / "cpu")
    assert liveness.cpu_pressure() == 0
    (tmp_path / "cpu").write_text("some avg10=96.60 avg60=88.07 avg300=39.29 total=152133925\nfull avg10=0.00\n")
    assert liveness.cpu_pressure() == 96.6


async def test_any_word_of_a_job_proves_that_it_lives(jobs: Jobs, job: LaunchedJob) -> None:
    link = await job.connect()
    job.host.silent_seconds = 1.9
    link.turn(said(1))
    await link.transcript()
    assert job.host.silent_seconds < 1


async def test_a_job_whose_event_loop_is_stuck_is_killed(jobs: Jobs, job: LaunchedJob, killed: list[int]) -> None:
    await job.connect()
    job.host.loop_late_seconds = liveness._LOOP_SECONDS
    Liveness(lambda: jobs.running, lambda _: None, lambda: 0.0).check(0.0)
    assert killed


async def test_a_stranger_on_the_socket_is_shown_out(jobs: Jobs) -> None:
    reader, writer = await asyncio.open_unix_connection(Path(jobs.socket))
    writer.write(b"who are you?\n")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_the_last_ends_are_reported_before_the_sentinel_closes(
    jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal, sentinel: FakeSentinel
) -> None:
    link = await job.connect()
    link.joined()
    await job.host.joined_or_gone()
    await job.die()
    await jobs.aclose()
    assert temporal.failed
    assert sentinel.calls[-2:] == ["exited", "close"]


def test_a_generation_keeps_its_task_token_to_itself() -> None:
    assert "token" not in repr(GENERATION)
    assert HostedJob.__doc__


async def adopted(jobs: Jobs, generation: int = 3) -> BaseException:
    request = AdoptRequest(session_id=GENERATION.session_id, generation=generation)
    with pytest.raises(BaseException) as left:
        await ActivityEnvironment().run(jobs.adopt_agent, request)
    return left.value


async def test_an_adoption_is_completed_by_the_host_or_refused_with_its_reason(
    jobs: Jobs, job: LaunchedJob, temporal: FakeTemporal
) -> None:
    link = await job.connect()
    link.joined()
    while not temporal.beats:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert type(await adopted(jobs)).__name__ == "_CompleteAsyncError"
    assert job.host.generation.task_token == ActivityEnvironment().info.task_token
    refused = await adopted(jobs, generation=4)
    assert isinstance(refused, ApplicationError)
    assert refused.type == JOB_PROCESS_ENDED
    job.host._note(Tick(in_room=False))
    refused = await adopted(jobs)
    assert isinstance(refused, ApplicationError)
    assert refused.type == AGENT_NOT_SERVING
