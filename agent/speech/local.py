"""The local speech server as STT and TTS: OpenAI's audio API, over the HTTP session that each job has anyway.

livekit-plugins-openai speaks the same API, but takes 21 ms of CPU for an utterance and 6 ms for a sentence where this
takes 2 and 1: as much as the server's whole way there and back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from livekit import rtc
from livekit.agents import (
    APIConnectionError,
    APIConnectOptions,
    APIStatusError,
    APITimeoutError,
    NotGivenOr,
    stt,
    tts,
    utils,
)
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN
from livekit.agents.utils import http_context

SAMPLE_RATE: Final = 24_000


@dataclass(frozen=True)
class Endpoint:
    """A model at a speech server."""

    base_url: str
    model: str

    @asynccontextmanager
    async def ask(
        self, route: str, conn_options: APIConnectOptions, **body: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer of `route` to `body` (arguments of aiohttp). Silence of `conn_options.timeout` is a failure."""
        patience = aiohttp.ClientTimeout(total=None, sock_connect=conn_options.timeout, sock_read=conn_options.timeout)
        try:
            async with http_context.http_session().post(f"{self.base_url}/{route}", timeout=patience, **body) as answer:
                if answer.status != 200:
                    raise APIStatusError(f"the speech server refuses: {answer.reason}", status_code=answer.status)
                yield answer
        except TimeoutError:
            raise APITimeoutError from None
        except aiohttp.ClientError as error:
            raise APIConnectionError(f"no answer of the speech server ({type(error).__name__})") from None


class LocalSTT(stt.STT[Any]):
    """One request for each utterance: the session cuts the caller's speech with its VAD."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._endpoint = endpoint

    @property
    def model(self) -> str:
        """The model's name at the server."""
        return self._endpoint.model

    @property
    def provider(self) -> str:
        """For metrics and logs."""
        return "local"

    async def _recognize_impl(
        self, buffer: utils.AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        form = aiohttp.FormData({"model": self._endpoint.model})
        form.add_field(
            "file", rtc.combine_audio_frames(buffer).to_wav_bytes(), filename="utterance.wav", content_type="audio/wav"
        )
        async with self._endpoint.ask("audio/transcriptions", conn_options, data=form) as answer:
            text = (await answer.json())["text"]
        return stt.SpeechEvent(
            type=stt.SpeechEventType.FINAL_TRANSCRIPT,
            alternatives=[stt.SpeechData(language=LanguageCode("en"), text=text)],
        )


class LocalTTS(tts.TTS[Any]):
    """One request for each sentence, which is heard as it comes."""

    def __init__(self, endpoint: Endpoint, voice: str) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=SAMPLE_RATE, num_channels=1)
        self.endpoint = endpoint
        self.voice = voice

    @property
    def model(self) -> str:
        """The model's name at the server."""
        return self.endpoint.model

    @property
    def provider(self) -> str:
        """For metrics and logs."""
        return "local"

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Speech for `text`. Closing the stream cancels what the server has not made yet."""
        return _Sentence(tts=self, input_text=text, conn_options=conn_options)


class _Sentence(tts.ChunkedStream):
    _tts: LocalTTS

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        endpoint, voice = self._tts.endpoint, self._tts.voice
        body = {"model": endpoint.model, "input": self.input_text, "voice": voice, "response_format": "pcm"}
        async with endpoint.ask("audio/speech", self._conn_options, json=body) as answer:
            output_emitter.initialize(
                request_id=utils.shortuuid(), sample_rate=SAMPLE_RATE, num_channels=1, mime_type="audio/pcm"
            )
            async for pcm in answer.content.iter_any():
                output_emitter.push(pcm)
        output_emitter.flush()
