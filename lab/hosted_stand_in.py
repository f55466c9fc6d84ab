"""A stand-in for hosted providers on loopback: OpenAI's chat, transcription and speech, at next to no CPU.

`python -m lab.hosted_stand_in PORT` serves until SIGTERM, in a process of its own. It hears the same sentence in all
audio, answers with the same one, and speaks a tone as long as the text would take. Each part waits as long as a good
hosted service does, so that an agent's replies take as long as in production and none of its time is the model's work.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import Final

import numpy as np
from aiohttp import web
from pydantic import SecretStr

from lab.chat_stream import chat_stream
from settings import Settings

HEARD: Final = "What is the capital of France?"
ANSWER: Final = "The capital of France is Paris, on the river Seine."
TRANSCRIPTION_SECONDS: Final = 0.15
FIRST_TOKEN_SECONDS: Final = 0.25
FIRST_AUDIO_SECONDS: Final = 0.1
_MODEL: Final = "stand-in"
_SAMPLE_RATE: Final = 24_000
_BYTES_A_CHARACTER: Final = 2 * _SAMPLE_RATE // 16
_LONGEST: Final = 600
_SHUTDOWN_SECONDS: Final = 0.5


def with_hosted_providers(settings: Settings, port: int) -> Settings:
    """`settings` whose speech and language model are this server at `port`."""
    url = f"http://127.0.0.1:{port}/v1"
    hosted = {
        "stt": "openai/gpt-4o-mini-transcribe",
        "stt_fallback": "",
        "tts": "openai/tts-1",
        "tts_fallback": "",
        "openai_api_key": SecretStr("stand-in"),
        "openai_base_url": url,
        "llm_base_url": url,
        "llm_api_key": SecretStr("stand-in"),
        "llm_model": _MODEL,
        "llm_read_ahead": False,  # as docs/CONFIGURATION.md advises where each request costs
        "llm_fallback_base_url": "",
        "llm_fallback_model": "",
    }
    return replace(settings, speech=settings.speech.model_copy(update=hosted))


def build_app() -> web.Application:
    """The routes."""
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.add_routes(
        [
            web.get("/v1/models", _models),
            web.post("/v1/chat/completions", _chat),
            web.post("/v1/audio/transcriptions", _transcription),
            web.post("/v1/audio/speech", _speech),
        ]
    )
    return app


def tone(text: str) -> bytes:
    """A tone for `text`, 16 characters a second: 16-bit mono PCM at 24 kHz."""
    return _TONE[: _BYTES_A_CHARACTER * min(_LONGEST, max(8, len(text)))]


def _make_tone() -> bytes:
    """Two harmonics that swell four times a second, as syllables do, and never fall silent."""
    at = np.arange(_LONGEST * _BYTES_A_CHARACTER // 2) / _SAMPLE_RATE
    swell = 0.75 + 0.25 * np.sin(2 * np.pi * 4 * at)
    wave = np.sin(2 * np.pi * 180 * at) + 0.5 * np.sin(2 * np.pi * 360 * at)
    return bytes((5_000 * swell * wave).astype("<i2").tobytes())


_TONE: Final = _make_tone()


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": _MODEL, "object": "model"}]})


async def _chat(request: web.Request) -> web.StreamResponse:
    await request.read()
    await asyncio.sleep(FIRST_TOKEN_SECONDS)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write("".join(chat_stream(ANSWER, _MODEL)).encode())
    await response.write_eof()
    return response


async def _transcription(request: web.Request) -> web.Response:
    await request.read()
    await asyncio.sleep(TRANSCRIPTION_SECONDS)
    return web.json_response({"text": HEARD})


async def _speech(request: web.Request) -> web.Response:
    text = (await request.json())["input"]
    await asyncio.sleep(FIRST_AUDIO_SECONDS)
    return web.Response(body=tone(text), content_type="audio/pcm")


if __name__ == "__main__":
    web.run_app(build_app(), host="127.0.0.1", port=int(sys.argv[1]), print=None, shutdown_timeout=_SHUTDOWN_SECONDS)
