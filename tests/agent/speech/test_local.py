"""The local speech server as STT and TTS of a job: it is understood, and its failures are those of any provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError, APITimeoutError, tts
from livekit.agents.utils import http_context

from agent.speech.local import Endpoint, LocalSTT, LocalTTS
from lab.caller.speech import word_errors
from tests.fakes.speech_services import HEARD, SpeechServices

TEXT = "This is the first sentence. This is the second sentence. This is the third. And here is the fourth one."
SENTENCE = "Please tell me how I can reset my password today."
ONE_TRY = APIConnectOptions(max_retry=0, timeout=0.3)
SOUND = rtc.AudioFrame(bytes(48_000), 24_000, 1, 24_000)


@pytest.fixture
async def services() -> AsyncIterator[SpeechServices]:
    async with SpeechServices() as services, http_context.open():
        yield services


async def test_a_streamed_answer_is_spoken_whole(speech_url: str) -> None:
    """As the session does it: words arrive one by one, a sentence adapter feeds the synthesizer."""
    adapter = tts.StreamAdapter(tts=LocalTTS(Endpoint(speech_url, "default"), "Wendy"))
    async with adapter.stream() as stream:
        for word in TEXT.split():
            stream.push_text(word + " ")
        stream.end_input()
        frames = [event.frame async for event in stream]
    event = await LocalSTT(Endpoint(speech_url, "tiny-en")).recognize(rtc.combine_audio_frames(frames))
    heard = event.alternatives[0].text.lower()
    assert all(word in heard for word in ("first", "second", "third", "fourth"))


async def test_speech_at_48_khz_stereo_in_small_frames_is_understood(
    speech_url: str, in_a_room: Callable[[rtc.AudioFrame], rtc.AudioFrame]
) -> None:
    spoken = await LocalTTS(Endpoint(speech_url, "default"), "Ashley").synthesize(SENTENCE).collect()
    resampler = rtc.AudioResampler(24_000, 48_000)
    frames = [*resampler.push(in_a_room(spoken)), *resampler.flush()]
    stereo = [
        rtc.AudioFrame(np.repeat(np.frombuffer(f.data, np.int16), 2).tobytes(), 48_000, 2, f.samples_per_channel)
        for f in frames
    ]
    event = await LocalSTT(Endpoint(speech_url, "tiny-en")).recognize(stereo)
    assert word_errors(SENTENCE, event.alternatives[0].text) == 0


async def test_the_voice_and_the_model_are_sent(services: SpeechServices) -> None:
    await LocalTTS(Endpoint(f"{services.url}/v1", "default"), "Craig").synthesize(SENTENCE).collect()
    assert services.asked[-1].body == {
        "model": "default",
        "input": SENTENCE,
        "voice": "Craig",
        "response_format": "pcm",
    }
    event = await LocalSTT(Endpoint(f"{services.url}/v1", "tiny-en")).recognize(SOUND)
    assert event.alternatives[0].text == HEARD
    assert services.asked[-1].body == {"model": "tiny-en"}
    assert services.audio_bytes > 48_000


async def failure(base_url: str, part: str) -> APIError:
    with pytest.raises(APIError) as failed:
        if part == "stt":
            await LocalSTT(Endpoint(base_url, "any")).recognize(SOUND, conn_options=ONE_TRY)
        else:
            await LocalTTS(Endpoint(base_url, "any"), "Ashley").synthesize("Hi.", conn_options=ONE_TRY).collect()
    return failed.value


@pytest.mark.parametrize("part", ["stt", "tts"])
async def test_refusal_silence_and_absence_are_failures_of_the_framework(services: SpeechServices, part: str) -> None:
    services.status = 503
    refused = await failure(f"{services.url}/v1", part)
    assert isinstance(refused, APIStatusError)
    assert refused.status_code == 503
    services.status, services.mute = 200, True
    assert isinstance(await failure(f"{services.url}/v1", part), APITimeoutError)
    assert isinstance(await failure("http://127.0.0.1:9/v1", part), APIConnectionError)


async def test_speech_that_stops_in_the_middle_is_a_timeout(services: SpeechServices) -> None:
    services.stall = True
    assert isinstance(await failure(f"{services.url}/v1", "tts"), APITimeoutError)
