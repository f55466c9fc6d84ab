"""The synthesizer's engine: speech from the first moment on, and no text that it fails on."""

from __future__ import annotations

import numpy as np
import pytest

from agent.speech.embedded.hibari_tts import SAMPLE_RATE, Engine
from agent.speech.embedded.voices import voice_named


def test_speech_begins_at_once(synthesizer: Engine) -> None:
    (phonemes,) = synthesizer.phonemize("The capital of France is Paris.")
    pcm = np.frombuffer(synthesizer.speak(phonemes, voice_named("Ashley")), np.int16)
    onset = int(np.argmax(np.abs(pcm) > 150))
    assert 0 < onset < 0.08 * SAMPLE_RATE


@pytest.mark.parametrize("text", ["\N{SLIGHTLY SMILING FACE}", "...", "***"])
def test_text_without_words_is_no_failure(synthesizer: Engine, text: str) -> None:
    for phonemes in synthesizer.phonemize(text):
        assert len(synthesizer.speak(phonemes, voice_named("Ashley"))) < 2 * 2 * SAMPLE_RATE


@pytest.mark.parametrize("number", ["7" * 60, "123," * 20 + "456", f"{'1' * 60}.{'2' * 60}"])
def test_a_number_without_a_name_is_read_digit_by_digit(synthesizer: Engine, number: str) -> None:
    assert synthesizer.phonemize(f"It costs ${number} today.")
