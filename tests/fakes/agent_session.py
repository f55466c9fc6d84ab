"""An AgentSession of livekit-agents whose states and events the test makes."""

from __future__ import annotations

import asyncio

from livekit.agents import (
    AgentSession,
    AgentStateChangedEvent,
    ChatMessage,
    ConversationItemAddedEvent,
    ErrorEvent,
    UserStateChangedEvent,
)
from livekit.agents.llm import LLMError
from livekit.agents.stt import STTError
from livekit.agents.tts import TTSError
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.events import AgentState, UserState

_ERRORS: dict[str, type[STTError] | type[LLMError] | type[TTSError]] = {
    "stt_error": STTError,
    "llm_error": LLMError,
    "tts_error": TTSError,
}


def provider_error(
    kind: str, *, recoverable: bool = False, error: Exception | None = None
) -> STTError | LLMError | TTSError:
    """The error that livekit-agents makes of a provider's."""
    error = error or RuntimeError("what the caller said")
    return _ERRORS[kind](timestamp=0, label="", error=error, recoverable=recoverable)


class FakeSession(AgentSession[None]):
    """Both sides listen at first. `said` are the texts that it was given to say."""

    def __init__(self) -> None:
        super().__init__()
        self.agent_is: AgentState = "listening"
        self.caller_is: UserState = "listening"
        self.speech: SpeechHandle | None = None
        self.said: asyncio.Queue[str] = asyncio.Queue()

    agent_state = property(lambda self: self.agent_is)
    user_state = property(lambda self: self.caller_is)
    current_speech = property(lambda self: self.speech)

    def say(self, text: str, **_: object) -> SpeechHandle:  # type: ignore[override]
        self.said.put_nowait(text)
        return SpeechHandle.create()

    def agent_becomes(self, state: AgentState) -> None:
        before, self.agent_is = self.agent_is, state
        self.emit("agent_state_changed", AgentStateChangedEvent(old_state=before, new_state=state))

    def caller_becomes(self, state: UserState) -> None:
        before, self.caller_is = self.caller_is, state
        self.emit("user_state_changed", UserStateChangedEvent(old_state=before, new_state=state))

    def add(self, message: ChatMessage) -> None:
        self.emit("conversation_item_added", ConversationItemAddedEvent(item=message))

    def fail(self, kind: str, *, recoverable: bool = False, error: Exception | None = None) -> None:
        self.emit("error", ErrorEvent(error=provider_error(kind, recoverable=recoverable, error=error), source=None))
