"""Turn-taking of the livekit-agents Agent: endpointing, interruptions, and the caller turns that it answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from typing import Final

from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    AgentStateChangedEvent,
    ChatContext,
    ChatMessage,
    ModelSettings,
    StopResponse,
    TurnHandlingOptions,
    UserStateChangedEvent,
    stt,
)
from livekit.agents.types import TimedString
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.transcription.filters import filter_emoji, filter_markdown

from agent.conversation.backchannels import is_backchannel
from agent.conversation.instructions import instructions
from agent.handover.floor import Floor
from agent.speech import SpeechParts
from agent.speech.text_normalization import normalize_stream
from contracts.agent import Briefing

TURNS: Final = TurnHandlingOptions(
    # The longer delay is for sentences that sound unfinished. Over a network the turn detector is unsure of many short
    # questions, and the caller hears the delay as silence.
    endpointing={"min_delay": 0.2, "max_delay": 0.6},
    interruption={
        "mode": "vad",  # "adaptive" would ask LiveKit's cloud
        # Two VAD windows of speech pause the agent, 0.1 to 0.25 s after the caller's first sound. Recognized words
        # then end its sentence; after a cough or a hum it resumes.
        "min_duration": 0.05,
        "resume_false_interruption": True,
        # From the end of the noise; longer than STT takes, whose words must come first.
        "false_interruption_timeout": 0.7,
    },
    preemptive_generation={"enabled": True, "preemptive_tts": True},
)
AEC_WARMUP_SECONDS: Final = 0.5
"""livekit-agents ignores the caller at the start of the first utterance while a browser's echo canceller adapts. Its
default of three seconds would drop what a caller says into the greeting."""
TTS_TEXT_TRANSFORMS: Final[tuple[Callable[[AsyncIterable[str]], AsyncIterable[str]], ...]] = (
    filter_markdown,
    filter_emoji,
    normalize_stream,
)
"""Applied to TTS input in this order."""


def build_session(parts: SpeechParts, *, user_away_timeout: float | None = None) -> AgentSession[None]:
    """Build a livekit-agents session that hears and speaks through `parts`, with this turn-taking."""
    return AgentSession(
        stt=parts.stt,
        llm=parts.llm,
        tts=parts.tts,
        vad=parts.vad,
        conn_options=parts.conn_options,
        turn_handling={**TURNS, "turn_detection": parts.turn_detection},
        tts_text_transforms=TTS_TEXT_TRANSFORMS,
        aec_warmup_duration=AEC_WARMUP_SECONDS,
        user_away_timeout=user_away_timeout,
        session_close_transcript_timeout=0.1,  # waited for at every end, also when the caller is silent
    )


class VoiceAgent(Agent):
    """Answers the caller's turns while it has the floor, and ignores backchannels."""

    def __init__(self, briefing: Briefing, floor: Floor, chat_ctx: ChatContext) -> None:
        super().__init__(instructions=instructions(briefing), chat_ctx=chat_ctx)
        self._floor = floor
        self._caption = ""
        self._playing: SpeechHandle | None = None
        self._caller_heard_answer = True

    async def on_enter(self) -> None:
        """Called by livekit-agents when the session starts."""
        self.session.on("agent_state_changed", self._on_agent)
        self.session.on("user_state_changed", self._on_caller)

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        """Called by livekit-agents between the end of a turn and the answer to it."""
        # `created_at` can be much later: the message is created once the turn before it has left this method.
        ended_at = new_message.metrics.get("stopped_speaking_at", new_message.created_at)
        if not await self._floor.owns_turn(ended_at):
            raise StopResponse

    async def stt_node(
        self, audio: AsyncIterable[rtc.AudioFrame], model_settings: ModelSettings
    ) -> AsyncGenerator[stt.SpeechEvent, None]:
        """Run the default STT and drop backchannels; the paused agent then resumes."""
        async with aclosing(Agent.default.stt_node(self, audio, model_settings)) as events:
            async for event in events:
                if not self._is_backchannel(event):
                    yield event

    async def transcription_node(
        self, text: AsyncIterable[str | TimedString], model_settings: ModelSettings
    ) -> AsyncGenerator[str | TimedString, None]:
        """Pass the text on, and remember the current utterance."""
        self._caption = ""
        async for chunk in text:
            self._caption += chunk
            yield chunk

    def _is_backchannel(self, event: stt.SpeechEvent) -> bool:
        if not event.alternatives or event.type == stt.SpeechEventType.RECOGNITION_USAGE:
            return False
        speech = self.session.current_speech
        if speech is None or speech.interrupted:
            return False
        asked = "?" in self._caption or not self._caller_heard_answer
        return is_backchannel(event.alternatives[0].text, asked=asked)

    def _on_agent(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._playing = self.session.current_speech

    def _on_caller(self, event: UserStateChangedEvent) -> None:
        """Note if the current utterance was playing: words from before it can be recognized while it plays."""
        if event.new_state == "speaking":
            self._caller_heard_answer = self._playing is not None and self._playing is self.session.current_speech
