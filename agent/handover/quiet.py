"""The moment at which one agent can follow another without a cut word or a lost sentence."""

from __future__ import annotations

import asyncio
import math
import time

from livekit.agents import AgentSession, AgentStateChangedEvent, ConversationItemAddedEvent, UserStateChangedEvent

_END_OF_TURN_SECONDS = 1.5
"""So long after the caller's last sound a turn may still be committed; longer than every endpointing delay."""
_SETTLING_SECONDS = 0.02
"""The framework tells that it listens again a moment before it lets go of what it said."""


class Quiet:
    """Follows who speaks in one agent's session. Times are monotonic seconds."""

    def __init__(self, session: AgentSession[None]) -> None:
        self._session = session
        self._news = asyncio.Event()
        self._caller_began_at: float | None = None
        self._caller_stopped_at = 0.0
        session.on("agent_state_changed", self._on_agent)
        session.on("user_state_changed", self._on_caller)
        session.on("conversation_item_added", self._on_item)

    async def wait_for_quiet(self) -> None:
        """Wait until the agent has nothing to say and nothing to answer.

        A sentence that the caller begins from now on is no reason to wait: the newcomer hears the whole of it.
        """
        asked_at = time.monotonic()
        while (wait := self._wait(asked_at)) > 0:
            self._news.clear()
            try:
                async with asyncio.timeout(None if wait == math.inf else wait):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _wait(self, asked_at: float) -> float:
        """Seconds until it may be quiet; infinite while only news can tell."""
        if self._session.agent_state in ("speaking", "thinking"):
            return math.inf
        if self._session.current_speech is not None:
            return _SETTLING_SECONDS
        if self._caller_began_at is None or self._caller_began_at > asked_at:
            return 0.0
        if self._session.user_state == "speaking":
            return math.inf
        return self._caller_stopped_at + _END_OF_TURN_SECONDS - time.monotonic()

    def _on_agent(self, _: AgentStateChangedEvent) -> None:
        self._news.set()

    def _on_caller(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._caller_began_at = time.monotonic()
        elif event.old_state == "speaking":
            self._caller_stopped_at = time.monotonic()
        self._news.set()

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if getattr(event.item, "role", None) == "user":
            self._caller_began_at = None  # the turn is committed: the agent's states tell the rest
        self._news.set()
