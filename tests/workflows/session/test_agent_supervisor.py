"""Agents that come, go and are replaced: generations, claims, turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from contracts.agent import AgentReady
from contracts.limits import SessionLimits
from contracts.statuses import AgentState, EndReason, SessionStatus
from tests.fakes.activities import PATIENCE_SECONDS, FakeAgent
from tests.fakes.reports import reports
from tests.workflows.driver import PATIENT, Session
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.asyncio(loop_scope="session")

NewSession = Callable[..., Session]


async def assert_refused(agent: FakeAgent, identity: str | None = None) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await agent.claim(identity)
    assert isinstance(refusal.value.cause, ApplicationError)
    assert refusal.value.cause.type == "Superseded"


async def end(session: Session, generations: int) -> None:
    await session.end()
    summary = await session.result()
    assert (summary.end_reason, summary.generations) == (EndReason.API_REQUEST, generations)
    assert summary.agent_stopped


async def test_the_next_generation_gets_every_turn(session: Session) -> None:
    first = await session.in_conversation()
    said = [await first.say("Hello!"), await first.say("What is the time?", role="caller")]
    await first.crash()
    second = await session.agent(ready=False)
    briefing = await second.claim()
    assert briefing.turns == tuple(said)
    assert (briefing.generation, briefing.caller_identity) == (2, session.request.caller_identity)
    assert (await session.view()).agent_state is AgentState.LAUNCHING
    await second.ready()
    said.append(await second.say("It is noon."))
    view = await session.until(AgentState.READY)
    assert (view.state, view.generation, view.turns) == (SessionStatus.ACTIVE, 2, 3)
    assert await session.handle.query(VoiceSession.transcript) == tuple(said)
    await end(session, generations=2)


@pytest.mark.parametrize("how", ["leave", "crash"])
async def test_an_agent_that_leaves_is_replaced(session: Session, how: str) -> None:
    first = await session.in_conversation()
    await (first.leave() if how == "leave" else first.crash())
    await session.agent()
    assert (await session.until(AgentState.READY)).generation == 2
    await end(session, generations=2)


async def test_an_agent_that_falls_silent_is_replaced(new_session: NewSession) -> None:
    session = new_session(SessionLimits(agent_heartbeat_timeout_seconds=0.5))
    first = await session.in_conversation()
    await first.die_silently()
    await session.agent()
    assert (await session.until(AgentState.READY)).generation == 2
    await end(session, generations=2)


async def test_an_agent_whose_heartbeats_are_late_goes_on_if_its_host_says_that_it_lives(
    new_session: NewSession,
) -> None:
    """On a busy machine heartbeats are late, and a second agent would make it busier."""
    session = new_session(SessionLimits(agent_heartbeat_timeout_seconds=0.5))
    agent = await session.in_conversation()
    for _ in range(2):
        await agent.miss_heartbeats()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await session.scene.adoptions.get()).generation == 1
    await agent.say("I am still here.")
    assert (await session.view()).agent_state is AgentState.READY
    assert len(session.scene.launches) == 1
    assert "lost" not in await session.details()
    await end(session, generations=1)


async def test_stale_agents_are_refused_and_their_reports_ignored(session: Session) -> None:
    first = await session.in_conversation()
    await first.crash()
    second = await session.agent(ready=False)
    await assert_refused(first)
    await second.claim()
    await second.claim()  # the same job may repeat it
    await assert_refused(second, identity="agent_2_AJ_other")
    await first.ready()
    assert (await session.view()).agent_state is AgentState.LAUNCHING
    future = AgentReady(generation=3, identity="agent_3_x", at_ms=0)
    await session.handle.signal(VoiceSession.agent_reports, reports(future))
    assert (await session.view()).agent_state is AgentState.LAUNCHING
    await second.ready()
    assert (await session.view()).agent_state is AgentState.READY
    await end(session, generations=2)


async def test_duplicate_turns_are_ignored(session: Session) -> None:
    agent = await session.in_conversation()
    turn = await agent.say("Hello!")
    await session.handle.signal(VoiceSession.agent_reports, reports(turn))
    await session.handle.signal(VoiceSession.agent_reports, reports(turn.model_copy(update={"generation": 2})))
    assert await session.handle.query(VoiceSession.transcript) == (turn,)
    await end(session, generations=1)


async def test_no_claim_once_the_session_ends(session: Session) -> None:
    agent = await session.in_conversation()
    session.scene.close_gate.clear()
    await session.end()
    await session.until(SessionStatus.ENDING)
    await assert_refused(agent)
    session.scene.close_gate.set()
    await session.result()


async def test_a_crash_loop_ends_the_session(new_session: NewSession) -> None:
    session = new_session(PATIENT.model_copy(update={"agent_max_losses_per_minute": 3}))
    await session.start()
    await session.join()
    for _ in range(3):
        await (await session.agent()).crash()
    summary = await session.result()
    assert (summary.end_reason, summary.generations) == (EndReason.AGENT_UNAVAILABLE, 3)
    assert (summary.agent_stopped, session.scene.closes) == (True, 1)


async def test_failures_a_minute_apart_are_no_crash_loop(new_session: NewSession) -> None:
    session = new_session(PATIENT.model_copy(update={"agent_max_losses_per_minute": 2}))
    await (await session.in_conversation()).crash()
    second = await session.agent()
    await session.until(AgentState.READY)
    await session.skip(61)
    await second.crash()
    await session.agent()
    assert (await session.until(AgentState.READY)).generation == 3
    await end(session, generations=3)


async def test_a_relaunch_after_a_failure_comes_at_once_however_often(new_session: NewSession) -> None:
    session = new_session(PATIENT.model_copy(update={"agent_max_losses_per_minute": 100}))
    agent = await session.in_conversation()
    for _ in range(10):  # a retry policy's tenth pause would be the longest
        lost_at = asyncio.get_running_loop().time()
        await agent.crash()
        agent = await session.agent()
        assert asyncio.get_running_loop().time() - lost_at < 1
        await session.until(AgentState.READY)
    assert [launch.generation for launch in session.scene.launches] == [*range(1, 12)]
    await end(session, generations=11)
