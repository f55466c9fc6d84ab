"""The recognizer's engine: nothing carried from one utterance to the next, no words from noise, a clean exit."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.speech.embedded import hibari_tts
from agent.speech.embedded.moonshine_stt import Engine
from agent.speech.embedded.utterances import from_pcm
from agent.speech.embedded.voices import voice_named

SENTENCE = "Please tell me how I can reset my password today."


@pytest.fixture
def spoken(synthesizer: hibari_tts.Engine) -> NDArray[np.float32]:
    (phonemes,) = synthesizer.phonemize(SENTENCE)
    return from_pcm(bytes(9600) + synthesizer.speak(phonemes, voice_named("Ashley")), 24_000)


def test_an_utterance_cut_short_leaves_nothing_for_the_next(recognizer: Engine, spoken: NDArray[np.float32]) -> None:
    alone = recognizer.transcribe(spoken)
    recognizer.transcribe(spoken[: len(spoken) // 2])
    assert recognizer.transcribe(spoken) == alone != ""


@pytest.mark.parametrize("loudness", [0, 300])
def test_noise_without_speech_is_no_text(recognizer: Engine, loudness: int) -> None:
    noise = np.random.default_rng(1).standard_normal(32_000) * loudness / 32768
    assert recognizer.transcribe(noise.astype(np.float32)) == ""


def test_a_process_that_heard_something_exits_cleanly_without_telemetry() -> None:
    """Moonshine's own clean-up kills the process at its exit; onnxruntime starts a thread and looks up its vendor."""
    script = """
from pathlib import Path
from agent.speech.embedded import hibari_tts as h, moonshine_stt as m
before = len(list(Path("/proc/self/task").iterdir()))
h.load()
assert len(list(Path("/proc/self/task").iterdir())) == before, "threads of onnxruntime"
m.load()
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=60, capture_output=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
