"""Synthesizes an agent's first utterance ahead of time, so that it plays as soon as the agent has the floor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, tts

from agent.conversation.turn_taking import TTS_TEXT_TRANSFORMS


class PresynthesizedSpeech:
    """Audio of `text`, synthesized from now on and played once. Needs a running event loop."""

    def __init__(self, text: str, voice: tts.TTS[Any], conn_options: APIConnectOptions) -> None:
        self.text = text
        self._frames: asyncio.Queue[rtc.AudioFrame | None] = asyncio.Queue()
        self._is_playing = False
        self.synthesis = asyncio.create_task(self._synthesize(voice, conn_options))
        self.synthesis.add_done_callback(lambda _: self._frames.put_nowait(None))

    @property
    def failed(self) -> bool:
        """True if the synthesis has failed."""
        return self.synthesis.done() and not self.synthesis.cancelled() and self.synthesis.exception() is not None

    async def frames(self, interrupt: Callable[[], object]) -> AsyncIterator[rtc.AudioFrame]:
        """Yield each frame as soon as it is synthesized. Raises the error of a synthesis that failed before the first.

        After a later error it calls `interrupt`, so that the captions end where the audio does.
        """
        try:
            while (frame := await self._frames.get()) is not None:
                self._is_playing = True
                yield frame
                # Without a pause all frames would be measured for the captions (0.1 s) before the first is played.
                await asyncio.sleep(0)
            if self.failed and self._is_playing:
                interrupt()
            else:
                self.synthesis.result()
        finally:
            self.synthesis.cancel()

    async def _synthesize(self, voice: tts.TTS[Any], conn_options: APIConnectOptions) -> None:
        text = await _transformed(self.text)
        if not text.strip():
            return  # only an emoji, for example: some providers refuse empty text
        attempt = ""
        async with voice.synthesize(text, conn_options=conn_options) as stream:
            async for audio in stream:
                if attempt not in ("", audio.request_id):  # a retry, which synthesizes the whole text again
                    if self._is_playing:
                        raise APIError("synthesis failed after its first frames were played")
                    while not self._frames.empty():
                        self._frames.get_nowait()
                attempt = audio.request_id
                self._frames.put_nowait(audio.frame)


async def _transformed(text: str) -> str:
    async def source() -> AsyncIterator[str]:
        yield text

    chunks: AsyncIterable[str] = source()
    for transform in TTS_TEXT_TRANSFORMS:
        chunks = transform(chunks)
    return "".join([chunk async for chunk in chunks])
