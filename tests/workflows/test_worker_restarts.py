"""On Temporal's dev server: workers that remember hardly anything, and workers that are stopped at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from contracts import search_attributes
from contracts.failures import JOB_PROCESS_ENDED
from contracts.limits import SessionLimits
from contracts.statuses import EndReason, SessionStatus
from settings import StackSettings
from stack.servers.find import TEMPORAL, resolve
from tests.fakes.activities import PATIENCE_SECONDS, FakeActivities
from tests.workflows.driver import Session
from worker import build_worker

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

QUEUE = "restarts"
LIMITS = SessionLimits(agent_heartbeat_timeout_seconds=5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dev_server() -> AsyncIterator[WorkflowEnvironment]:
    server = resolve(TEMPORAL, StackSettings())
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(server),
        data_converter=pydantic_data_converter,
        search_attributes=search_attributes.ALL,
        dev_server_extra_args=["--dynamic-config-value", 'history.timerProcessorMaxTimeShift="10ms"'],
    ) as env:
        yield env


@pytest.mark.parametrize("cached", [0, 1])
async def test_sessions_move_between_workers_with_a_small_cache(
    dev_server: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch, cached: int
) -> None:
    """Every step is then replayed from the history, the local activity of the join token included."""
    monkeypatch.setattr("worker.Worker", partial(Worker, max_cached_workflows=cached))
    fakes = FakeActivities(dev_server.client)
    sessions = [Session(dev_server, fakes, QUEUE, LIMITS) for _ in range(4)]
    async with build_worker(dev_server.client, fakes, QUEUE, fakes):
        for session in sessions:
            assert (await (await session.join_token()).result()).session_id == session.id
        agents = [await session.agent() for session in sessions]
        for session, agent in zip(sessions, agents, strict=True):
            await session.join()
            await agent.say("Hello!")
    async with build_worker(dev_server.client, fakes, QUEUE, fakes):
        for session, agent in zip(sessions, agents, strict=True):
            view = await session.until(SessionStatus.ACTIVE)
            assert (view.generation, view.turns) == (1, 1)
            await agent.say("Go on.")
            await session.end()
        summaries = [await session.result() for session in sessions]
    assert {summary.end_reason for summary in summaries} == {EndReason.API_REQUEST}
    assert [session.scene.join_tokens for session in sessions] == [1] * 4, "a replay repeats no side effect"


async def test_a_stopping_worker_finishes_its_running_activity(dev_server: WorkflowEnvironment) -> None:
    fakes = FakeActivities(dev_server.client)
    session = Session(dev_server, fakes, QUEUE, LIMITS)
    worker = build_worker(dev_server.client, fakes, QUEUE, fakes)
    async with worker:
        await session.in_conversation()
        session.scene.close_gate.clear()
        await session.end()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not session.scene.closes:  # noqa: ASYNC110  the activity has begun
                await asyncio.sleep(0.02)
        stopping = asyncio.create_task(worker.shutdown())
        await asyncio.sleep(0.1)  # a worker that stopped at once would have cancelled it by now
        session.scene.close_gate.set()
        await stopping
    # The completion is buffered while a workflow task is out, which the stopped worker may have been given.
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in session.handle.fetch_history_events(wait_new_event=True):
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                break
        else:
            pytest.fail("the activity was not completed")
    await session.handle.terminate()


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"max_duration_seconds": 2}, EndReason.MAX_DURATION), ({"idle_seconds": 2}, EndReason.IDLE)],
)
async def test_a_deadline_that_no_worker_notices_is_billed_to_its_own_time(
    dev_server: WorkflowEnvironment, limits: dict[str, float], reason: EndReason
) -> None:
    fakes = FakeActivities(dev_server.client)
    session = Session(dev_server, fakes, QUEUE, LIMITS.model_copy(update=limits))
    async with build_worker(dev_server.client, fakes, QUEUE, fakes):
        await session.in_conversation()
    await asyncio.sleep(4)  # an outage
    async with build_worker(dev_server.client, fakes, QUEUE, fakes):
        summary = await session.result()
    assert summary.end_reason is reason
    assert summary.duration_seconds == 2


async def test_a_caller_who_is_found_missing_is_billed_to_the_last_sighting(dev_server: WorkflowEnvironment) -> None:
    """The agent dies, the workers are away, the caller goes, and no webhook tells of it."""
    fakes = FakeActivities(dev_server.client)
    session = Session(dev_server, fakes, QUEUE, LIMITS.model_copy(update={"reconnect_grace_seconds": 1}))
    async with build_worker(dev_server.client, fakes, QUEUE, fakes):
        await session.start()
        agent = await session.agent()
        now_ms = await session.now_ms()
        await agent.report(session.sighting("joined", "PA_1", now_ms).model_copy(update={"source": "agent"}))
        await agent.say("Hello.")
        await session.until(SessionStatus.ACTIVE)
    await agent.crash(kind=JOB_PROCESS_ENDED, at_ms=now_ms + 1_200)
    await asyncio.sleep(4)  # an outage
    async with build_worker(dev_server.client, fakes, QUEUE, fakes):
        successor = await session.agent()
        absent = session.sighting("absent", "", await session.now_ms()).model_copy(update={"source": "agent"})
        await successor.report(absent)
        summary = await session.result()
    assert summary.end_reason is EndReason.CALLER_LEFT
    assert summary.duration_seconds == 1
