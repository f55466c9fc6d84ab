"""The real models, loaded once for all tests of this folder, and a plain measure of words gone wrong."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from livekit import rtc

from agent.speech import SpeechModels, load
from settings import SpeechSettings


@pytest.fixture(scope="session")
def models() -> SpeechModels:
    return load(SpeechSettings(stt="moonshine/tiny-en", tts="hibari/default"))


@pytest.fixture(scope="session")
def word_errors() -> Callable[[str, str], int]:
    """Edit distance in words between what was said and what was heard, ignoring case and punctuation."""

    def count(said: str, heard: str) -> int:
        expected, got = (re.findall(r"[a-z0-9']+", text.lower()) for text in (said, heard))
        row = list(range(len(got) + 1))
        for i, word in enumerate(expected, 1):
            previous, row[0] = row[0], i
            for j, other in enumerate(got, 1):
                previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
        return row[-1]

    return count


@pytest.fixture(scope="session")
def in_a_room() -> Callable[[rtc.AudioFrame], rtc.AudioFrame]:
    """Adds the moment of quiet that comes before speech wherever there are ears: the recognizer counts on it."""

    def heard(frame: rtc.AudioFrame) -> rtc.AudioFrame:
        quiet = bytes(2 * (frame.sample_rate // 5))
        samples = frame.samples_per_channel + frame.sample_rate // 5
        return rtc.AudioFrame(quiet + bytes(frame.data), frame.sample_rate, 1, samples)

    return heard
