"""The real models, loaded once for all tests of this folder, a server of them, and the quiet before speech."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from livekit import rtc
from livekit.agents.utils import http_context

from agent.speech.embedded import hibari_tts, moonshine_stt
from agent.speech.embedded.speech_server import SpeechServer
from tests.fakes.serving import serving


@pytest.fixture(scope="session")
def synthesizer() -> hibari_tts.Engine:
    return hibari_tts.load()


@pytest.fixture(scope="session")
def recognizer() -> moonshine_stt.Engine:
    return moonshine_stt.load()


@pytest.fixture
async def speech_url(recognizer: moonshine_stt.Engine, synthesizer: hibari_tts.Engine) -> AsyncIterator[str]:
    """A speech server of the real models, and the HTTP session of a job."""
    async with serving(SpeechServer([recognizer], synthesizer).app()) as url, http_context.open():
        yield f"{url}/v1"


@pytest.fixture(scope="session")
def in_a_room() -> Callable[[rtc.AudioFrame], rtc.AudioFrame]:
    """Adds the moment of quiet that comes before speech wherever there are ears: the recognizer counts on it."""

    def heard(frame: rtc.AudioFrame) -> rtc.AudioFrame:
        quiet = bytes(2 * (frame.sample_rate // 5))
        samples = frame.samples_per_channel + frame.sample_rate // 5
        return rtc.AudioFrame(quiet + bytes(frame.data), frame.sample_rate, 1, samples)

    return heard
