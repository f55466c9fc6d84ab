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

from contracts import search_attributes
from contracts.failures import JOB_PROCESS_ENDED
from contracts.limits import SessionLimits
from contracts.memo import MEMO_KEY
from contracts.statuses import AgentState, EndReason, SessionStatus
from tests.fakes.activities import FakeActivities, FakeAgent
from tests.workflows.dev_server import PROMPT_TIMERS, dev_server
from tests.workflows.driver import Session
from worker import build_worker, workflow_runner
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
    async with build_worker(dev.client, fakes, QUEUE, fakes):
        yield Session(dev, fakes, QUEUE, LIMITS)


async def run_id(session: Session) -> str:
    return (await session.handle.describe()).run_id


async def talk_until_renewed(session: Session, agent: FakeAgent) -> int:
    """Returns how many turns that took; the new run has adopted the agent by then."""
    turns = 0
    async with asyncio.timeout(30):
        while not session.scene.adoptions.qsize():
            turns += 1
            await agent.say(f"Sentence {turns}.")
    await session.scene.adoptions.get()
    return turns


async def test_a_call_continues_as_new_with_its_agent(dev: WorkflowEnvironment, session: Session) -> None:
    join_token = await (await session.join_token()).result()
    first = await session.agent()
    joined = await session.join()
    await session.until(SessionStatus.ACTIVE)
    first_run, first_task = await run_id(session), first.task
    turns = await talk_until_renewed(session, first)
    assert turns > 5

    # The new run knows everything, and the agent serves on, under a new token.
    view = await session.view()
    assert (view.state, view.agent_state, view.generation) == (SessionStatus.ACTIVE, AgentState.READY, 1)
    with pytest.raises(RPCError) as refusal:
        await first_task.heartbeat()
    assert refusal.value.status is RPCStatusCode.NOT_FOUND
    await first.task.heartbeat()
    await first.say("I am still here.")
    await session.leave("PA_1", joined - 5000)  # an old report, repeated: it stays contradicted
    description = await session.handle.describe()
    attributes = description.typed_search_attributes
    assert (attributes[search_attributes.STATE], attributes[search_attributes.USER]) == ("active", "ann")
    assert (await description.memo())[MEMO_KEY]["metadata"] == {"order": 7}
    assert await session.handle.execute_update(VoiceSession.join_token) == join_token
    assert [turn.sequence for turn in await session.turns()] == list(range(1, turns + 2))
    assert len(session.scene.launches) == 1

    # The bill begins in the first run and ends in the second.
    await asyncio.sleep(max(0.0, 2.1 - (await session.now_ms() - joined) / 1000))
    ended = await session.now_ms()
    await session.end(ended)
    summary = await session.result()
    assert summary.duration_seconds == (ended - joined) // 1000 >= 2
    second_run = await run_id(session)
    assert second_run != first_run
    assert (summary.end_reason, summary.generations) == (EndReason.API_REQUEST, 1)
    details = await session.details()
    assert "generation 1 is ready" in details
    assert "- run: 2, continued as new" in details
    assert "lost" not in details

    replayer = Replayer(
        workflows=[VoiceSession], data_converter=pydantic_data_converter, workflow_runner=workflow_runner()
    )
    for run in (first_run, second_run):
        await replayer.replay_workflow(await dev.client.get_workflow_handle(session.id, run_id=run).fetch_history())


async def test_no_turn_is_lost_or_doubled_at_continue_as_new(session: Session) -> None:
    first = await session.in_conversation()
    said = await asyncio.gather(*(first.say(f"Sentence {number}.") for number in range(150)))
    async with asyncio.timeout(30):
        await session.scene.adoptions.get()
    assert await session.turns() == tuple(said)
    await session.end()
    assert (await session.result()).end_reason is EndReason.API_REQUEST


@pytest.mark.parametrize("there", [True, False])
async def test_an_agent_that_is_lost_after_continue_as_new_is_replaced(session: Session, there: bool) -> None:
    first = await session.in_conversation()
    if not there:
        session.scene.agents.clear()
    await talk_until_renewed(session, first)
    if there:
        await first.crash(kind=JOB_PROCESS_ENDED)
    second = await session.agent()
    assert second.generation == 2
    await session.until(AgentState.READY)
    assert "generation 1 was lost: its job process ended" in await session.details()
    await session.end()
    assert (await session.result()).generations == 2


async def test_an_agent_whose_host_does_not_answer_is_asked_by_its_successor(session: Session) -> None:
    session.scene.host = "a host that is gone"
    first = await session.in_conversation()
    first_run = await run_id(session)
    async with asyncio.timeout(30):
        while await run_id(session) == first_run:
            await first.say("And so on.")
    second = await session.agent()
    assert session.scene.launches[-1].predecessor_may_live
    assert session.scene.launches[-1].predecessor_is_silent
    assert second.generation == 2
    await session.end()
    assert "no sign of life, and its host does not answer" in await session.details()


async def test_a_run_continues_only_while_one_agent_serves_in_peace(session: Session) -> None:
    first = await session.in_conversation()
    first_run = await run_id(session)
    await first.drain()
    second = await session.agent(ready=False)
    said = [await first.say(f"Sentence {number}.") for number in range(LONG)]
    await second.claim()
    await second.ready()
    await session.until(AgentState.READY)
    assert await run_id(session) == first_run, "the first is still leaving"
    await first.leave(handed_over=True)
    async with asyncio.timeout(30):
        assert (await session.scene.adoptions.get()).generation == 2
    assert await run_id(session) != first_run
    assert await session.turns() == tuple(said)
    await session.end()
    assert (await session.result()).generations == 2


async def test_a_caller_who_left_before_continue_as_new_may_come_back_after_it(session: Session) -> None:
    first = await session.in_conversation()
    left = await session.leave()
    assert await talk_until_renewed(session, first)
    assert (await session.until(AgentState.READY)).state is SessionStatus.RECONNECTING
    await session.leave(at_ms=left)
    await session.join("PA_2")
    await session.until(SessionStatus.ACTIVE)
    await session.handle.cancel()
    assert (await session.result()).end_reason is EndReason.CANCELLED
    assert "the caller came back" in await session.details()
