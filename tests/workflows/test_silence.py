"""A session in which nobody says anything ends, however that is reported, and not while there is nobody to hear."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts.statuses import EndReason, SessionStatus
from tests.workflows.driver import PATIENT, Session

pytestmark = pytest.mark.asyncio(loop_scope="session")

LATE = 5
"""Seconds that reports of what was said are waited for."""


@pytest.fixture
def chatty(new_session: Callable[..., Session]) -> Session:
    return new_session(PATIENT.model_copy(update={"idle_seconds": 60}))


async def test_a_silence_ends_the_session_and_is_billed(chatty: Session) -> None:
    await chatty.in_conversation()
    await chatty.skip(60 + LATE - 1)
    assert (await chatty.view()).end_reason is None
    await chatty.skip(1.5)
    summary = await chatty.result()
    assert summary.end_reason is EndReason.IDLE
    assert 58 <= summary.duration_seconds <= 60, "the wait for late reports costs nothing"
    assert chatty.scene.looks == 0  # nobody is supposed to be gone


@pytest.mark.parametrize("role", ["caller", "agent"])
async def test_a_turn_puts_the_idle_timer_off_without_another_timer(chatty: Session, role: str) -> None:
    agent = await chatty.in_conversation()
    timers = await timers_started(chatty)
    for _ in range(3):
        await chatty.skip(25)
        await agent.say("Well.", role="caller" if role == "caller" else "agent")
    assert await timers_started(chatty) <= timers + 2  # of 60 s each, for 75 s of conversation
    await chatty.skip(50)
    assert (await chatty.view()).end_reason is None
    await chatty.skip(10 + LATE + 1)
    assert (await chatty.result()).end_reason is EndReason.IDLE


async def test_a_turn_that_is_reported_late_counts(chatty: Session) -> None:
    agent = await chatty.in_conversation()
    await chatty.skip(60 + LATE - 2)
    await agent.say("I was here all the time.", role="caller")
    await chatty.skip(LATE + 40)
    assert (await chatty.view()).end_reason is None
    await chatty.end()
    assert (await chatty.result()).end_reason is EndReason.API_REQUEST


async def test_no_silence_is_counted_without_an_agent_or_without_a_caller(chatty: Session) -> None:
    first = await chatty.in_conversation()
    await chatty.skip(50)
    await first.crash()
    second = await chatty.agent(ready=False)
    await chatty.skip(14)
    await second.claim()
    await second.ready()
    await chatty.skip(50)
    assert (await chatty.view()).end_reason is None
    await chatty.leave()
    await chatty.skip(20)
    await chatty.join("PA_2")
    await chatty.skip(50)
    assert (await chatty.until(SessionStatus.ACTIVE)).end_reason is None
    await chatty.skip(10 + LATE + 1)
    assert (await chatty.result()).end_reason is EndReason.IDLE


async def test_without_idle_seconds_silence_ends_nothing(session: Session) -> None:
    await session.in_conversation()
    await session.skip(3600)
    assert (await session.view()).end_reason is None
    await session.end()
    await session.result()


async def timers_started(session: Session) -> int:
    events = (await session.handle.fetch_history()).events
    return sum(event.HasField("timer_started_event_attributes") for event in events)
