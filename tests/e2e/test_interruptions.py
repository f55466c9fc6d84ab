"""Interruptions: words stop the agent at once, a cough or a hum does not."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pytest

from contracts.turns import Turn
from lab.caller import Caller, Heard, Spoken, speech
from lab.caller.speech import SAMPLE_RATE, Samples
from workflows.voice_session import VoiceSession

if TYPE_CHECKING:
    from lab.chaos.world import World

pytestmark = pytest.mark.slow

OPENING = " ".join(
    f"This is sentence number {number} of a very long greeting." for number in ("one", "two", "three", "four")
)
REMARK = "I have another question about my bill please."
INTO_IT_SECONDS = 1.5
STOPS_WITHIN_SECONDS = 0.8
"""`make bench` holds the goal of 0.4 s on an idle machine. Here caller and servers share the cores: 0.66 to 0.78 s were
measured on two busy ones."""
SAME_WORDS = 0.35


def cough() -> Samples:
    """A fading burst of noise: 0.3 s, as loud as a voice."""
    noise = np.random.default_rng(1).normal(0, 9000, SAMPLE_RATE * 3 // 10)
    fading = np.exp(-np.linspace(0, 4, len(noise)))
    return np.clip(noise * fading, -32767, 32767).astype(np.int16)


async def transcript(world: World, session_id: str) -> tuple[Turn, ...]:
    return await world.session(session_id).query(VoiceSession.transcript)


async def into_the_greeting(caller: Caller, text: str, samples: Samples) -> Spoken:
    began = await caller.sound(after=0)
    await caller.sound(after=began + INTO_IT_SECONDS)
    return await caller.utter(text, samples)


async def test_an_interrupted_agent_stops_soon_and_reports_the_played_text(world: World) -> None:
    remark = await speech.synthesize(REMARK)
    stop_seconds: list[float] = []
    for _ in range(3):
        started = await world.rest.start("barger", openingLine=OPENING)
        async with Caller(started.server_url, started.token) as caller:
            spoken = await into_the_greeting(caller, REMARK, remark)
            greeting: Heard = await caller.hear()
            stop_seconds.append(greeting.last_sound_at - spoken.first_sound_at)
            # Once the answer starts, the interrupted turn has been reported.
            await caller.sound(after=max(spoken.last_sound_at, greeting.last_sound_at))
            await world.rest.end(started.session_id)
        turns = await transcript(world, started.session_id)
        assert [turn.role for turn in turns[:2]] == ["agent", "caller"]
        assert turns[0].interrupted
        reported = turns[0].text.removesuffix("...").strip()
        assert OPENING.startswith(reported)
        assert abs(len(speech.words(reported)) - len(speech.words(greeting.text))) <= 2
        assert speech.word_error_rate(REMARK, turns[1].text) <= SAME_WORDS
    assert median(stop_seconds) <= STOPS_WITHIN_SECONDS, stop_seconds


@pytest.mark.parametrize("noise", ["cough", "Mm-hm.", "Yeah."])
async def test_a_noise_does_not_interrupt_a_sentence(world: World, noise: str) -> None:
    samples = cough() if noise == "cough" else await speech.synthesize(noise)
    started = await world.rest.start("listener", openingLine=OPENING)
    # A hum pauses the agent for 1.5 s at most.
    async with Caller(started.server_url, started.token, hangover=2.5) as caller:
        await into_the_greeting(caller, noise, samples)
        greeting = await caller.hear()
        await world.rest.end(started.session_id)
    assert speech.word_error_rate(OPENING, greeting.text) <= SAME_WORDS
    (turn,) = await transcript(world, started.session_id)
    assert (turn.role, turn.text, turn.interrupted, turn.final) == ("agent", OPENING, False, True)


async def test_words_into_the_first_second_are_heard(world: World) -> None:
    started = await world.rest.start("eager", openingLine=OPENING)
    async with Caller(started.server_url, started.token) as caller:
        began = await caller.sound(after=0)
        await caller.sound(after=began + 0.7)
        spoken = await caller.say(REMARK)
        await caller.sound(after=spoken.last_sound_at)
        await world.rest.end(started.session_id)
    turns = await transcript(world, started.session_id)
    assert turns[0].interrupted
    assert speech.word_error_rate(REMARK, turns[1].text) <= SAME_WORDS
