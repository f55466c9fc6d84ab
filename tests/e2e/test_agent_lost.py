"""kill -9 of the agent during a call: a successor speaks soon and knows the transcript."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import pytest

from lab.caller import Caller, speech
from workflows.voice_session import VoiceSession

if TYPE_CHECKING:
    from lab.chaos.world import World

pytestmark = pytest.mark.slow

OPENING = "Welcome to the museum. How can I help you?"
BACK_WITHIN = 4.0
"""Seconds from the kill to the successor's voice on a busy machine."""


async def test_a_successor_speaks_soon_and_knows_the_transcript(world: World) -> None:
    started = await world.rest.start("survivor", openingLine=OPENING)
    session = world.session(started.session_id)
    async with Caller(started.server_url, started.token) as caller:
        first = await caller.hear()
        await caller.silence(1.5)
        spoken = await caller.say("My name is Robert and I live in London.")
        await caller.sound(after=spoken.last_sound_at)
        await caller.silence(1.5)
        before = await session.query(VoiceSession.transcript)
        (job,) = world.busy_jobs("agent")
        killed_at = monotonic()
        job.kill()
        newcomer = await caller.agent_present(other_than=first.identity)
        back_at = await caller.sound(after=killed_at, identity=newcomer)
        again = await caller.hear(identity=newcomer)
        assert back_at - killed_at < BACK_WITHIN
        assert speech.word_error_rate(OPENING, again.text) > 0.5, "it greeted a second time"
        await caller.say("What is my name?")
        assert speech.words((await caller.hear()).text)
        spans = [
            (s.identity[:7], round(s.start - killed_at, 2), round(s.end - killed_at, 2))
            for s in caller.timeline.spans()
        ]
        assert caller.timeline.overlap() == 0, spans
        bill = await world.rest.end(started.session_id)
    assert bill["errors"] == []
    turns = await session.query(VoiceSession.transcript)
    assert turns[: len(before)] == before
    assert [turn.text for turn in turns].count(OPENING) == 1
    assert {turn.generation for turn in turns} == {1, 2}
    assert (await session.result()).generations == 2
