"""A conversation without a room: livekit-agents' real session, with ears and a loudspeaker that a test moves."""

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
    """Tells the session of speech when the test says so; its audio is never looked at."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=WINDOW))
        self.events: asyncio.Queue[VADEvent] = asyncio.Queue()

    def stream(self) -> vad.VADStream:
        return _Stream(self)


class _Stream(vad.VADStream):
    async def _main_task(self) -> None:
        ears = self._vad
        assert isinstance(ears, FakeVAD)
        while True:
            self._event_ch.send_nowait(await ears.events.get())


class FakeSTT(stt.STT[Any]):
    """Recognizes what the test puts into `texts`."""

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
    """Thinks for ever: what an agent answers is not what these tests are about."""

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        return _Thought(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Thought(llm.LLMStream):
    async def _run(self) -> None:
        await asyncio.Event().wait()


class FakeTTS(tts.TTS[Any]):
    """Ten seconds of silence for every sentence."""

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
    """Begins to sound with the first frame, and ends when the test says so or when it is cleared.

    `seconds` of sound were handed to it so far; `complete` once there was an end of them.
    """

    def __init__(self) -> None:
        super().__init__(label="loudspeaker", sample_rate=RATE, capabilities=io.AudioOutputCapabilities(pause=True))
        self.sounding = asyncio.Event()
        self.silent = asyncio.Event()
        self.complete = asyncio.Event()
        self.seconds = 0.0
        self._begun = False

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.seconds += frame.duration
        if not self._begun:
            self._begun = True
            self.resume()
            self.on_playback_started(created_at=time.time())

    def flush(self) -> None:
        """The rest of it is there."""
        super().flush()
        self.complete.set()

    def clear_buffer(self) -> None:
        self.finish(interrupted=True)

    def finish(self, *, interrupted: bool = False) -> None:
        """All of it has sounded, or what comes is not wanted any more."""
        if self._begun:
            self._begun = False
            self.on_playback_finished(playback_position=1.0, interrupted=interrupted)

    def pause(self) -> None:
        self.sounding.clear()
        self.silent.set()

    def resume(self) -> None:
        if self._begun:
            self.silent.clear()
            self.sounding.set()


class Roomless:
    """A real session into no room: what it says comes from `speaker`, which the test moves."""

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
    """An agent that speaks to a caller whom the test plays; use as an async context manager."""

    def __init__(self, agent: Agent) -> None:
        self.ears, self.recognizer, self.speaker = FakeVAD(), FakeSTT(), Loudspeaker()
        self.messages: asyncio.Queue[ChatMessage] = asyncio.Queue()
        self._agent = agent
        self.session = AgentSession(
            vad=self.ears,
            stt=self.recognizer,
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
        """The voice detection is sure: two windows of speech, and one more."""
        self._hear(VADEventType.START_OF_SPEECH, 2)
        self._hear(VADEventType.INFERENCE_DONE, 2)

    def caller_stops(self, text: str) -> None:
        """The voice detection is sure; `text` is what was recognized, nothing where it was a noise."""
        self._hear(VADEventType.END_OF_SPEECH, 10)
        if text:
            self.recognizer.texts.put_nowait(text)

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, ChatMessage):
            self.messages.put_nowait(event.item)

    def _hear(self, kind: VADEventType, windows: int) -> None:
        self.ears.events.put_nowait(
            VADEvent(
                type=kind,
                samples_index=0,
                timestamp=0,
                speech_duration=windows * WINDOW,
                silence_duration=0.25 if kind is VADEventType.END_OF_SPEECH else 0,
                speaking=kind is not VADEventType.END_OF_SPEECH,
            )
        )
