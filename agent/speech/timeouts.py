"""Timeouts for hosted speech: a provider that is silent for too long fails, so that a fallback can take over.

The plugins bound the time of connecting, but wait half a minute or longer for an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace
from typing import Any, ClassVar

from livekit.agents import APIConnectOptions, APITimeoutError, NotGivenOr, stt, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN


class TimeoutSTT(stt.STT[Any]):
    """A non-streaming STT that fails after `seconds`."""

    def __init__(self, wrapped: stt.STT[Any], seconds: float) -> None:
        super().__init__(capabilities=wrapped.capabilities)
        self._wrapped = wrapped
        self._seconds = seconds

    @property
    def model(self) -> str:
        """Name of the wrapped instance."""
        return self._wrapped.model

    @property
    def provider(self) -> str:
        """Name of the wrapped instance."""
        return self._wrapped.provider

    async def _recognize_impl(
        self, buffer: utils.AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._wrapped.recognize(buffer, language=language, conn_options=conn_options)
        except TimeoutError:
            raise APITimeoutError from None

    async def aclose(self) -> None:
        await self._wrapped.aclose()


class TimeoutTTS(tts.TTS[Any]):
    """A TTS that fails if it is silent for `seconds` while there is text to speak."""

    def __init__(self, wrapped: tts.TTS[Any], seconds: float) -> None:
        super().__init__(
            capabilities=wrapped.capabilities, sample_rate=wrapped.sample_rate, num_channels=wrapped.num_channels
        )
        self.wrapped = wrapped
        self.seconds = seconds
        wrapped.on("metrics_collected", lambda *args: self.emit("metrics_collected", *args))

    @property
    def model(self) -> str:
        """Name of the wrapped instance."""
        return self.wrapped.model

    @property
    def provider(self) -> str:
        """Name of the wrapped instance."""
        return self.wrapped.provider

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Speak a complete text."""
        return _Chunked(tts=self, input_text=text, conn_options=conn_options)

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.SynthesizeStream:
        """Speak a streamed text."""
        return _Streamed(tts=self, conn_options=conn_options)

    def initialize(self, emitter: tts.AudioEmitter, *, stream: bool) -> None:
        """Initialize the output of one request."""
        emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=self.sample_rate,
            num_channels=self.num_channels,
            mime_type="audio/pcm",
            stream=stream,
        )

    def prewarm(self) -> None:
        """Connect ahead, if the wrapped TTS can."""
        self.wrapped.prewarm()

    async def aclose(self) -> None:
        await self.wrapped.aclose()


async def _discard_metrics(_: object, event_aiter: AsyncIterable[object]) -> None:
    async for _ in event_aiter:
        pass  # the wrapped TTS emits them


class _Chunked(tts.ChunkedStream):
    _tts_attempt_span_name: ClassVar[str | None] = None
    _tts: TimeoutTTS
    _metrics_monitor_task = _discard_metrics

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        self._tts.initialize(output_emitter, stream=False)
        async with self._tts.wrapped.synthesize(
            self.input_text, conn_options=_without_retries(self._conn_options)
        ) as stream:
            async for audio in _with_timeout(stream, self._tts.seconds):
                output_emitter.push_frame(audio.frame)


class _Streamed(tts.SynthesizeStream):
    _tts_attempt_span_name: ClassVar[str | None] = None
    _tts: TimeoutTTS

    _metrics_monitor_task = _discard_metrics

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        self._tts.initialize(output_emitter, stream=True)
        output_emitter.start_segment(segment_id=utils.shortuuid())
        async with self._tts.wrapped.stream(conn_options=_without_retries(self._conn_options)) as stream:
            writing = asyncio.create_task(self._write(stream))
            try:
                async for audio in _with_timeout(stream, self._tts.seconds, writing):
                    output_emitter.push_frame(audio.frame)
            finally:
                await utils.aio.cancel_and_wait(writing)

    async def _write(self, stream: tts.SynthesizeStream) -> None:
        async for data in self._input_ch:
            if isinstance(data, str):
                self._mark_started()
                stream.push_text(data)
            else:
                stream.flush()
        stream.end_input()


def _without_retries(options: APIConnectOptions) -> APIConnectOptions:
    """The wrapping TTS is retried already."""
    return replace(options, max_retry=0)


async def _with_timeout(
    stream: AsyncIterator[tts.SynthesizedAudio], seconds: float, writing: asyncio.Task[None] | None = None
) -> AsyncIterator[tts.SynthesizedAudio]:
    """Yield from `stream`; fail `seconds` after its last audio, counted once some audio or all text has arrived."""
    while True:
        audio = asyncio.ensure_future(anext(stream))
        try:
            if writing is not None:
                await asyncio.wait({audio, writing}, return_when=asyncio.FIRST_COMPLETED)
            done, _ = await asyncio.wait({audio}, timeout=seconds)
            if not done:
                raise APITimeoutError
            yield audio.result()
        except StopAsyncIteration:
            return
        finally:
            await utils.aio.cancel_and_wait(audio)
