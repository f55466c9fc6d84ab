"""kill -9 of LiveKit after a question: the clients reconnect, and the caller hears the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from lab.caller import Caller
from workflows.voice_session import VoiceSession

if TYPE_CHECKING:
    from lab.chaos.world import World

pytestmark = pytest.mark.slow

ANSWERED_WITHIN = 20.0
"""Seconds from the kill: LiveKit restarts, both sides reconnect, and the answer is repeated."""


async def test_an_answer_during_a_livekit_outage_is_repeated(world: World) -> None:
    started = await world.rest.start("patient", openingLine="Hello there.")
    session = world.session(started.session_id)
    pid = world.stack.pid("livekit")
    async with Caller(started.server_url, started.token) as caller:
        await caller.hear()
        await caller.silence(1.5)
        spoken = await caller.say("What is the capital of France?")
        answered_at = await caller.sound(after=spoken.last_sound_at)
        psutil.Process(pid).kill()
        again_at = await caller.sound(after=answered_at + 1.0, within=ANSWERED_WITHIN)
        while (await caller.hear()).last_sound_at < again_at:
            pass  # the cut-off answer
        await caller.silence(1.0)
        spoken = await caller.say("What is the capital of Spain?")
        await caller.sound(after=spoken.last_sound_at)
        await caller.silence(1.0)
        turns = await session.query(VoiceSession.transcript)
        bill = await world.rest.end(started.session_id)
    await world.replaced("livekit", pid)
    assert bill["errors"] == []
    # What was said into the dead room is no turn, and the agent hears again.
    assert [turn.role for turn in turns] == ["agent", "caller", "agent", "caller", "agent"], [
        turn.text for turn in turns
    ]
    assert {turn.generation for turn in turns} == {1}, "LiveKit was lost, the agent was not"
