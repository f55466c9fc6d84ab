"""On Temporal's dev server, configured as the local stack's: the order in which hosts get launches that waited."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from contracts.agent import AgentOutcome, LaunchRequest
from contracts.failures import JOB_PROCESS_ENDED
from contracts.statuses import AgentState
from stack.servers.config import DYNAMIC_CONFIG
from tests.fakes.activities import FakeActivities
from tests.workflows.dev_server import dev_server
from tests.workflows.driver import Session
from worker import build_worker

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

QUEUE, AGENTS = "sessions", "agents"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dev() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server(*(f"{name}={json.dumps(value)}" for name, value in DYNAMIC_CONFIG.items())) as env:
        yield env


class Host(FakeActivities):
    """An agent host with one slot, which notes whose launches it takes."""

    def __init__(self, env: WorkflowEnvironment, fakes: FakeActivities) -> None:
        super().__init__(env.client)
        self._env, self._fakes = env, fakes
        self.taken: list[str] = []

    @activity.defn(name="launch_agent")
    async def launch_agent(self, request: LaunchRequest) -> AgentOutcome:
        self.taken.append(request.session_id)
        return await self._fakes.launch_agent(request)

    def pulling(self) -> Worker:
        return Worker(
            self._env.client,
            task_queue=AGENTS,
            activities=[self.launch_agent],
            max_concurrent_activities=1,
            max_concurrent_activity_task_polls=1,
        )


async def test_a_call_that_lost_its_agent_goes_first_and_owners_take_turns(dev: WorkflowEnvironment) -> None:
    fakes = FakeActivities(dev.client)
    host = Host(dev, fakes)

    def session_of(owner: str) -> Session:
        session = Session(dev, fakes, QUEUE)
        session.request = session.request.model_copy(update={"owner": owner, "agent_task_queue": AGENTS})
        return session

    async with build_worker(dev.client, fakes, QUEUE):
        struck = session_of("big")
        async with host.pulling():
            agent = await struck.in_conversation()
        many = [session_of("big") for _ in range(6)]
        few = [session_of("small") for _ in range(2)]
        for waiting in (*many, *few):
            await waiting.start()
            await waiting.until(AgentState.QUEUED)
        await agent.crash(kind=JOB_PROCESS_ENDED)
        await struck.until(AgentState.QUEUED)
        host.taken.clear()
        async with host.pulling(), asyncio.timeout(30):
            while len(host.taken) < 9:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        for each in (struck, *many, *few):
            await each.handle.cancel()
            await each.result()
    assert host.taken[0] == struck.id
    places = [host.taken.index(each.id) for each in few]
    assert max(places) <= 5, "six calls of another owner came before"
