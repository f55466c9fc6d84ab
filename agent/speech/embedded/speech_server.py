"""The local speech server: Moonshine and hibari behind OpenAI's audio API, loaded once for all jobs of a machine.

`python -m agent.speech.embedded.speech_server` stays in the foreground until SIGTERM or SIGINT. Routes:
`/v1/audio/transcriptions`, `/v1/audio/speech` (PCM as it is made), `/v1/models`, `/health`.

Inference runs in threads: both engines release the GIL for all but a few milliseconds. A request that is cut off is
cancelled: what it waits for is never made. Nothing that was said is logged.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final, Protocol

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from agent.speech.embedded import utterances
from agent.speech.embedded.fair_queue import Turns
from agent.speech.embedded.speech_requests import (
    MAX_FIELD_BYTES,
    RequestError,
    SpeechRequest,
    TranscriptionForm,
    check_model,
    errors_like_openai,
    log_failure,
    read_form,
    validated,
)
from agent.speech.embedded.voices import Voice, voice_named
from errors import SetupError
from settings import StackSettings, TelemetrySettings
from telemetry import logs

logger = logging.getLogger("agent.speech.embedded.speech_server")

STT_MODEL: Final = "tiny-en"
TTS_MODEL: Final = "default"
TTS_SAMPLE_RATE: Final = 24_000
PAUSE: Final = bytes(2 * TTS_SAMPLE_RATE // 10)
"""A tenth of a second of silence, for text without a sound: clients take an empty answer for a failure."""
_MAX_RECOGNIZERS: Final = 4
"""Each has 94 MB."""
_SHUTDOWN_SECONDS: Final = 1.0
_KEEPALIVE_SECONDS: Final = 600.0
"""Longer than any client's own: a connection that the server closes first costs a request."""


class Recognizer(Protocol):
    """One loaded recognizer. It serves one call at a time."""

    def transcribe(self, samples: NDArray[np.float32]) -> str:
        """Text of mono `samples` in [-1, 1] at 16 kHz."""


class Synthesizer(Protocol):
    """The loaded synthesizer. It serves any number of calls at once."""

    def phonemize(self, text: str) -> list[str]:
        """Phonemes, one string a sentence."""

    def speak(self, phonemes: str, voice: Voice) -> bytes:
        """One sentence as 16-bit mono PCM at 24 kHz."""


class SpeechServer:
    """The routes, and the threads behind them: one for each recognizer, and `voices` of them for the synthesizer."""

    def __init__(self, recognizers: Sequence[Recognizer], synthesizer: Synthesizer, voices: int = 1) -> None:
        self._recognizers = list(recognizers)
        self._synthesizer = synthesizer
        self._hearing = Turns(len(recognizers))
        self._speaking = Turns(voices)

    def app(self) -> web.Application:
        """The application. Run it with `handler_cancellation`: a request that is cut off must cancel its work."""
        app = web.Application(middlewares=[errors_like_openai], client_max_size=MAX_FIELD_BYTES)
        app.router.add_post("/v1/audio/transcriptions", self._transcribe)
        app.router.add_post("/v1/audio/speech", self._speak)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/health", self._health)
        return app

    async def _transcribe(self, request: web.Request) -> web.Response:
        fields, audio = await read_form(request)
        form = validated(TranscriptionForm, fields)
        check_model(form.model, STT_MODEL)
        try:
            samples = await asyncio.to_thread(audio)
        except ValueError as error:
            raise RequestError(str(error), "file") from None
        texts, seconds = [], 0.0
        for piece in utterances.pieces(samples):
            seconds += len(piece) / utterances.SAMPLE_RATE
            texts.append(await self._hearing.run(seconds, partial(self._recognize, piece)))
        text = " ".join(filter(None, texts))
        return web.Response(text=text) if form.response_format == "text" else web.json_response({"text": text})

    def _recognize(self, samples: NDArray[np.float32]) -> str:
        recognizer = self._recognizers.pop()  # there are as many as threads
        try:
            return recognizer.transcribe(samples)
        finally:
            self._recognizers.append(recognizer)

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        asked = validated(SpeechRequest, await request.read())
        check_model(asked.model, TTS_MODEL)
        sentences = self._sentences(asked.input, voice_named(asked.voice))
        if asked.response_format == "wav":
            wav = utterances.to_wav(b"".join([pcm async for pcm in sentences]), TTS_SAMPLE_RATE)
            return web.Response(body=wav, content_type="audio/wav")
        first = await anext(sentences)  # a failure up to here still has a status
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        await response.write(first)
        try:
            async for pcm in sentences:
                await response.write(pcm)
        except Exception as error:
            log_failure(request, error)
            if request.transport:
                request.transport.abort()  # an answer that merely ended would count as whole
        return response

    async def _sentences(self, text: str, voice: Voice) -> AsyncIterator[bytes]:
        made = used = 0
        for phonemes in await asyncio.to_thread(self._synthesizer.phonemize, text):
            used += len(phonemes)
            pcm = await self._speaking.run(used, partial(self._synthesizer.speak, phonemes, voice))
            made += len(pcm)
            if pcm:
                yield pcm
        if not made:  # an emoji, say
            yield PAUSE

    async def _models(self, _: web.Request) -> web.Response:
        owners = {STT_MODEL: "moonshine", TTS_MODEL: "hibari"}
        models = [{"id": name, "object": "model", "created": 0, "owned_by": by} for name, by in owners.items()]
        return web.json_response({"object": "list", "data": models})

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})


def load() -> SpeechServer:
    """Load and prewarm both models. Raises SetupError where they are not installed.

    A recognizer uses up two cores and a voice one: there are as many of each as a call needs when all cores are busy.
    """
    try:
        from agent.speech.embedded import hibari_tts, moonshine_stt  # noqa: PLC0415 - an optional group
    except ImportError as error:
        raise SetupError(
            f"The local speech models are not installed (package {error.name}): run `uv sync --group local`."
        ) from error
    each = min(_MAX_RECOGNIZERS, max(1, (os.cpu_count() or 1) // 2))
    return SpeechServer([moonshine_stt.load() for _ in range(each)], hibari_tts.load(), each)


def main() -> int:
    """Serve until a signal; 1 with one line on stderr where that is not possible."""
    settings = StackSettings()
    host, port = settings.speech_host, settings.speech_port
    logs.configure(TelemetrySettings().log_format)
    try:
        # Before the models are loaded: after a restart in a call its requests wait for them, and are not refused.
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        moves = "free it or set STACK_SPEECH_PORT (and SPEECH_BASE_URL with it)"
        return _failed(f"The local speech server cannot listen at {host}, port {port} ({error.strerror}): {moves}.")
    try:
        server = load()
    except SetupError as error:
        return _failed(str(error))
    web.run_app(
        server.app(),
        sock=listening,
        access_log=None,
        print=lambda _: logger.info("speech models answer at http://%s:%s/v1", host, port),
        handler_cancellation=True,
        keepalive_timeout=_KEEPALIVE_SECONDS,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    return 0


def _failed(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
