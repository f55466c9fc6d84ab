"""The hosted speech services' wire protocols on loopback. They record their requests.

Written from the services' documentation and livekit-agents' plugins of this version.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

HEARD: Final = "What do tulips cost?"
ANSWER: Final = "Two euros."
SOUND: Final = b"\x01\x10" * 12_000
"""Half a second at 24 kHz."""
_MIDDLE: Final = len(SOUND) // 2


Delta = tuple[dict[str, Any], str | None]
"""A chunk's delta and its finish reason."""
Refusal = tuple[int, Any]
"""A status and a JSON body."""


@dataclass
class Asked:
    """A request as received."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)


@dataclass
class SpeechServices:
    """Deepgram, AssemblyAI, Inworld and OpenAI at one address. `status` can refuse; `mute` never answers."""

    status: int = 200
    mute: bool = False
    hang_up: bool = False
    """Accept a stream, and close it at the first audio or text."""
    stall: bool = False
    """Send the first half of an answer, and then nothing more."""
    reply: tuple[Delta, ...] = ()
    """The chat endpoint's stream; empty: `ANSWER` in two chunks."""
    done_alone: bool = False
    """Stream `[DONE]` and no chunk."""
    refuse: Callable[[dict[str, Any]], Refusal | None] = lambda _: None
    """Called with each chat request."""
    asked: list[Asked] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    """JSON messages that the client sent on a stream."""
    audio_bytes: int = 0

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        @web.middleware
        async def receive(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._receive(request, handler)

        app = web.Application(middlewares=[receive])
        app.router.add_get("/v1/listen", self._deepgram)
        app.router.add_get("/v3/ws", self._assemblyai)
        app.router.add_get("/tts/v1/voice:streamBidirectional", self._inworld)
        app.router.add_post("/tts/v1/voice:stream", self._inworld_complete)
        app.router.add_post("/v1/chat/completions", self._openai_chat)
        app.router.add_post("/v1/audio/speech", self._openai_speech)
        app.router.add_post("/v1/audio/transcriptions", self._openai_transcription)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        self._closing = asyncio.Event()
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        self._closing.set()
        await self._runner.cleanup()

    async def _receive(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.path, dict(request.query), headers)
        self.asked.append(asked)
        if request.content_type == "application/json" and request.can_read_body:
            asked.body = await request.json()
        if self.status != 200:
            return web.json_response({"error": {"message": "no"}}, status=self.status)
        if self.mute:
            await self._closing.wait()
        return await handler(request)

    # Speech to text.

    async def _deepgram(self, request: web.Request) -> web.WebSocketResponse:
        """Send SpeechStarted and an interim result at the first audio, the final one at Finalize or CloseStream."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        began = False
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                self.audio_bytes += len(message.data)
                if self.hang_up:
                    break
                if not began:
                    began = True
                    await socket.send_json({"type": "SpeechStarted", "channel": [0], "timestamp": 0.1})
                    await socket.send_json(_results("What do", final=False))
                continue
            order = json.loads(message.data)
            self.messages.append(order)
            if order["type"] in ("Finalize", "CloseStream") and began:
                began = False
                await socket.send_json(_results(HEARD, final=True))
                await socket.send_json({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.0})
            if order["type"] == "CloseStream":
                break
        await socket.close()
        return socket

    async def _assemblyai(self, request: web.Request) -> web.WebSocketResponse:
        """Send Begin; SpeechStarted, a partial and a complete turn at the first audio; Termination at Terminate."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "Begin", "id": "a-session", "expires_at": 1_800_000_000})
        began = False
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                self.audio_bytes += len(message.data)
                if self.hang_up:
                    break
                if not began:
                    began = True
                    await socket.send_json({"type": "SpeechStarted", "timestamp": 100})
                    await socket.send_json(_turn("What do", end=False))
                    await socket.send_json(_turn(HEARD, end=True))
                continue
            order = json.loads(message.data)
            self.messages.append(order)
            if order["type"] == "Terminate":
                await socket.send_json({"type": "Termination", "audio_duration_seconds": 1})
                break
        await socket.close()
        return socket

    async def _openai_transcription(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.asked[-1].body = {name: value for name, value in form.items() if isinstance(value, str)}
        sound = form["file"]
        assert isinstance(sound, web.FileField)
        self.audio_bytes += len(sound.file.read())
        return web.json_response({"text": HEARD})

    # Text to speech.

    async def _inworld(self, request: web.Request) -> web.WebSocketResponse:
        """Create a context, speak its text at a flush, close it."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            order = json.loads(message.data)
            self.messages.append(order)
            context = order["contextId"]
            if "create" in order:
                await socket.send_json({"result": {"contextId": context, "contextCreated": {}}})
            elif "send_text" in order and self.hang_up:
                break
            elif "flush_context" in order:
                for half in (SOUND[:_MIDDLE], SOUND[_MIDDLE:]):
                    chunk = {"audioContent": _text(half)}
                    await socket.send_json({"result": {"contextId": context, "audioChunk": chunk}})
                    await self._stalled()
                await socket.send_json({"result": {"contextId": context, "flushCompleted": {}}})
            elif "close_context" in order:
                await socket.send_json({"result": {"contextId": context, "contextClosed": {}}})
        await socket.close()
        return socket

    async def _inworld_complete(self, request: web.Request) -> web.StreamResponse:
        halves = [{"result": {"audioContent": _text(half)}} for half in (SOUND[:_MIDDLE], SOUND[_MIDDLE:])]
        return await self._lines(request, "application/json", halves, "")

    async def _openai_speech(self, request: web.Request) -> web.StreamResponse:
        """Events where the client asks for them, as OpenAI's plugin does, else bare PCM."""
        if "stream_format" not in self.asked[-1].body:
            return await self._chunks(request, "audio/pcm", [SOUND[:_MIDDLE], SOUND[_MIDDLE:]])
        events: list[dict[str, Any]] = [
            {"type": "speech.audio.delta", "audio": _text(SOUND[:_MIDDLE])},
            {"type": "speech.audio.delta", "audio": _text(SOUND[_MIDDLE:])},
            {"type": "speech.audio.done", "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}},
        ]
        return await self._lines(request, "text/event-stream", events, "data: ")

    # The language model.

    async def _openai_chat(self, request: web.Request) -> web.StreamResponse:
        if refusal := self.refuse(self.asked[-1].body):
            return web.json_response(refusal[1], status=refusal[0])
        if self.done_alone:
            return await self._chunks(request, "text/event-stream", [b"data: [DONE]\n\n"])
        first, rest = ANSWER.split(" ")
        reply: tuple[Delta, ...] = self.reply or (
            ({"role": "assistant", "content": f"{first} "}, None),
            ({"role": "assistant", "content": rest}, None),
        )
        chunks = [
            {
                "id": "1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "any",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
            }
            for delta, finish_reason in reply
        ]
        return await self._lines(request, "text/event-stream", chunks, "data: ")

    async def _lines(
        self, request: web.Request, kind: str, lines: list[dict[str, Any]], prefix: str
    ) -> web.StreamResponse:
        return await self._chunks(request, kind, [f"{prefix}{json.dumps(line)}\n\n".encode() for line in lines])

    async def _chunks(self, request: web.Request, kind: str, chunks: list[bytes]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await self._stalled()
        await response.write_eof()
        return response

    async def _stalled(self) -> None:
        if self.stall:
            await self._closing.wait()


def _text(sound: bytes) -> str:
    return base64.b64encode(sound).decode()


def _results(text: str, *, final: bool) -> dict[str, Any]:
    words = [{"word": word.lower(), "punctuated_word": word, "start": 0.1, "end": 0.9} for word in text.split()]
    return {
        "type": "Results",
        "metadata": {"request_id": "a-request"},
        "is_final": final,
        "speech_final": final,
        "channel": {"alternatives": [{"transcript": text, "confidence": 0.9, "words": words}]},
    }


def _turn(text: str, *, end: bool) -> dict[str, Any]:
    words = [{"text": word, "start": 100, "end": 900, "confidence": 0.9} for word in text.split()]
    return {
        "type": "Turn",
        "turn_order": 0,
        "end_of_turn": end,
        "turn_is_formatted": end,
        "transcript": text if end else "",
        "words": words,
    }
