"""Timeouts of hosted TTS without a fallback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIStatusError, APITimeoutError, tts
from livekit.plugins import inworld

from agent.speech import SpeechModels, pipeline
from tests.agent.speech.test_fallback import say
from tests.agent.speech.test_hosted import settings
from tests.fakes.speech_services import SOUND, SpeechServices

PLUGINS = (inworld,)
"""Imported here because plugins must be imported on the main thread."""
SECONDS = 0.4
INWORLD, OPENAI, LOCAL = "inworld/inworld-tts-1.5-max", "openai/gpt-4o-mini-tts", "local/default"


@pytest.fixture
async def voice(
    services: SpeechServices, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tts.TTS[Any]]:
    """A hosted TTS without a fallback."""
    monkeypatch.setattr(pipeline, "_ANSWER_SECONDS", SECONDS)
    choice = settings(services).model_copy(update={"stt": "deepgram/nova-3", "tts": request.param})
    parts = (await asyncio.to_thread(SpeechModels, choice)).for_voice("Ashley")
    yield parts.tts
    await parts.tts.aclose()


EACH_REQUEST = pytest.mark.parametrize(
    ("voice", "streaming"), [(INWORLD, False), (INWORLD, True), (OPENAI, False), (LOCAL, False)], indirect=["voice"]
)


@EACH_REQUEST
async def test_a_working_tts_is_passed_through(voice: tts.TTS[Any], streaming: bool) -> None:
    assert await say(voice, streaming=streaming) == SOUND


@EACH_REQUEST
@pytest.mark.parametrize("fault", ["is silent", "stalls"])
async def test_a_silent_or_stalled_tts_times_out(
    services: SpeechServices, voice: tts.TTS[Any], streaming: bool, fault: str
) -> None:
    services.mute = fault == "is silent"
    services.stall = fault == "stalls"
    with pytest.raises(APITimeoutError):
        async with asyncio.timeout(SECONDS + 3):
            await say(voice, streaming=streaming)


@pytest.mark.parametrize("voice", [OPENAI], indirect=True)
async def test_the_tts_is_retried_as_often_as_the_session_says(services: SpeechServices, voice: tts.TTS[Any]) -> None:
    services.status = 500
    options = APIConnectOptions(max_retry=2, retry_interval=0, timeout=5)
    with pytest.raises(APIStatusError):
        await voice.synthesize("Two euros.", conn_options=options).collect()
    assert len(services.asked) == 3
