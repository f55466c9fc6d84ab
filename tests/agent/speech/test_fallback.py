"""A provider that fails has a spare: real plugins, against services that refuse, are silent or break off."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIError, inference, llm, stt, tts
from livekit.agents.utils import http_context
from livekit.plugins import assemblyai, deepgram, inworld
from pydantic import SecretStr

from agent.conversation.prewarm import prewarm
from agent.speech import hosted, language_model, load
from agent.speech.fallback import Availability, Fallback, llm_fallback, stt_fallback, tts_fallback
from settings import SpeechSettings
from tests.agent.speech.test_hosted import settings, sound
from tests.fakes.speech_services import ANSWER, HEARD, SOUND, SpeechServices

PLUGINS = (assemblyai, deepgram, inworld)
"""Plugins want to be imported on the main thread: here."""
PATIENCE = 0.6
ONE_TRY = APIConnectOptions(max_retry=0, timeout=PATIENCE)
FAULTS = ["refuses", "is out of quota", "is silent"]


@pytest.fixture
async def first() -> AsyncIterator[SpeechServices]:
    async with SpeechServices() as services, http_context.open():
        yield services


@pytest.fixture
async def second() -> AsyncIterator[SpeechServices]:
    async with SpeechServices() as services:
        yield services


def strike(services: SpeechServices, fault: str) -> None:
    services.status = {"refuses": 401, "is out of quota": 429}.get(fault, 200)
    services.mute = fault == "is silent"


class News:
    """What a fallback reports."""

    def __init__(self, fallback: Fallback) -> None:
        self.all: list[Availability] = []
        self._came = asyncio.Event()
        fallback.watch(self._on_news)

    def _on_news(self, news: Availability) -> None:
        self.all.append(news)
        self._came.set()

    async def until(self, news: Availability) -> None:
        async with asyncio.timeout(5):
            while news not in self.all:
                self._came.clear()
                await self._came.wait()


def streaming_ears(first: SpeechServices, second: SpeechServices) -> tuple[stt.STT[Any], Fallback]:
    return stt_fallback(
        [
            ("deepgram/nova-3", hosted.deepgram_stt("nova-3", settings(first))()),
            ("assemblyai/u", hosted.assemblyai_stt("universal-streaming-english", settings(second))()),
        ],
        inference.VAD(),
        PATIENCE,
    )


async def hear(hearing: stt.STT[Any]) -> str:
    """A caller who goes on speaking until they are heard."""
    async with hearing.stream(conn_options=ONE_TRY) as stream:

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
    raise AssertionError("nothing was heard")


@pytest.mark.parametrize("fault", [*FAULTS, "breaks off"])
async def test_a_failed_stt_is_replaced_by_its_fallback(
    first: SpeechServices, second: SpeechServices, fault: str
) -> None:
    strike(first, fault)
    first.hang_up = fault == "breaks off"
    hearing, fallback = streaming_ears(first, second)
    news = News(fallback)
    began = time.monotonic()
    assert await hear(hearing) == HEARD
    assert time.monotonic() - began < PATIENCE + 1
    assert news.all == [Availability("stt", "deepgram/nova-3", available=False, next_up="assemblyai/u")]
    await hearing.aclose()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failed_utterance_goes_to_the_fallback(
    first: SpeechServices, second: SpeechServices, fault: str
) -> None:
    strike(first, fault)
    providers = [
        ("openai/one", hosted.openai_stt("one", settings(first))()),
        ("openai/two", hosted.openai_stt("two", settings(second))()),
    ]
    hearing, fallback = stt_fallback(providers, inference.VAD(), PATIENCE)
    news = News(fallback)
    event = await hearing.recognize([sound()], conn_options=ONE_TRY)
    assert event.alternatives[0].text == HEARD
    assert news.all == [Availability("stt", "openai/one", available=False, next_up="openai/two")]
    assert isinstance(hearing, stt.StreamAdapter)  # cut by our own ears, as without a spare


def voices(first: SpeechServices, second: SpeechServices) -> tuple[tts.TTS[Any], Fallback]:
    return tts_fallback(
        [
            ("inworld/m", hosted.inworld_tts("inworld-tts-1.5-max", settings(first))("Craig")),
            ("openai/m", hosted.openai_tts("gpt-4o-mini-tts", settings(second))("Craig")),
        ],
        PATIENCE,
    )


async def say(speaking: tts.TTS[Any], *, streaming: bool) -> bytes:
    if not streaming:
        return bytes((await speaking.synthesize(ANSWER, conn_options=ONE_TRY).collect()).data).rstrip(b"\0")
    async with speaking.stream(conn_options=ONE_TRY) as stream:
        stream.push_text(ANSWER)
        stream.end_input()
        return b"".join([bytes(event.frame.data) async for event in stream]).rstrip(b"\0")


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failed_tts_is_replaced_by_its_fallback(
    first: SpeechServices, second: SpeechServices, fault: str, streaming: bool
) -> None:
    strike(first, fault)
    speaking, fallback = voices(first, second)
    news = News(fallback)
    began = time.monotonic()
    assert await say(speaking, streaming=streaming) == SOUND
    assert time.monotonic() - began < PATIENCE + 1
    assert news.all == [Availability("tts", "inworld/m", available=False, next_up="openai/m")]
    assert second.asked[0].body["voice"] == "echo"
    await speaking.aclose()


async def test_a_tts_that_closes_before_its_first_audio_is_replaced(
    first: SpeechServices, second: SpeechServices
) -> None:
    first.hang_up = True
    speaking, _ = voices(first, second)
    assert await say(speaking, streaming=True) == SOUND
    await speaking.aclose()


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_tts_that_stalls_in_a_sentence_fails(
    first: SpeechServices, second: SpeechServices, streaming: bool
) -> None:
    """What had sounded is not said again by another; the next sentence is."""
    first.stall = True
    speaking, fallback = voices(first, second)
    news = News(fallback)
    async with asyncio.timeout(PATIENCE + 2):
        sound = await say(speaking, streaming=streaming)
    assert 0 < len(sound) < len(SOUND)
    assert news.all == [Availability("tts", "inworld/m", available=False, next_up="openai/m")]
    assert second.asked == []
    assert await say(speaking, streaming=streaming) == SOUND
    assert len(second.asked) == 1
    await speaking.aclose()


async def test_a_recovered_tts_is_used_again(first: SpeechServices, second: SpeechServices) -> None:
    strike(first, "refuses")
    speaking, fallback = voices(first, second)
    news = News(fallback)
    await say(speaking, streaming=False)
    strike(first, "nothing")
    await say(speaking, streaming=False)
    await news.until(Availability("tts", "inworld/m", available=True, next_up="inworld/m"))
    asked_before = len(second.asked)
    assert await say(speaking, streaming=False) == SOUND
    assert len(second.asked) == asked_before
    await speaking.aclose()


async def test_the_failure_of_all_providers_is_an_error(first: SpeechServices, second: SpeechServices) -> None:
    strike(first, "refuses")
    strike(second, "is out of quota")
    speaking, fallback = voices(first, second)
    news = News(fallback)
    with pytest.raises(APIError):
        await say(speaking, streaming=False)
    assert news.all[-1] == Availability("tts", "openai/m", available=False, next_up=None)
    await speaking.aclose()


def minds(first: SpeechServices, second: SpeechServices) -> tuple[llm.LLM[Any], Fallback]:
    endpoints = language_model.endpoints(
        SpeechSettings(
            llm_base_url=f"{first.url}/v1",
            llm_model="one",
            llm_fallback_base_url=f"{second.url}/v1",
            llm_fallback_api_key=SecretStr("its-key"),
            llm_fallback_model="two",
        )
    )
    return llm_fallback([(each.name, language_model.build(each)) for each in endpoints], PATIENCE)


async def think(thinking: llm.LLM[Any]) -> str:
    context = llm.ChatContext.empty()
    context.add_message(role="user", content=HEARD)
    async with thinking.chat(chat_ctx=context, conn_options=ONE_TRY) as stream:
        return "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failed_llm_is_replaced_by_its_fallback(
    first: SpeechServices, second: SpeechServices, fault: str
) -> None:
    strike(first, fault)
    thinking, fallback = minds(first, second)
    news = News(fallback)
    assert await think(thinking) == ANSWER
    assert news.all == [Availability("llm", "127.0.0.1/one", available=False, next_up="127.0.0.1/two")]
    assert second.asked[0].headers["authorization"] == "Bearer its-key"


async def test_an_llm_that_stalls_in_an_answer_fails(first: SpeechServices, second: SpeechServices) -> None:
    first.stall = True
    thinking, fallback = minds(first, second)
    news = News(fallback)
    with pytest.raises(APIError):
        async with asyncio.timeout(PATIENCE + 2):
            await think(thinking)
    assert news.all == [Availability("llm", "127.0.0.1/one", available=False, next_up="127.0.0.1/two")]
    assert second.asked == []
    assert await think(thinking) == ANSWER


@pytest.mark.parametrize("fault", ["nothing", "refuses", "is silent"])
async def test_a_process_prewarms_with_fallbacks_even_if_providers_fail(
    first: SpeechServices, second: SpeechServices, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    strike(first, fault)
    choice = settings(first).model_copy(
        update={
            "stt": "deepgram/nova-3",
            "stt_fallback": "assemblyai/universal-streaming-english",
            "tts": "inworld/inworld-tts-1.5-max",
            "tts_fallback": "openai/gpt-4o-mini-tts",
            "llm_fallback_base_url": f"{second.url}/v1",
            "llm_fallback_model": "any",
            "fallback_after_seconds": PATIENCE,
        }
    )
    models = await asyncio.to_thread(load, choice)
    await prewarm(models)
    assert {fallback.part for fallback in models.for_voice("Priya").fallbacks} == {"stt", "llm", "tts"}
    assert {request.path for request in first.asked} >= {"/tts/v1/voice:stream"}
    assert "a-secret-key" not in caplog.text
