"""Silence: the agent asks once, and later the session ends, billed until then."""

from __future__ import annotations

import asyncio
import time
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from agent.conversation.instructions import STILL_THERE
from contracts.identities import new_session_id
from contracts.join_token import JoinToken
from contracts.limits import SessionLimits
from contracts.search_attributes import at_start
from contracts.session import SessionRequest
from contracts.statuses import EndReason
from lab.caller import Caller, speech
from workflows.voice_session import VoiceSession

if TYPE_CHECKING:
    from lab.chaos.world import World

pytestmark = pytest.mark.slow

SILENCE = 3.0
LATE_REPORTS = 5.0
LONG_QUESTION = "I would like to know whether you could tell me what the capital of France is please."


async def begin(world: World, idle_seconds: float) -> JoinToken:
    """Start a session with its own limits; the API's settings apply to the whole stack."""
    request = SessionRequest(
        session_id=new_session_id(int(time.time())),
        user_name="quiet",
        opening_line="Hello there.",
        limits=SessionLimits(silence_seconds=SILENCE, idle_seconds=idle_seconds),
        agent_task_queue=world.stack.settings.temporal.agent_task_queue,
    )
    handle = await world.temporal.start_workflow(
        VoiceSession.run,
        request,
        id=request.session_id,
        task_queue=world.stack.settings.temporal.task_queue,
        search_attributes=at_start(request),
    )
    return await handle.execute_update(VoiceSession.join_token)


async def questions(world: World, session_id: str) -> int:
    """Return how often the caller was asked."""
    turns = await world.session(session_id).query(VoiceSession.transcript)
    return [turn.text for turn in turns].count(STILL_THERE)


async def test_the_agent_asks_once_and_then_the_session_ends(world: World) -> None:
    join_token = await begin(world, idle_seconds=8)
    async with Caller(join_token.server_url, join_token.token) as caller:
        greeting = await caller.hear()
        question = await caller.hear()
        assert speech.word_error_rate(STILL_THERE, question.text) <= 0.5
        assert SILENCE - 0.5 <= question.first_sound_at - greeting.last_sound_at <= SILENCE + 1.5
        await caller.hung_up(within=8 + LATE_REPORTS + 5)
        ended_at = monotonic()
        assert ended_at - question.last_sound_at >= 8 + LATE_REPORTS - 1
        assert caller.timeline.first_sound(question.last_sound_at + 0.5) is None
        assert caller.joined_at is not None
        present_seconds = ended_at - caller.joined_at
    summary = await asyncio.wait_for(world.session(join_token.session_id).result(), 20)
    assert summary.end_reason is EndReason.IDLE
    unbilled = present_seconds - summary.duration_seconds  # the agent's coming, and the wait for late reports
    assert LATE_REPORTS - 1 <= unbilled <= LATE_REPORTS + 3
    assert await questions(world, join_token.session_id) == 1


async def test_a_speaking_caller_is_not_asked(world: World) -> None:
    await speech.synthesize(LONG_QUESTION)  # cached for the caller below
    join_token = await begin(world, idle_seconds=0)
    async with Caller(join_token.server_url, join_token.token) as caller:
        greeting = await caller.hear()
        await caller.silence(SILENCE - 1.2)
        spoken = await caller.say(LONG_QUESTION)
        answered_at = await caller.sound(after=greeting.last_sound_at + 0.5)
        assert answered_at > spoken.last_sound_at
        await world.rest.end(join_token.session_id)
    assert await questions(world, join_token.session_id) == 0


async def test_a_successor_does_not_ask_again(world: World) -> None:
    join_token = await begin(world, idle_seconds=3 * SILENCE)
    async with Caller(join_token.server_url, join_token.token) as caller:
        await caller.hear()
        asked = await caller.hear()
        _, job = await world.serving(join_token.session_id)
        job.kill()
        await caller.sound(after=asked.last_sound_at + 0.5)  # the successor speaks
        await caller.hung_up(within=3 * SILENCE + LATE_REPORTS + 10)
    summary = await asyncio.wait_for(world.session(join_token.session_id).result(), 20)
    assert (summary.end_reason, summary.generations) == (EndReason.IDLE, 2)
    assert await questions(world, join_token.session_id) == 1
