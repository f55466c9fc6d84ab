"""On Temporal's dev server: an agent that was given up can neither report nor finish, and workers may restart."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from contracts.agent import AgentOutcome
from contracts.limits import SessionLimits
from contracts.statuses import AgentState, EndReason, SessionStatus
from tests.fakes.activities import FakeActivities
from tests.workflows.dev_server import PROMPT_TIMERS, dev_server
from tests.workflows.driver import Session
from worker import build_worker

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

QUEUE = "fencing"
LIMITS = SessionLimits(agent_heartbeat_timeout_seconds=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dev() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server(PROMPT_TIMERS) as env:
        yield env


async def test_a_stale_agent_is_shut_out(dev: WorkflowEnvironment) -> None:
    fakes = FakeActivities(dev.client)
    async with build_worker(dev.client, fakes, QUEUE, fakes):
        session = Session(dev, fakes, QUEUE, LIMITS)
        first = await session.in_conversation()
        await first.die_silently()
        second = await session.agent()
        assert (await session.until(AgentState.READY)).generation == 2
        for call in (
            first.task.heartbeat(),
            first.task.complete(AgentOutcome(generation=1, cause="late")),
            first.task.fail(RuntimeError("late")),
        ):
            with pytest.raises(RPCError) as refusal:
                await call
            assert refusal.value.status is RPCStatusCode.NOT_FOUND
        with pytest.raises(WorkflowUpdateFailedError):
            await first.claim()
        await second.task.heartbeat()
        assert (await session.view()).generation == 2
        await session.end()
        summary = await session.result()
        assert (summary.end_reason, summary.generations) == (EndReason.API_REQUEST, 2)


async def test_sessions_go_on_with_the_next_worker(dev: WorkflowEnvironment) -> None:
    fakes = FakeActivities(dev.client)
    sessions = [Session(dev, fakes, QUEUE, LIMITS) for _ in range(3)]
    async with build_worker(dev.client, fakes, QUEUE, fakes):
        agents = [await session.in_conversation() for session in sessions]
        await agents[0].say("Hello!")
    async with build_worker(dev.client, fakes, QUEUE, fakes):
        for session, turns in zip(sessions, (1, 0, 0), strict=True):
            view = await session.view()
            assert (view.state, view.generation, view.turns) == (SessionStatus.ACTIVE, 1, turns)
        await agents[1].crash()
        assert (await sessions[1].agent()).generation == 2
        for session in sessions:
            await session.end()
        assert [(await session.result()).generations for session in sessions] == [1, 2, 1]
