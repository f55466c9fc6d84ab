"""Detects quiet: the moment at which the floor can change hands without cutting a word or dropping a turn."""

from __future__ import annotations

import asyncio
import math
import time

from livekit.agents import AgentSession, ConversationItemAddedEvent, UserStateChangedEvent

_END_OF_TURN_SECONDS = 1.5
"""A turn can be committed so long after the caller's last sound; longer than every endpointing delay."""
_SETTLING_SECONDS = 0.02
"""livekit-agents reports "listening" a moment before it clears `current_speech`."""


class Quiet:
    """Follows the speaking states of one agent's session. Times are monotonic seconds."""

    def __init__(self, session: AgentSession[None]) -> None:
        self._session = session
        self._changed = asyncio.Event()
        self._caller_started_at: float | None = None
        self._caller_stopped_at = 0.0
        session.on("agent_state_changed", lambda _: self._changed.set())
        session.on("user_state_changed", self._on_caller)
        session.on("conversation_item_added", self._on_item)

    async def wait_for_quiet(self) -> None:
        """Wait until the agent has nothing left to say or to answer.

        Ignores a sentence that the caller begins from now on: the newcomer hears all of it.
        """
        asked_at = time.monotonic()
        while (wait := self._wait(asked_at)) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(None if wait == math.inf else wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _wait(self, asked_at: float) -> float:
        """Return the seconds until it may be quiet; infinite if only an event can end the wait."""
        if self._session.agent_state in ("speaking", "thinking"):
            return math.inf
        if self._session.current_speech is not None:
            return _SETTLING_SECONDS
        if self._caller_started_at is None or self._caller_started_at > asked_at:
            return 0.0
        if self._session.user_state == "speaking":
            return math.inf
        return self._caller_stopped_at + _END_OF_TURN_SECONDS - time.monotonic()

    def _on_caller(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._caller_started_at = time.monotonic()
        elif event.old_state == "speaking":
            self._caller_stopped_at = time.monotonic()
        self._changed.set()

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if getattr(event.item, "role", None) == "user":
            self._caller_started_at = None  # the turn is committed: from here on the agent's states count
        self._changed.set()
