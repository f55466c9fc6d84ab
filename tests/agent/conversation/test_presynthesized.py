"""Presynthesized speech: playback, normalization, retries and failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from livekit.agents import APIConnectionError, APIConnectOptions, APIError

from agent.conversation.presynthesized import PresynthesizedSpeech
from tests.fakes.roomless_call import RoomlessCall
from tests.fakes.slow_voice import TENTH, SlowTTS

LINE = "**Tulips** cost $3 \N{TULIP} today."
NO_RETRY = APIConnectOptions(max_retry=0, timeout=5)
ONE_RETRY = APIConnectOptions(max_retry=1, retry_interval=0, timeout=5)
REFUSED = APIConnectionError()
PADDING = 0.02
"""livekit-agents appends a short silence."""


class Call(RoomlessCall):
    """A call whose TTS and loudspeaker the test controls."""

    def __init__(self) -> None:
        self.voice = SlowTTS()
        super().__init__(self.voice, opening_line=LINE)


@pytest_asyncio.fixture
async def call() -> AsyncIterator[Call]:
    async with Call() as call:
        yield call


async def test_playback_starts_before_synthesis_ends(call: Call) -> None:
    call.conversation.presynthesize()
    await call.join()
    await call.begin()
    call.voice.make(TENTH, TENTH)
    await asyncio.wait_for(call.speaker.sounding.wait(), 5)
    call.voice.make(TENTH, None)
    await asyncio.wait_for(call.speaker.complete.wait(), 5)
    call.speaker.finish()
    turn = await asyncio.wait_for(call.host.turns.get(), 5)
    assert (turn.text, turn.interrupted) == (LINE, False)
    assert call.speaker.seconds == pytest.approx(0.3, abs=PADDING)


async def test_the_text_is_synthesized_once_and_normalized(call: Call) -> None:
    call.conversation.presynthesize()
    await call.join()
    await call.begin()
    call.voice.make(TENTH, TENTH, None)
    await asyncio.wait_for(call.speaker.complete.wait(), 5)
    assert [" ".join(text.split()) for text in call.voice.asked] == ["Tulips cost three dollars today."]


async def test_nothing_plays_before_the_floor_is_taken(call: Call) -> None:
    call.voice.make(TENTH, TENTH, None)
    call.conversation.presynthesize()
    await call.join()
    speech = call.conversation.presynthesized
    assert speech is not None
    await asyncio.wait_for(asyncio.shield(speech.synthesis), 5)
    assert call.speaker.seconds == 0
    await call.begin()
    await asyncio.wait_for(call.speaker.complete.wait(), 5)
    assert call.speaker.seconds == pytest.approx(0.2, abs=PADDING)


async def test_an_early_failure_falls_back_to_plain_synthesis(call: Call) -> None:
    """Errors before the session starts are not handled."""
    call.conversation.presynthesize()
    call.voice.make(REFUSED)
    speech = call.conversation.presynthesized
    assert speech is not None
    with pytest.raises(APIError):
        await asyncio.wait_for(speech.synthesis, 5)
    await call.join()
    await call.begin()
    call.voice.make(TENTH, TENTH, None)
    await asyncio.wait_for(call.speaker.complete.wait(), 5)
    assert len(call.voice.asked) == 2


async def test_a_failure_before_the_first_frame_is_a_tts_error(call: Call) -> None:
    call.conversation.presynthesize()
    await call.join()
    await call.begin()
    call.voice.make(REFUSED)
    event = await asyncio.wait_for(call.errors.get(), 5)
    assert (event.error.type, event.error.recoverable) == ("tts_error", False)
    assert call.speaker.seconds == 0


async def test_a_failure_during_playback_interrupts_and_the_agent_listens(call: Call) -> None:
    call.conversation.presynthesize()
    await call.join()
    await call.begin()
    call.voice.make(TENTH, TENTH)
    await asyncio.wait_for(call.speaker.sounding.wait(), 5)
    call.voice.make(REFUSED)
    event = await asyncio.wait_for(call.errors.get(), 5)
    assert event.error.type == "tts_error"
    turn = await asyncio.wait_for(call.host.turns.get(), 5)
    assert turn.interrupted
    assert call.session.agent_state == "listening"


async def played_seconds(speech: PresynthesizedSpeech) -> float:
    return sum([frame.duration async for frame in speech.frames(lambda: None)])


async def test_frames_of_a_failed_attempt_are_dropped() -> None:
    voice = SlowTTS()
    speech = PresynthesizedSpeech("Hello.", voice, ONE_RETRY)
    voice.make(TENTH, TENTH, REFUSED, TENTH, None)
    await asyncio.wait_for(asyncio.shield(speech.synthesis), 5)
    assert await played_seconds(speech) == pytest.approx(0.1, abs=PADDING)


async def test_played_speech_is_not_restarted() -> None:
    voice = SlowTTS()
    speech = PresynthesizedSpeech("Hello.", voice, ONE_RETRY)
    interrupted: list[str] = []
    voice.make(TENTH, TENTH)
    sound = speech.frames(lambda: interrupted.append("yes"))
    async with asyncio.timeout(5):
        first = await anext(sound)
        voice.make(REFUSED, TENTH, TENTH, TENTH, None)
        rest = [frame async for frame in sound]
    assert interrupted == ["yes"]
    assert first.duration + sum(frame.duration for frame in rest) <= 0.2 + PADDING


async def test_other_tasks_run_between_frames() -> None:
    voice = SlowTTS()
    speech = PresynthesizedSpeech("Hello.", voice, NO_RETRY)
    voice.make(TENTH, None)
    await asyncio.wait_for(asyncio.shield(speech.synthesis), 5)
    sound = speech.frames(lambda: None)
    await anext(sound)
    others: list[str] = []
    asyncio.get_running_loop().call_soon(others.append, "ran")
    await anext(sound)
    assert others == ["ran"]


async def test_text_without_words_is_not_synthesized() -> None:
    voice = SlowTTS()
    assert await played_seconds(PresynthesizedSpeech("\N{TULIP}", voice, NO_RETRY)) == 0
    assert voice.asked == []
