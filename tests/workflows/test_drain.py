"""An agent whose server stops: it serves until another has come, whatever happens to either meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from contracts.agent import DrainRequest
from contracts.failures import AGENT_SERVER_ENDED, JOB_PROCESS_ENDED, JOIN_DEADLINE
from contracts.statuses import AgentState, EndReason, SessionStatus
from contracts.turns import Turn
from tests.fakes.activities import FakeAgent
from tests.fakes.reports import reports
from tests.workflows.driver import PATIENT, Session
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.asyncio(loop_scope="session")

NewSession = Callable[..., Session]

NO_CRASH_ALLOWED = PATIENT.model_copy(update={"agent_max_losses_per_minute": 1})


async def draining(session: Session) -> tuple[FakeAgent, FakeAgent]:
    """The first generation serves, and the second has come to take over."""
    first = await session.in_conversation()
    await first.drain()
    return first, await session.agent(ready=False)


async def assert_serves(session: Session, generation: int) -> None:
    view = await session.view()
    assert (view.generation, view.agent_state, view.state) == (generation, AgentState.READY, SessionStatus.ACTIVE)


async def until_serves(session: Session, generation: int) -> None:
    async with asyncio.timeout(10):
        while (await session.until(AgentState.READY)).generation != generation:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def end(session: Session, generations: int) -> None:
    await session.end()
    summary = await session.result()
    assert (summary.end_reason, summary.generations) == (EndReason.API_REQUEST, generations)
    assert len(session.scene.launches) == generations
    assert (summary.agent_stopped, session.scene.closes) == (True, 1)


async def test_a_drained_agent_serves_until_its_successor_is_ready(new_session: NewSession) -> None:
    session = new_session(NO_CRASH_ALLOWED)
    first, second = await draining(session)
    await second.claim()
    await assert_serves(session, 1)
    said = [await first.say("Let me see.")]
    await second.ready()
    await assert_serves(session, 2)
    await first.say("Too late.")
    said.append(await second.say("It is noon."))
    await first.leave("drained", handed_over=True)
    await second.say("Anything else?")
    assert (await session.turns())[:2] == tuple(said)
    assert [turn.generation for turn in await session.turns()] == [1, 2, 2]
    assert [launch.predecessor_may_live for launch in session.scene.launches] == [False, True]
    assert not session.scene.launches[1].predecessor_is_silent  # it serves on
    await end(session, generations=2)


async def test_inherited_turns_come_first_and_once(session: Session) -> None:
    first, second = await draining(session)
    known = await first.say("Hello!")
    inherited = Turn(generation=1, sequence=2, role="caller", text="What is the time?", at_ms=0)
    invented = inherited.model_copy(update={"generation": 7})
    answer = await second.say("It is noon.")
    await second.claim()
    await second.ready(known, inherited, invented)
    await first.leave(handed_over=True)
    await session.handle.signal(VoiceSession.agent_reports, reports(inherited))
    assert await session.turns() == (known, inherited, answer)
    await end(session, generations=2)


async def test_a_newcomer_that_fails_is_followed_by_another(new_session: NewSession) -> None:
    session = new_session(NO_CRASH_ALLOWED)
    first, second = await draining(session)
    await second.crash()
    third = await session.agent(ready=False)
    await assert_serves(session, 1)
    await third.claim()
    await third.ready()
    await first.leave(handed_over=True)
    await until_serves(session, 3)
    assert session.scene.launches[2].predecessor_may_live
    await end(session, generations=3)


async def test_launches_are_repeated_while_the_old_agent_serves(new_session: NewSession) -> None:
    session = new_session(NO_CRASH_ALLOWED.model_copy(update={"agent_launch_limit_seconds": 1}))
    first = await session.in_conversation()
    session.scene.launching = "misses its deadline"
    await first.drain()
    async with asyncio.timeout(10):
        while len(session.scene.launches) < 4:  # noqa: ASYNC110  pauses of 0.2, 0.4 and 0.8 s: beyond the limit
            await asyncio.sleep(0.02)
    await assert_serves(session, 1)
    session.scene.launching = "arrives"
    newcomer = await session.agent()
    await first.leave(handed_over=True)
    await until_serves(session, newcomer.generation)
    await end(session, generations=newcomer.generation)


async def test_a_drained_agent_may_leave_before_its_successor_reports(new_session: NewSession) -> None:
    session = new_session(NO_CRASH_ALLOWED)
    first, second = await draining(session)
    await second.claim()
    await first.leave(handed_over=True)
    await session.until(AgentState.LAUNCHING)
    await second.ready()
    await until_serves(session, 2)
    await end(session, generations=2)


async def test_a_drained_agent_dies_while_its_successor_launches(session: Session) -> None:
    first, second = await draining(session)
    await first.crash()
    await session.until(AgentState.QUEUED)
    await second.claim()
    await second.ready()
    await until_serves(session, 2)
    await end(session, generations=2)


async def test_a_drained_agent_and_its_successor_die(session: Session) -> None:
    first, second = await draining(session)
    await second.crash()
    await first.crash()
    third = await session.agent()
    assert third.generation == 3
    await until_serves(session, 3)
    await end(session, generations=3)


async def test_a_replaced_agent_that_stays_is_cancelled(session: Session) -> None:
    first, second = await draining(session)
    await second.claim()
    await second.ready()
    await assert_serves(session, 2)
    await session.skip(29)
    await first.is_called_off()
    await assert_serves(session, 2)
    await end(session, generations=2)


async def test_a_handover_without_a_drain_is_followed_at_once_and_is_no_crash(new_session: NewSession) -> None:
    session = new_session(NO_CRASH_ALLOWED)
    first = await session.in_conversation()
    await session.skip(6)
    await first.leave(handed_over=True)
    await session.agent()
    await until_serves(session, 2)
    assert session.scene.launches[1].predecessor_may_live
    await end(session, generations=2)


async def test_agents_that_hand_over_as_soon_as_they_serve_are_a_crash_loop(new_session: NewSession) -> None:
    session = new_session(PATIENT.model_copy(update={"agent_max_losses_per_minute": 3}))
    await session.start()
    await session.join()
    for _ in range(3):
        await (await session.agent()).leave(handed_over=True)
    summary = await session.result()
    assert (summary.end_reason, summary.generations) == (EndReason.AGENT_UNAVAILABLE, 3)
    assert (summary.agent_stopped, session.scene.closes) == (True, 1)


async def test_drained_before_it_is_ready(session: Session) -> None:
    await session.start()
    first = await session.agent(ready=False)
    await first.drain()
    await first.claim()
    await first.ready()
    await session.join()
    await session.agent()
    await first.leave(handed_over=True)
    await until_serves(session, 2)
    await end(session, generations=2)


async def test_one_drain_after_the_other(session: Session) -> None:
    first, second = await draining(session)
    await second.drain()
    await second.claim()
    await second.ready()
    await assert_serves(session, 2)
    assert len(session.scene.launches) == 2, "the first has to go before there is room for a third"
    await first.leave(handed_over=True)
    third = await session.agent()
    await second.leave(handed_over=True)
    await until_serves(session, 3)
    await third.say("Here I am.")
    await end(session, generations=3)


async def test_stale_and_repeated_drains_are_ignored(session: Session) -> None:
    first, second = await draining(session)
    await second.claim()
    await second.ready()
    await first.leave(handed_over=True)
    for generation in (1, 1, 0, -1, 3, 10**9):
        await session.handle.signal(VoiceSession.drain, DrainRequest(generation=generation))
    await assert_serves(session, 2)
    session.scene.close_gate.clear()
    await session.end()
    await session.until(SessionStatus.ENDING)
    await second.drain()
    session.scene.close_gate.set()
    assert (await session.result()).generations == len(session.scene.launches) == 2


@pytest.mark.parametrize("newcomer_is", ["coming", "ready"])
async def test_the_end_cancels_both_agents(session: Session, newcomer_is: str) -> None:
    first, second = await draining(session)
    await second.claim()
    if newcomer_is == "ready":
        await second.ready()
    await session.end()
    await session.result()
    await first.is_called_off()
    await second.is_called_off()
    assert session.scene.closes == 1


@pytest.mark.parametrize(
    ("kind", "may_live"),
    [(JOB_PROCESS_ENDED, False), (AGENT_SERVER_ENDED, False), (JOIN_DEADLINE, True), ("AnythingElse", True)],
)
async def test_a_newcomer_knows_if_its_predecessor_may_live(session: Session, kind: str, may_live: bool) -> None:
    first = await session.in_conversation()
    await first.crash(kind=kind)
    await session.agent()
    assert [launch.predecessor_may_live for launch in session.scene.launches] == [False, may_live]
    is_silent = [launch.predecessor_is_silent for launch in session.scene.launches]
    assert is_silent == [False, may_live], "an agent without heartbeats is probed through LiveKit"
    await end(session, generations=2)


async def test_the_timeline_of_a_drain_and_two_failures(session: Session) -> None:
    first, second = await draining(session)
    await second.claim()
    await second.ready()
    await first.leave(handed_over=True)
    await second.crash("its job process ended", JOB_PROCESS_ENDED)
    third = await session.agent()
    await third.crash("agent:  \n" + "x" * 500)
    await session.agent()
    await session.leave()
    await session.join("PA_2")
    await session.end()
    await session.result()
    details = await session.details()
    timeline = [line.split(" ", 2) for line in details.splitlines() if line[:1].isdigit()]
    numbers = [int(number.rstrip(".")) for number, _, _ in timeline]
    assert numbers == sorted(set(numbers))
    assert [clock for _, clock, _ in timeline] == sorted(clock for _, clock, _ in timeline)
    words = [what for _, _, what in timeline]
    for expected in (
        "generation 1 is ready after",
        "the caller joined",
        "generation 1 must go: its AgentServer stops; it serves on",
        "generation 2 took over from generation 1, which had served for",
        "generation 1 has left",
        "generation 2 was lost: its job process ended; it had served for",
        "generation 3 took over after",
        "generation 3 was lost: agent: xxx",
        "generation 4 took over after",
        "the caller left",
        "the caller came back after",
        "the session ends: ended by request",
        "everything is cleaned up; billed: ",
    ):
        assert words.pop(0).startswith(expected)
    assert not words
    assert "x" * 101 not in details
