"""No-show, rejoin and leave of the caller, and a bill that survives a restart of the stack."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from contracts.statuses import EndReason, SessionStatus
from lab.caller import Caller
from workflows.voice_session import VoiceSession

if TYPE_CHECKING:
    from lab.chaos.world import World
    from stack.local_stack import LocalStack

pytestmark = pytest.mark.slow


async def test_a_no_show_is_not_billed(world: World) -> None:
    started = await world.rest.start("absent")
    summary = await asyncio.wait_for(world.session(started.session_id).result(), 20)
    assert (summary.end_reason, summary.duration_seconds) == (EndReason.NO_SHOW, 0)
    assert await world.left_behind(started.session_id, within=20) == ()


async def test_a_caller_can_rejoin_and_the_grace_period_is_not_billed(world: World) -> None:
    started = await world.rest.start("wanderer")
    session = world.session(started.session_id)
    async with Caller(started.server_url, started.token) as caller:
        voice = (await caller.hear()).identity
        joined_at = caller.joined_at
    async with Caller(started.server_url, started.token) as caller:
        assert await caller.agent_present() == voice
        await caller.say("Hello, are you still there?")
        await caller.hear()
        assert (await session.query(VoiceSession.view)).state is SessionStatus.ACTIVE
    left_at = monotonic()
    assert joined_at is not None
    summary = await asyncio.wait_for(session.result(), 20)
    assert summary.end_reason is EndReason.CALLER_LEFT
    assert summary.generations == 1
    assert -1 <= left_at - joined_at - summary.duration_seconds <= 2, "less the agent's coming"


async def test_the_bill_survives_a_restart_of_the_stack(stack: LocalStack, world: World) -> None:
    started = await world.rest.start("patient")
    async with Caller(started.server_url, started.token) as caller:
        await caller.hear()
        bill = await world.rest.end(started.session_id)
    assert bill["durationSeconds"] >= 1
    await asyncio.to_thread(stack.stop)
    await asyncio.to_thread(stack.start)
    assert await world.rest.end(started.session_id) == bill
