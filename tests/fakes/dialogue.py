"""A conversation without a room: the real AgentSession, with a VAD and a loudspeaker that the test controls."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Self

from livekit import rtc
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    Agent,
    AgentSession,
    APIConnectOptions,
    ChatMessage,
    ConversationItemAddedEvent,
    NotGivenOr,
    inference,
    llm,
    stt,
    tts,
    utils,
    vad,
)
from livekit.agents.language import LanguageCode
from livekit.agents.vad import VADEvent, VADEventType
from livekit.agents.voice import io
from livekit.agents.voice.agent_session import SessionConnectOptions

from agent.conversation.turn_taking import TURNS
from agent.speech import SpeechParts
from agent.speech.fallback import Fallback

RATE = 24_000
WINDOW = 0.032


class FakeVAD(vad.VAD):
    """Emits the events that the test puts into `events`."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=WINDOW))
        self.events: asyncio.Queue[VADEvent] = asyncio.Queue()

    def stream(self) -> vad.VADStream:
        return _Stream(self)


class _Stream(vad.VADStream):
    async def _main_task(self) -> None:
        fake = self._vad
        assert isinstance(fake, FakeVAD)
        while True:
            self._event_ch.send_nowait(await fake.events.get())


class FakeSTT(stt.STT[Any]):
    """Recognizes the texts that the test puts into `texts`."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))
        self.texts: asyncio.Queue[str] = asyncio.Queue()

    async def _recognize_impl(self, *_: Any, **__: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return _Recognition(stt=self, conn_options=conn_options)


class _Recognition(stt.RecognizeStream):
    async def _run(self) -> None:
        recognizer = self._stt
        assert isinstance(recognizer, FakeSTT)
        while True:
            text = await recognizer.texts.get()
            self._event_ch.send_nowait(
                stt.SpeechEvent(
                    type=stt.SpeechEventType.FINAL_TRANSCRIPT,
                    alternatives=[stt.SpeechData(language=LanguageCode("en"), text=text)],
                )
            )


class FakeLLM(llm.LLM[Any]):
    """Never answers."""

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        return _NoAnswer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _NoAnswer(llm.LLMStream):
    async def _run(self) -> None:
        await asyncio.Event().wait()


class FakeTTS(tts.TTS[Any]):
    """Synthesizes ten seconds of silence per sentence."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Sound(tts=self, input_text=text, conn_options=conn_options)


class _Sound(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id=utils.shortuuid(), sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(bytes(2 * RATE * 10))
        output_emitter.flush()


def fake_parts(
    voice: tts.TTS[Any],
    *,
    model: llm.LLM[Any] | None = None,
    conn_options: SessionConnectOptions | None = None,
    fallbacks: tuple[Fallback, ...] = (),
) -> SpeechParts:
    """The parts of a session, all fakes but `voice`, unless `model` is given."""
    return SpeechParts(
        stt=FakeSTT(),
        llm=model or FakeLLM(),
        tts=voice,
        vad=FakeVAD(),
        turn_detection=inference.TurnDetector(version="v1-mini"),
        conn_options=conn_options or SessionConnectOptions(),
        fallbacks=fallbacks,
    )


class Loudspeaker(io.AudioOutput):
    """Starts playback at the first frame, and finishes it when the test says so or the buffer is cleared.

    `seconds` of audio were captured so far; `complete` is set at their end.
    """

    def __init__(self) -> None:
        super().__init__(label="loudspeaker", sample_rate=RATE, capabilities=io.AudioOutputCapabilities(pause=True))
        self.sounding = asyncio.Event()
        self.silent = asyncio.Event()
        self.complete = asyncio.Event()
        self.seconds = 0.0
        self._playing = False

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.seconds += frame.duration
        if not self._playing:
            self._playing = True
            self.resume()
            self.on_playback_started(created_at=time.time())

    def flush(self) -> None:
        """Mark the segment as complete."""
        super().flush()
        self.complete.set()

    def clear_buffer(self) -> None:
        self.finish(interrupted=True)

    def finish(self, *, interrupted: bool = False) -> None:
        """Finish the playback."""
        if self._playing:
            self._playing = False
            self.on_playback_finished(playback_position=1.0, interrupted=interrupted)

    def pause(self) -> None:
        self.sounding.clear()
        self.silent.set()

    def resume(self) -> None:
        if self._playing:
            self.silent.clear()
            self.sounding.set()


class Roomless:
    """A real session without a room; its audio goes to `speaker`."""

    session: AgentSession[None]
    speaker: Loudspeaker

    async def start(self, agent: Agent) -> None:
        self.session.output.audio = self.speaker
        await self.session.start(agent, record=False, session_host=False)

    async def __aexit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        self.speaker.finish()
        await self.session.aclose()


class Dialogue(Roomless):
    """An agent and a caller played by the test; use as an async context manager."""

    def __init__(self, agent: Agent) -> None:
        self.vad, self.stt, self.speaker = FakeVAD(), FakeSTT(), Loudspeaker()
        self.messages: asyncio.Queue[ChatMessage] = asyncio.Queue()
        self._agent = agent
        self.session = AgentSession(
            vad=self.vad,
            stt=self.stt,
            llm=FakeLLM(),
            tts=FakeTTS(),
            turn_handling={**TURNS, "turn_detection": "vad"},
            aec_warmup_duration=None,
            session_close_transcript_timeout=0.1,
        )
        self.session.on("conversation_item_added", self._on_item)

    async def __aenter__(self) -> Self:
        await self.start(self._agent)
        return self

    def caller_begins(self) -> None:
        """Start to speak: two VAD windows of speech, and one more."""
        self._emit_vad(VADEventType.START_OF_SPEECH, 2)
        self._emit_vad(VADEventType.INFERENCE_DONE, 2)

    def caller_stops(self, text: str) -> None:
        """Stop speaking; `text` is recognized, empty for a noise."""
        self._emit_vad(VADEventType.END_OF_SPEECH, 10)
        if text:
            self.stt.texts.put_nowait(text)

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, ChatMessage):
            self.messages.put_nowait(event.item)

    def _emit_vad(self, kind: VADEventType, windows: int) -> None:
        self.vad.events.put_nowait(
            VADEvent(
                type=kind,
                samples_index=0,
                timestamp=0,
                speech_duration=windows * WINDOW,
                silence_duration=0.25 if kind is VADEventType.END_OF_SPEECH else 0,
                speaking=kind is not VADEventType.END_OF_SPEECH,
            )
        )
