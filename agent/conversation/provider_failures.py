"""Speech providers that fail during a call: the agent apologizes or exits, and the caller never waits in silence.

An agent whose providers keep failing exits and counts as a failure; its successor exits at its first provider
failure. Either another process works, or the session ends as a crash loop does.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import Final

from livekit.agents import (
    AgentSession,
    AgentStateChangedEvent,
    APIStatusError,
    ChatMessage,
    CloseEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
)

from agent.conversation.instructions import NO_ANSWER
from agent.handover.quiet import Quiet
from agent.job_link.host_link import HostLink
from agent.speech.fallback import Availability
from agent.speech.language_model import IS_PREFILL
from contracts.agent import Briefing, ProviderChanged

logger = logging.getLogger("agent.conversation.provider_failures")

_MAX_FAILED_REPLIES: Final = 3
"""Failed replies in a row after which the agent exits; the caller is asked to repeat between them."""
_MAX_REFUSED_REPLIES: Final = 2
"""The same for replies that the endpoint refuses with 400, 413 or 422: the next request repeats the conversation, but a
content filter may have disliked its last sentence alone."""
_REFUSALS: Final = (400, 413, 422)
_PERMANENT_REFUSALS: Final = (401, 403, 404)
"""A wrong key, address or model refuses every reply: asking the caller to repeat would be in vain."""
_MAX_SILENT_ANSWERS: Final = 2
"""Answers in a row without sound after which the agent exits: it cannot apologize without TTS."""
_SETTLE_SECONDS: Final = 0.2
"""A reply can begin so long after quiet is detected."""
_REASONS: Final = {
    "stt_error": "speech to text failed",
    "llm_error": "the language model failed",
    "tts_error": "text to speech failed",
}


def report_availability(host: HostLink, briefing: Briefing, change: Availability) -> None:
    """Log and report that a provider failed or recovered."""
    state = "is back" if change.available else f"failed; next is {change.next_up or 'none'}"
    logger.warning("%s of %s: %s %s", change.part, briefing.session_id, change.provider, state)
    host.provider_changed(ProviderChanged(generation=briefing.generation, **asdict(change)))


class ProviderFailures:
    """Counts the provider failures of one agent's session.

    `proven` agents may fail a few times: those that replace no failed agent, and those that have answered once.
    """

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
        """Wait until the agent should exit; return the reason."""
        return await asyncio.shield(self._failure)

    def _on_error(self, event: ErrorEvent) -> None:
        """Handle an error that livekit-agents will not retry."""
        if getattr(event.error, "recoverable", True) or IS_PREFILL.get():
            return
        failure = event.error.error
        logger.warning("%s: %s", _REASONS.get(event.error.type, "failed"), _describe(failure))
        if event.error.type == "tts_error":
            self._silent_answers += 1
            if self._silent_answers >= (_MAX_SILENT_ANSWERS if self._proven else 1):
                self._give_up("tts_error")
        elif event.error.type == "llm_error" and (self._apology is None or self._apology.done()):
            self._apology = asyncio.create_task(self._apologize(self._answers, failure))

    async def _apologize(self, answers_before: int, failure: Exception) -> None:
        """Apologize once no answer will come: preemptive generation can fail while the caller still speaks."""
        while True:
            await self._quiet.wait_for_quiet()
            await asyncio.sleep(_SETTLE_SECONDS)
            if self._session.agent_state == "listening" and self._session.current_speech is None:
                break
        if self._answers != answers_before:
            return
        self._failed_replies += 1
        if self._failed_replies >= (_max_failed_replies(failure) if self._proven else 1):
            self._give_up("llm_error", failure)
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
        """Exit when livekit-agents closes the session after repeated failures."""
        if event.error is not None:
            self._give_up(event.error.type)

    def _give_up(self, kind: str, failure: Exception | None = None) -> None:
        if not self._failure.done():
            reason = _REASONS.get(kind, "it failed")
            if isinstance(failure, APIStatusError):
                reason = f"{reason}: it answers HTTP {failure.status_code}"
            self._failure.set_result(reason)


def _max_failed_replies(failure: Exception) -> int:
    """Return how many replies in a row may fail like this before the agent exits."""
    status = failure.status_code if isinstance(failure, APIStatusError) else None
    if status in _PERMANENT_REFUSALS:
        return 1
    return _MAX_REFUSED_REPLIES if status in _REFUSALS else _MAX_FAILED_REPLIES


def _describe(failure: Exception) -> str:
    """Return type and status: texts of errors can quote the conversation."""
    name = type(failure).__name__
    return f"{name} {failure.status_code}" if isinstance(failure, APIStatusError) else name
