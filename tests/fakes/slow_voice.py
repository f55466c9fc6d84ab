"""A TTS whose audio the test releases."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, tts, utils

RATE = 24_000
TENTH = bytes(2 * RATE // 10)


class SlowTTS(tts.TTS[Any]):
    """`asked` are its texts; `makes` are their results: audio, an error, or None at the end."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)
        self.asked: list[str] = []
        self.makes: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        self.asked.append(text)
        return _Sound(tts=self, input_text=text, conn_options=conn_options)

    def make(self, *results: bytes | Exception | None) -> None:
        """Release these results."""
        for result in results:
            self.makes.put_nowait(result)


class _Sound(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        voice = self._tts
        assert isinstance(voice, SlowTTS)
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=RATE, num_channels=1, mime_type="audio/pcm", frame_size_ms=20
        )
        while (result := await voice.makes.get()) is not None:
            if isinstance(result, Exception):
                raise result
            output_emitter.push(result)
        output_emitter.flush()
