"""Providers of speech that fail in the middle of a call: the caller hears of it, or gets another agent, never silence.

An agent of which nothing is to be had stays with nobody: it leaves, as lost, and its successor leaves at its first
failure. Either another process can do what this one could not, or the session ends as a crash loop does.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from livekit.agents import (
    AgentSession,
    AgentStateChangedEvent,
    ChatMessage,
    CloseEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
)

from agent.conversation.instructions import NO_ANSWER
from agent.handover.quiet import Quiet
from agent.speech.language_model import IS_PREFILL

logger = logging.getLogger("agent.conversation.provider_failures")

_MAX_FAILED_REPLIES: Final = 3
"""Replies in a row that the language model may fail at; the caller is asked to say it again between them."""
_MAX_SILENT_ANSWERS: Final = 2
"""Answers in a row without a sound. There is no voice to say sorry with."""
_SETTLE_SECONDS: Final = 0.2
"""A reply may begin so long after it became quiet."""
_REASONS: Final = {
    "stt_error": "speech to text failed",
    "llm_error": "the language model failed",
    "tts_error": "text to speech failed",
}


class ProviderFailures:
    """Follows one agent's session. `proven` is one that succeeds to no loss, or has answered: it has some credit."""

    def __init__(self, session: AgentSession[None], quiet: Quiet, *, proven: bool) -> None:
        self._session = session
        self._quiet = quiet
        self._proven = proven
        self._answers = 0
        self._failed_replies = 0
        self._silent_answers = 0
        self._apology: asyncio.Task[None] | None = None
        self._failure: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        session.on("error", self._on_error)
        session.on("close", self._on_close)
        session.on("agent_state_changed", self._on_agent)
        session.on("conversation_item_added", self._on_item)

    async def wait_for_failure(self) -> str:
        """Wait until this agent is of no use to the caller; why."""
        return await asyncio.shield(self._failure)

    def _on_error(self, event: ErrorEvent) -> None:
        """What the framework has tried as often as it may. Of one that it tries again nobody hears."""
        if getattr(event.error, "recoverable", True) or IS_PREFILL.get():
            return
        logger.warning("%s: %s", _REASONS.get(event.error.type, "failed"), type(event.error.error).__name__)
        if event.error.type == "tts_error":
            self._silent_answers += 1
            if self._silent_answers >= (_MAX_SILENT_ANSWERS if self._proven else 1):
                self._give_up("tts_error")
        elif event.error.type == "llm_error" and (self._apology is None or self._apology.done()):
            self._apology = asyncio.create_task(self._apologize(self._answers))

    async def _apologize(self, answers_before: int) -> None:
        """Once it is certain that no answer comes: a model is asked ahead, while the caller may still speak."""
        while True:
            await self._quiet.wait_for_quiet()
            await asyncio.sleep(_SETTLE_SECONDS)
            if self._session.agent_state == "listening" and self._session.current_speech is None:
                break
        if self._answers != answers_before:
            return
        self._failed_replies += 1
        if self._failed_replies >= (_MAX_FAILED_REPLIES if self._proven else 1):
            self._give_up("llm_error")
        else:
            self._session.say(NO_ANSWER)

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if isinstance(item, ChatMessage) and item.role == "assistant" and "llm_node_ttft" in item.metrics:
            self._answers += 1
            self._failed_replies = 0
            self._proven = True

    def _on_agent(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._silent_answers = 0

    def _on_close(self, event: CloseEvent) -> None:
        """The framework closes a session in which something fails again and again."""
        if event.error is not None:
            self._give_up(event.error.type)

    def _give_up(self, kind: str) -> None:
        if not self._failure.done():
            self._failure.set_result(_REASONS.get(kind, "it failed"))
