"""On Temporal's dev server: a history that grows long goes on in a new run, in the middle of a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from contracts import AgentState, EndReason, SessionLimits, SessionState
from tests.fakes.activities import FakeActivities, FakeAgent
from tests.workflows.dev_server import PROMPT_TIMERS, dev_server
from tests.workflows.driver import Session
from worker import build_worker, workflow_runner
from workflows import search_attributes
from workflows.voice_session import VoiceSession

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

QUEUE = "renewal"
LIMITS = SessionLimits(agent_heartbeat_timeout_seconds=2)
LONG = 60
"""Events after which this server suggests to continue as new: 4096 by default."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dev() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server(PROMPT_TIMERS, f"limit.historyCount.suggestContinueAsNew={LONG}") as env:
        yield env


@pytest_asyncio.fixture(loop_scope="module")
async def session(dev: WorkflowEnvironment) -> AsyncIterator[Session]:
    fakes = FakeActivities(dev.client)
    async with build_worker(dev.client, fakes, QUEUE):
        yield Session(dev, fakes, QUEUE, LIMITS)


async def run_id(session: Session) -> str:
    return (await session.handle.describe()).run_id


async def talk_until_renewed(session: Session, agent: FakeAgent) -> int:
    """Returns how many turns that took; the newcomer is launched by then."""
    first_run = await run_id(session)
    turns = 0
    async with asyncio.timeout(30):
        while await run_id(session) == first_run:
            turns += 1
            await agent.say(f"Sentence {turns}.")
    return turns


async def test_a_call_goes_on_in_a_new_run(dev: WorkflowEnvironment, session: Session) -> None:
    ticket = await (await session.ticket()).result()
    first = await session.agent()
    joined = await session.join()
    await session.until(SessionState.ACTIVE)
    first_run = await run_id(session)
    turns = await talk_until_renewed(session, first)
    assert turns > 5

    # The new run knows everything, and wants an agent of its own. The old one's token is void, its word is not.
    second = await session.agent(ready=False)
    assert session.scene.launches[-1].predecessor_may_live
    view = await session.view()
    assert (view.state, view.agent_state, view.generation) == (SessionState.ACTIVE, AgentState.LAUNCHING, 2)
    with pytest.raises(RPCError) as refusal:
        await first.task.heartbeat()
    assert refusal.value.status is RPCStatusCode.NOT_FOUND
    await first.say("I am still here.")
    await session.leave("PA_1", joined - 5000)  # an old report, repeated: it stays contradicted
    attributes = (await session.handle.describe()).typed_search_attributes
    assert (attributes[search_attributes.STATE], attributes[search_attributes.USER]) == ("active", "ann")
    assert await session.handle.execute_update(VoiceSession.ticket) == ticket

    briefing = await second.claim()
    assert [turn.sequence for turn in briefing.turns] == list(range(1, turns + 2))
    await second.ready()
    await session.until(AgentState.READY)
    await first.say("Too late.")
    assert len(await session.turns()) == turns + 1

    # The bill begins in the first run and ends in the second.
    await asyncio.sleep(max(0.0, 2.1 - (await session.now_ms() - joined) / 1000))
    ended = await session.now_ms()
    await session.end(ended)
    summary = await session.result()
    assert summary.duration_seconds == (ended - joined) // 1000 >= 2
    second_run = await run_id(session)
    assert second_run != first_run
    assert (summary.end_reason, summary.generations) == (EndReason.API_REQUEST, 2)
    story = await session.story()
    assert [line for line in story.splitlines() if line.startswith("1. ") and "generation 1 is ready" in line]
    assert "the session goes on in a new run" in story
    assert "generation 2 took over" in story

    replayer = Replayer(
        workflows=[VoiceSession], data_converter=pydantic_data_converter, workflow_runner=workflow_runner()
    )
    for run in (first_run, second_run):
        await replayer.replay_workflow(await dev.client.get_workflow_handle(session.id, run_id=run).fetch_history())
