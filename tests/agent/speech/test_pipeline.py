"""The parts that a job gets: nobody's service may keep a caller waiting for good, with a spare or without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIStatusError, APITimeoutError, tts
from livekit.agents.utils import http_context
from livekit.plugins import inworld

from agent.speech import SpeechModels, pipeline
from tests.agent.speech.test_fallback import say
from tests.agent.speech.test_hosted import settings
from tests.fakes.speech_services import SOUND, SpeechServices

PLUGINS = (inworld,)
"""Plugins want to be imported on the main thread: here."""
SECONDS = 0.4
INWORLD, OPENAI = "inworld/inworld-tts-1.5-max", "openai/gpt-4o-mini-tts"


@pytest.fixture
async def services() -> AsyncIterator[SpeechServices]:
    async with SpeechServices() as services, http_context.open():
        yield services


@pytest.fixture
async def speaking(
    services: SpeechServices, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tts.TTS[Any]]:
    """A hosted voice without a spare."""
    monkeypatch.setattr(pipeline, "_ANSWER_SECONDS", SECONDS)
    choice = settings(services).model_copy(update={"stt": "deepgram/nova-3", "tts": request.param})
    parts = (await asyncio.to_thread(SpeechModels, choice)).for_voice("Ashley")
    yield parts.tts
    await parts.tts.aclose()


HOWEVER_ASKED = pytest.mark.parametrize(
    ("speaking", "streaming"), [(INWORLD, False), (INWORLD, True), (OPENAI, False)], indirect=["speaking"]
)


@HOWEVER_ASKED
async def test_a_working_tts_is_passed_through(speaking: tts.TTS[Any], streaming: bool) -> None:
    assert await say(speaking, streaming=streaming) == SOUND


@HOWEVER_ASKED
@pytest.mark.parametrize("fault", ["is silent", "stalls"])
async def test_a_silent_or_stalled_tts_times_out(
    services: SpeechServices, speaking: tts.TTS[Any], streaming: bool, fault: str
) -> None:
    services.mute = fault == "is silent"
    services.stall = fault == "stalls"
    with pytest.raises(APITimeoutError):
        async with asyncio.timeout(SECONDS + 3):
            await say(speaking, streaming=streaming)


@pytest.mark.parametrize("speaking", [OPENAI], indirect=True)
async def test_the_tts_is_retried_as_often_as_the_session_says(
    services: SpeechServices, speaking: tts.TTS[Any]
) -> None:
    services.status = 500
    patience = APIConnectOptions(max_retry=2, retry_interval=0, timeout=5)
    with pytest.raises(APIStatusError):
        await speaking.synthesize("Two euros.", conn_options=patience).collect()
    assert len(services.asked) == 3
