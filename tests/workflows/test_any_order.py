"""Whatever reaches a session, in whatever order: no workflow task fails, and the session can still be ended."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal

import pytest
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from contracts.agent import AgentReady, ClaimRequest, DrainRequest
from contracts.message import Message
from contracts.room import Presence, RoomFinished
from contracts.session import EndRequest
from contracts.turns import Turn
from tests.fakes.reports import reports
from tests.workflows.driver import PATIENT, Session
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.asyncio(loop_scope="session")

STURDY = PATIENT.model_copy(update={"agent_max_losses_per_minute": 1000, "agent_relaunch_pause_seconds": 0.01})
MESSAGES = 120
NUMBERS = (0, -1, 1, 2, 3, 4, 5, 6, 2**31, 2**63, 10**40, -(10**400), 10**400)
IDENTITIES = ("user_ann", "user_ann", "user_ann", "", "agent_1_AJ_1", "user_\n\x00é")
SIDS = ("", "PA_1", "PA_2", "PA_3", "\x00")


class Chance:
    """Draws messages from one seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311  a repeatable choice, no secret

    def at_ms(self, near: int) -> int:
        return self.draw.choice((near + self.draw.randint(-5000, 5000), self.draw.choice(NUMBERS)))

    def turn(self, near: int) -> Turn:
        return Turn(
            generation=self.draw.choice(NUMBERS),
            sequence=self.draw.choice(NUMBERS),
            role=self.draw.choice(("caller", "agent")),
            text=self.draw.choice(("", "Hello!", "\x00" * 10, "é" * 5000)),
            at_ms=self.at_ms(near),
        )

    def news(self, near: int, *, may_end: bool) -> tuple[Any, Message]:
        """A signal and its payload."""
        number = self.draw.choice(NUMBERS)
        report = Presence(
            participant_sid=self.draw.choice(SIDS),
            identity=self.draw.choice(IDENTITIES),
            kind=self.draw.choice(("joined", "left")),
            at_ms=self.at_ms(near),
            joined_at_ms=self.draw.choice((None, self.at_ms(near))),
            source=self.draw.choice(("webhook", "agent", "room")),
        )
        inherited = tuple(self.turn(near) for _ in range(self.draw.randint(0, 3)))
        ready = AgentReady(generation=number, identity="any", at_ms=self.at_ms(near), inherited=inherited)
        news: list[tuple[Any, Message]] = [
            (VoiceSession.presence, report),
            (VoiceSession.agent_reports, reports(self.turn(near))),
            (VoiceSession.drain, DrainRequest(generation=number)),
            (VoiceSession.agent_reports, reports(ready)),
        ]
        if may_end:
            news += [
                (VoiceSession.end, EndRequest(at_ms=self.at_ms(near))),
                (VoiceSession.room_finished, RoomFinished(at_ms=self.at_ms(near))),
            ]
        return self.draw.choice(news)


async def agents_do_something(session: Session, chance: Chance) -> None:
    """Those that have been launched since claim, drain, go or are never heard of."""
    while session.scene.arrivals.qsize():
        agent = session.scene.arrivals.get_nowait()
        deeds: list[Callable[[], Awaitable[Any]]] = [
            agent.claim,
            agent.ready,
            agent.drain,
            partial(agent.say, "Hello!"),
        ]
        for deed in chance.draw.sample(deeds, k=chance.draw.randint(0, 4)):
            await unless_refused(deed())
        way = chance.draw.choice(("stays", "stays", "crashes", "leaves", "hands over"))
        if way == "crashes":
            await agent.crash(kind=chance.draw.choice(("JobProcessEnded", "JoinDeadline", "Other")))
        elif way != "stays":
            await agent.leave(handed_over=way == "hands over")


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_of_reports_ends_with_a_bill(new_session: Callable[..., Session], seed: int) -> None:
    async with asyncio.timeout(60):
        await hear_anything(new_session(STURDY), Chance(seed), may_end=seed % 2 == 1)


async def hear_anything(session: Session, chance: Chance, *, may_end: bool) -> None:
    await session.start()
    near = await session.now_ms()
    try:
        for number in range(MESSAGES):
            signal, payload = chance.news(near, may_end=may_end and number > MESSAGES / 2)
            await session.handle.signal(signal, payload)
            if chance.draw.random() < 0.3:
                await agents_do_something(session, chance)
            if chance.draw.random() < 0.1:
                await claim_anything(session, chance)
        await session.view()
        await session.end()
    except RPCError as error:
        assert error.status is RPCStatusCode.NOT_FOUND, "only a session that has ended hears nothing"
    summary = await session.result()
    assert summary.workflow_completed
    assert summary.duration_seconds >= 0
    assert await session.details()
    assert await failures(session) == []


async def claim_anything(session: Session, chance: Chance) -> None:
    claim = ClaimRequest(generation=chance.draw.choice(NUMBERS), identity=chance.draw.choice(IDENTITIES))
    await unless_refused(session.handle.execute_update(VoiceSession.claim, claim))


async def unless_refused(deed: Awaitable[Any]) -> None:
    """A claim may come too late, or from an agent that is not wanted."""
    try:
        await deed
    except WorkflowUpdateFailedError:
        return


async def failures(session: Session) -> list[str]:
    """Why workflow tasks failed. That news came in while one closed the session is no failure: it is repeated."""
    failed = [
        event.workflow_task_failed_event_attributes
        async for event in session.handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    news_came_in = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
    return [each.failure.message for each in failed if each.cause != news_came_in]


@pytest.mark.parametrize("at_ms", [-(10**400), -1, 0, 2**63, 10**16, 10**400], ids=range(6))
@pytest.mark.parametrize("kind", ["joined", "left"])
async def test_absurd_times_set_no_timer(session: Session, kind: Literal["joined", "left"], at_ms: int) -> None:
    await session.start()
    await session.agent()
    if kind == "left":
        await session.join()
    report = session.sighting(kind, "PA_1", at_ms).model_copy(update={"joined_at_ms": at_ms})
    async with asyncio.timeout(10):
        await session.handle.signal(VoiceSession.presence, report)
        await session.view()
    await session.end()
    assert (await session.result()).duration_seconds >= 0
    assert await failures(session) == []
