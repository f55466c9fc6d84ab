"""The local models, loaded once for this folder, and a leading silence for speech."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from livekit import rtc

from agent.speech import SpeechModels, load
from settings import SpeechSettings


@pytest.fixture(scope="session")
def models() -> SpeechModels:
    return load(SpeechSettings(stt="moonshine/tiny-en", tts="hibari/default"))


@pytest.fixture(scope="session")
def in_a_room() -> Callable[[rtc.AudioFrame], rtc.AudioFrame]:
    """Prepend the silence that precedes speech in a room; the STT relies on it."""

    def heard(frame: rtc.AudioFrame) -> rtc.AudioFrame:
        quiet = bytes(2 * (frame.sample_rate // 5))
        samples = frame.samples_per_channel + frame.sample_rate // 5
        return rtc.AudioFrame(quiet + bytes(frame.data), frame.sample_rate, 1, samples)

    return heard
