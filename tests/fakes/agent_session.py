"""An AgentSession of livekit-agents, as far as its states and events go; the test makes them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from livekit.agents.utils import EventEmitter


class FakeSession(EventEmitter[str]):
    """Both sides listen. `said` is what it was given to say."""

    def __init__(self) -> None:
        super().__init__()
        self.agent_state = "listening"
        self.user_state = "listening"
        self.current_speech: object | None = None
        self.said: asyncio.Queue[str] = asyncio.Queue()

    def say(self, words: str) -> None:
        """As the real one's."""
        self.said.put_nowait(words)

    def agent(self, state: str) -> None:
        """The agent goes into this state."""
        self.agent_state = state
        self.emit("agent_state_changed", SimpleNamespace(new_state=state))

    def caller(self, state: str) -> None:
        """The caller goes into this state."""
        before, self.user_state = self.user_state, state
        self.emit("user_state_changed", SimpleNamespace(old_state=before, new_state=state))

    def add(self, item: object) -> None:
        """A message is added to the conversation."""
        self.emit("conversation_item_added", SimpleNamespace(item=item))

    def fail(self, kind: str, *, recoverable: bool = False) -> None:
        """A provider fails."""
        error = SimpleNamespace(type=kind, recoverable=recoverable, error=RuntimeError("what the caller said"))
        self.emit("error", SimpleNamespace(error=error))
