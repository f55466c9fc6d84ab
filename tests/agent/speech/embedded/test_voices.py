"""The six voices: intelligible, distinct, of the right pace and level."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from livekit import rtc

from agent.speech import SpeechModels
from agent.speech.embedded.hibari_tts import PEAK, SAMPLE_RATE
from agent.speech.embedded.voices import VOICE_SHAPES, voice_named
from contracts.agent_options import VOICES
from lab.caller.speech import word_errors

InARoom = Callable[[rtc.AudioFrame], rtc.AudioFrame]

SENTENCES = (
    "The quick brown fox jumps over the lazy dog near the river.",
    "Please tell me how I can reset my password today.",
)


async def say(models: SpeechModels, voice: str, text: str) -> rtc.AudioFrame:
    return await models.for_voice(voice).tts.synthesize(text).collect()


def median_f0(frame: rtc.AudioFrame) -> float:
    """Fundamental frequency in Hz, by autocorrelation of the loud windows of 100 ms."""
    wave = np.frombuffer(frame.data, np.int16).astype(np.float64) / 32768
    window, found = SAMPLE_RATE // 10, []
    shortest, longest = SAMPLE_RATE // 400, SAMPLE_RATE // 70
    for start in range(0, len(wave) - window, window // 4):
        part = wave[start : start + window]
        if np.sqrt((part**2).mean()) < 0.03:
            continue
        correlation = np.fft.irfft(np.abs(np.fft.rfft(part - part.mean(), 8192)) ** 2)[:longest]
        lag = shortest + int(correlation[shortest:].argmax())
        if correlation[lag] > 0.5 * correlation[0]:
            found.append(SAMPLE_RATE / lag)
    return float(np.median(found))


def test_every_voice_of_the_contract_has_a_shape() -> None:
    assert tuple(VOICE_SHAPES) == VOICES


def test_an_unknown_voice_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'Bob'.*Ashley.*Priya"):
        voice_named("Bob")


@pytest.mark.parametrize("voice", VOICES)
async def test_every_voice_is_intelligible(models: SpeechModels, voice: str, in_a_room: InARoom) -> None:
    wrong = 0
    for sentence in SENTENCES:
        event = await models.for_voice(voice).stt.recognize(in_a_room(await say(models, voice, sentence)))
        wrong += word_errors(sentence, event.alternatives[0].text)
    assert wrong <= 1


async def test_all_voices_differ_in_pitch(models: SpeechModels) -> None:
    measured = {voice: await say(models, voice, SENTENCES[0]) for voice in VOICES}
    pitch = {voice: median_f0(frame) for voice, frame in measured.items()}
    for one, other in combinations(VOICES, 2):
        assert abs(np.log(pitch[one] / pitch[other])) > np.log(1.06), (one, other, pitch)  # a semitone


@pytest.mark.parametrize("voice", ["Craig", "Wendy"])
async def test_the_fast_voices_are_one_point_two_times_faster(models: SpeechModels, voice: str) -> None:
    plain = await say(models, "Ashley", SENTENCES[0])
    fast = await say(models, voice, SENTENCES[0])
    assert plain.duration / fast.duration == pytest.approx(1.2, rel=0.01)


@pytest.mark.parametrize("voice", VOICES)
async def test_no_voice_clips(models: SpeechModels, voice: str) -> None:
    wave = np.frombuffer((await say(models, voice, SENTENCES[0])).data, np.int16)
    assert 0.1 < np.abs(wave.astype(np.int32)).max() / 32767 <= PEAK
