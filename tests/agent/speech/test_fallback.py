"""Fallbacks of failing providers: real plugins, against services that refuse, are silent or close."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIError, inference, llm, stt, tts
from livekit.plugins import assemblyai, deepgram, inworld
from pydantic import SecretStr

from agent.conversation.prewarm import prewarm
from agent.speech import hosted, language_model, load
from agent.speech.fallback import Availability, Fallback, llm_fallback, stt_fallback, tts_fallback
from settings import SpeechSettings
from tests.agent.speech.test_hosted import settings, sound
from tests.fakes.speech_services import ANSWER, HEARD, SOUND, SpeechServices

PLUGINS = (assemblyai, deepgram, inworld)
"""Imported here because plugins must be imported on the main thread."""
SECONDS = 0.6
NO_RETRY = APIConnectOptions(max_retry=0, timeout=SECONDS)
FAULTS = ["refuses", "is out of quota", "is silent"]


@pytest.fixture
def first(services: SpeechServices) -> SpeechServices:
    return services


@pytest.fixture
async def second() -> AsyncIterator[SpeechServices]:
    async with SpeechServices() as services:
        yield services


def fail(services: SpeechServices, fault: str) -> None:
    services.status = {"refuses": 401, "is out of quota": 429}.get(fault, 200)
    services.mute = fault == "is silent"


class Changes:
    """Records the changes of availability of a fallback."""

    def __init__(self, fallback: Fallback) -> None:
        self.all: list[Availability] = []
        self._changed = asyncio.Event()
        fallback.watch(self._on_change)

    def _on_change(self, change: Availability) -> None:
        self.all.append(change)
        self._changed.set()

    async def until(self, change: Availability) -> None:
        async with asyncio.timeout(5):
            while change not in self.all:
                self._changed.clear()
                await self._changed.wait()


def streaming_stts(first: SpeechServices, second: SpeechServices) -> tuple[stt.STT[Any], Fallback]:
    return stt_fallback(
        [
            ("deepgram/nova-3", hosted.deepgram_stt("nova-3", settings(first))()),
            ("assemblyai/u", hosted.assemblyai_stt("universal-streaming-english", settings(second))()),
        ],
        inference.VAD(),
        SECONDS,
    )


async def hear(recognizer: stt.STT[Any]) -> str:
    """Push speech until a final transcript arrives."""
    async with recognizer.stream(conn_options=NO_RETRY) as stream:

        async def speak() -> None:
            while True:
                stream.push_frame(sound(0.1))
                await asyncio.sleep(0.02)

        speaking = asyncio.create_task(speak())
        try:
            async for event in stream:
                if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT:
                    return event.alternatives[0].text
        finally:
            speaking.cancel()
    raise AssertionError("no final transcript")


@pytest.mark.parametrize("fault", [*FAULTS, "breaks off"])
async def test_a_failed_stt_is_replaced_by_its_fallback(
    first: SpeechServices, second: SpeechServices, fault: str
) -> None:
    fail(first, fault)
    first.hang_up = fault == "breaks off"
    recognizer, fallback = streaming_stts(first, second)
    changes = Changes(fallback)
    began = time.monotonic()
    assert await hear(recognizer) == HEARD
    assert time.monotonic() - began < SECONDS + 1
    assert changes.all == [Availability("stt", "deepgram/nova-3", available=False, next_up="assemblyai/u")]
    await recognizer.aclose()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failed_utterance_goes_to_the_fallback(
    first: SpeechServices, second: SpeechServices, fault: str
) -> None:
    fail(first, fault)
    providers = [
        ("openai/one", hosted.openai_stt("one", settings(first))()),
        ("openai/two", hosted.openai_stt("two", settings(second))()),
    ]
    recognizer, fallback = stt_fallback(providers, inference.VAD(), SECONDS)
    changes = Changes(fallback)
    event = await recognizer.recognize([sound()], conn_options=NO_RETRY)
    assert event.alternatives[0].text == HEARD
    assert changes.all == [Availability("stt", "openai/one", available=False, next_up="openai/two")]
    assert isinstance(recognizer, stt.StreamAdapter)  # segmented by VAD, as without a fallback


def voices(first: SpeechServices, second: SpeechServices) -> tuple[tts.TTS[Any], Fallback]:
    return tts_fallback(
        [
            ("inworld/m", hosted.inworld_tts("inworld-tts-1.5-max", settings(first))("Craig")),
            ("openai/m", hosted.openai_tts("gpt-4o-mini-tts", settings(second))("Craig")),
        ],
        SECONDS,
    )


async def say(voice: tts.TTS[Any], *, streaming: bool) -> bytes:
    if not streaming:
        return bytes((await voice.synthesize(ANSWER, conn_options=NO_RETRY).collect()).data).rstrip(b"\0")
    async with voice.stream(conn_options=NO_RETRY) as stream:
        stream.push_text(ANSWER)
        stream.end_input()
        return b"".join([bytes(event.frame.data) async for event in stream]).rstrip(b"\0")


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failed_tts_is_replaced_by_its_fallback(
    first: SpeechServices, second: SpeechServices, fault: str, streaming: bool
) -> None:
    fail(first, fault)
    voice, fallback = voices(first, second)
    changes = Changes(fallback)
    began = time.monotonic()
    assert await say(voice, streaming=streaming) == SOUND
    assert time.monotonic() - began < SECONDS + 1
    assert changes.all == [Availability("tts", "inworld/m", available=False, next_up="openai/m")]
    assert second.asked[0].body["voice"] == "echo"
    await voice.aclose()


async def test_a_tts_that_closes_before_its_first_audio_is_replaced(
    first: SpeechServices, second: SpeechServices
) -> None:
    first.hang_up = True
    voice, _ = voices(first, second)
    assert await say(voice, streaming=True) == SOUND
    await voice.aclose()


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_tts_that_stalls_in_a_sentence_fails(
    first: SpeechServices, second: SpeechServices, streaming: bool
) -> None:
    """Audio that was played is not repeated; the next sentence uses the fallback."""
    first.stall = True
    voice, fallback = voices(first, second)
    changes = Changes(fallback)
    async with asyncio.timeout(SECONDS + 2):
        sound = await say(voice, streaming=streaming)
    assert 0 < len(sound) < len(SOUND)
    assert changes.all == [Availability("tts", "inworld/m", available=False, next_up="openai/m")]
    assert second.asked == []
    assert await say(voice, streaming=streaming) == SOUND
    assert len(second.asked) == 1
    await voice.aclose()


async def test_a_recovered_tts_is_used_again(first: SpeechServices, second: SpeechServices) -> None:
    fail(first, "refuses")
    voice, fallback = voices(first, second)
    changes = Changes(fallback)
    await say(voice, streaming=False)
    fail(first, "nothing")
    await say(voice, streaming=False)
    await changes.until(Availability("tts", "inworld/m", available=True, next_up="inworld/m"))
    asked_before = len(second.asked)
    assert await say(voice, streaming=False) == SOUND
    assert len(second.asked) == asked_before
    await voice.aclose()


async def test_the_failure_of_all_providers_is_an_error(first: SpeechServices, second: SpeechServices) -> None:
    fail(first, "refuses")
    fail(second, "is out of quota")
    voice, fallback = voices(first, second)
    changes = Changes(fallback)
    with pytest.raises(APIError):
        await say(voice, streaming=False)
    assert changes.all[-1] == Availability("tts", "openai/m", available=False, next_up=None)
    await voice.aclose()


def llms(first: SpeechServices, second: SpeechServices) -> tuple[llm.LLM[Any], Fallback]:
    endpoints = language_model.endpoints(
        SpeechSettings(
            llm_base_url=f"{first.url}/v1",
            llm_model="one",
            llm_fallback_base_url=f"{second.url}/v1",
            llm_fallback_api_key=SecretStr("its-key"),
            llm_fallback_model="two",
        )
    )
    return llm_fallback([(each.name, language_model.build(each)) for each in endpoints], SECONDS)


async def complete(model: llm.LLM[Any]) -> str:
    context = llm.ChatContext.empty()
    context.add_message(role="user", content=HEARD)
    async with model.chat(chat_ctx=context, conn_options=NO_RETRY) as stream:
        return "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failed_llm_is_replaced_by_its_fallback(
    first: SpeechServices, second: SpeechServices, fault: str
) -> None:
    fail(first, fault)
    model, fallback = llms(first, second)
    changes = Changes(fallback)
    assert await complete(model) == ANSWER
    assert changes.all == [Availability("llm", "127.0.0.1/one", available=False, next_up="127.0.0.1/two")]
    assert second.asked[0].headers["authorization"] == "Bearer its-key"


async def test_an_llm_that_stalls_in_an_answer_fails(first: SpeechServices, second: SpeechServices) -> None:
    first.stall = True
    model, fallback = llms(first, second)
    changes = Changes(fallback)
    with pytest.raises(APIError):
        async with asyncio.timeout(SECONDS + 2):
            await complete(model)
    assert changes.all == [Availability("llm", "127.0.0.1/one", available=False, next_up="127.0.0.1/two")]
    assert second.asked == []
    assert await complete(model) == ANSWER


@pytest.mark.parametrize("fault", ["nothing", "refuses", "is silent"])
async def test_a_process_prewarms_with_fallbacks_even_if_providers_fail(
    first: SpeechServices, second: SpeechServices, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fail(first, fault)
    choice = settings(first).model_copy(
        update={
            "stt": "deepgram/nova-3",
            "stt_fallback": "assemblyai/universal-streaming-english",
            "tts": "inworld/inworld-tts-1.5-max",
            "tts_fallback": "openai/gpt-4o-mini-tts",
            "llm_fallback_base_url": f"{second.url}/v1",
            "llm_fallback_model": "any",
            "fallback_after_seconds": SECONDS,
        }
    )
    loaded = await asyncio.to_thread(load, choice)
    await prewarm(loaded)
    assert {fallback.part for fallback in loaded.for_voice("Priya").fallbacks} == {"stt", "llm", "tts"}
    assert {request.path for request in first.asked} >= {"/tts/v1/voice:stream"}
    assert "a-secret-key" not in caplog.text
