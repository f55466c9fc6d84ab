"""The agent as livekit-agents runs it: how it takes turns with the caller, and which turns of the caller it answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from typing import Final

from livekit import rtc
from livekit.agents import (
    Agent,
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
from agent.speech.text_normalization import normalize_stream
from contracts.agent import Briefing

TURNS: Final = TurnHandlingOptions(
    # The longer delay is for sentences that sound unfinished; over a network the detector is unsure of many a short
    # question, and what it adds is heard as silence.
    endpointing={"min_delay": 0.2, "max_delay": 0.6},
    interruption={
        "mode": "vad",  # "adaptive" would ask LiveKit's cloud
        # The first two windows in which somebody speaks make the agent pause, words or not: 0.1 to 0.25 s after the
        # voice. What it then turns out to be decides: words end the sentence, a cough or a hum lets it go on.
        "min_duration": 0.05,
        "resume_false_interruption": True,
        # After the end of the noise: longer than the recognition of a word takes, which must come first.
        "false_interruption_timeout": 0.7,
    },
    preemptive_generation={"enabled": True, "preemptive_tts": True},
)
AEC_WARMUP_SECONDS: Final = 0.5
"""livekit-agents hears nobody while its first words begin, so that a browser's echo canceller can learn. Its own three
seconds would lose what a caller says into the greeting."""
TTS_TEXT_TRANSFORMS: Final[tuple[Callable[[AsyncIterable[str]], AsyncIterable[str]], ...]] = (
    filter_markdown,
    filter_emoji,
    normalize_stream,
)
"""What becomes of a text before it is read aloud, in this order."""


class VoiceAgent(Agent):
    """A turn of the caller is answered only by who has the floor; what a mere listener utters is no turn."""

    def __init__(self, briefing: Briefing, floor: Floor, chat_ctx: ChatContext) -> None:
        super().__init__(instructions=instructions(briefing), chat_ctx=chat_ctx)
        self._floor = floor
        self._saying = ""
        self._sounding: SpeechHandle | None = None
        self._is_talked_over = True

    async def on_enter(self) -> None:
        """Called by the framework when the session begins."""
        self.session.on("agent_state_changed", self._on_agent)
        self.session.on("user_state_changed", self._on_caller)

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        """Called by the framework between the end of a turn and the answer to it."""
        # The message may have been made much later, when an earlier turn no longer waited here.
        ended_at = new_message.metrics.get("stopped_speaking_at", new_message.created_at)
        if not await self._floor.owns_turn(ended_at):
            raise StopResponse

    async def stt_node(
        self, audio: AsyncIterable[rtc.AudioFrame], model_settings: ModelSettings
    ) -> AsyncGenerator[stt.SpeechEvent, None]:
        """The framework's, less what a listener says while the agent speaks: the agent, paused by it, then goes on."""
        async with aclosing(Agent.default.stt_node(self, audio, model_settings)) as events:
            async for event in events:
                if not self._is_only_listening(event):
                    yield event

    async def transcription_node(
        self, text: AsyncIterable[str | TimedString], model_settings: ModelSettings
    ) -> AsyncGenerator[str | TimedString, None]:
        """The framework's; on the way it is noted what the agent is saying."""
        self._saying = ""
        async for piece in text:
            self._saying += piece
            yield piece

    def _is_only_listening(self, event: stt.SpeechEvent) -> bool:
        if not event.alternatives or event.type == stt.SpeechEventType.RECOGNITION_USAGE:
            return False
        speech = self.session.current_speech
        if speech is None or speech.interrupted:
            return False
        is_answer = "?" in self._saying or not self._is_talked_over
        return is_backchannel(event.alternatives[0].text, asked=is_answer)

    def _on_agent(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._sounding = self.session.current_speech

    def _on_caller(self, event: UserStateChangedEvent) -> None:
        """What is said before an answer sounds was not said to it, though its words come when it is there."""
        if event.new_state == "speaking":
            self._is_talked_over = self._sounding is not None and self._sounding is self.session.current_speech
