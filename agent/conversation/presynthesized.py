"""Words that an agent will say, given to its voice before they are wanted: what is there of them sounds at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, tts

from agent.conversation.turn_taking import TTS_TEXT_TRANSFORMS


class PresynthesizedSpeech:
    """The sound of `words`, in the making from now on, to be heard once. Needs a running event loop."""

    def __init__(self, words: str, voice: tts.TTS[Any], patience: APIConnectOptions) -> None:
        self.words = words
        self._frames: asyncio.Queue[rtc.AudioFrame | None] = asyncio.Queue()
        self._sounds = False
        self._synthesis = asyncio.create_task(self._make(voice, patience))
        self._synthesis.add_done_callback(lambda _: self._frames.put_nowait(None))

    @property
    def failed(self) -> bool:
        """Whether it is known by now that not all of it can be had."""
        return self._synthesis.done() and not self._synthesis.cancelled() and self._synthesis.exception() is not None

    async def sound(self, break_off: Callable[[], object]) -> AsyncIterator[rtc.AudioFrame]:
        """Its frames, each as soon as it is there; the voice's error where there is none.

        After an error that comes later `break_off` is called: the rest will not be heard, and nobody should read it.
        """
        try:
            while (frame := await self._frames.get()) is not None:
                self._sounds = True
                yield frame
                # Handed over in one go, all of it would be measured for the captions (0.1 s) before the first sounds.
                await asyncio.sleep(0)
            if self.failed and self._sounds:
                break_off()
            else:
                self._synthesis.result()
        finally:
            self._synthesis.cancel()

    async def _make(self, voice: tts.TTS[Any], patience: APIConnectOptions) -> None:
        text = await _for_the_voice(self.words)
        if not text.strip():
            return  # an emoji, say: some voices take it for a mistake
        attempt = ""
        async with voice.synthesize(text, conn_options=patience) as stream:
            async for audio in stream:
                if attempt not in ("", audio.request_id):
                    self._begin_anew()
                attempt = audio.request_id
                self._frames.put_nowait(audio.frame)

    def _begin_anew(self) -> None:
        """The voice broke off, and was asked for all of it once more."""
        if self._sounds:
            raise APIError("the voice broke off in words that were heard already")
        while not self._frames.empty():
            self._frames.get_nowait()


async def _for_the_voice(words: str) -> str:
    async def whole() -> AsyncIterator[str]:
        yield words

    text: AsyncIterable[str] = whole()
    for transform in TTS_TEXT_TRANSFORMS:
        text = transform(text)
    return "".join([piece async for piece in text])
