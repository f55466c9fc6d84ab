"""Each of the six voices says what it should, and no two of them sound alike."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.speech.embedded import moonshine_stt
from agent.speech.embedded.hibari_tts import PEAK, SAMPLE_RATE, Engine
from agent.speech.embedded.utterances import from_pcm
from agent.speech.embedded.voices import VOICE_SHAPES, voice_named
from contracts.agent_options import VOICES
from lab.caller.speech import word_errors

SENTENCES = (
    "The quick brown fox jumps over the lazy dog near the river.",
    "Please tell me how I can reset my password today.",
)


def say(synthesizer: Engine, voice: str, text: str) -> NDArray[np.int16]:
    (phonemes,) = synthesizer.phonemize(text)
    return np.frombuffer(synthesizer.speak(phonemes, voice_named(voice)), np.int16)


def median_f0(spoken: NDArray[np.int16]) -> float:
    """Fundamental frequency in Hz, by autocorrelation of the loud windows of 100 ms."""
    wave = spoken.astype(np.float64) / 32768
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
def test_what_a_voice_says_is_understood(synthesizer: Engine, recognizer: moonshine_stt.Engine, voice: str) -> None:
    wrong = 0
    for sentence in SENTENCES:
        quiet_before = bytes(2 * SAMPLE_RATE // 5)
        heard = from_pcm(quiet_before + say(synthesizer, voice, sentence).tobytes(), SAMPLE_RATE)
        wrong += word_errors(sentence, recognizer.transcribe(heard))
    assert wrong <= 1


def test_no_two_voices_sound_alike(synthesizer: Engine) -> None:
    pitch = {voice: median_f0(say(synthesizer, voice, SENTENCES[0])) for voice in VOICES}
    for one, other in combinations(VOICES, 2):
        assert abs(np.log(pitch[one] / pitch[other])) > np.log(1.06), (one, other, pitch)  # a semitone


@pytest.mark.parametrize("voice", ["Craig", "Wendy"])
def test_the_fast_voices_speak_at_one_point_two_times(synthesizer: Engine, voice: str) -> None:
    plain, fast = (say(synthesizer, each, SENTENCES[0]) for each in ("Ashley", voice))
    assert len(plain) / len(fast) == pytest.approx(1.2, rel=0.01)


@pytest.mark.parametrize("voice", VOICES)
def test_no_voice_clips(synthesizer: Engine, voice: str) -> None:
    wave = say(synthesizer, voice, SENTENCES[0])
    assert 0.1 < np.abs(wave.astype(np.int32)).max() / 32767 <= PEAK
