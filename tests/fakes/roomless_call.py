"""A conversation without a room: the real Conversation and AgentSession, with fake providers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Self

from livekit import rtc
from livekit.agents import APIConnectOptions, ErrorEvent, llm, tts
from livekit.agents.voice.agent_session import SessionConnectOptions

from agent.conversation.conversation import Conversation
from agent.handover.protocol import Succession
from contracts.turns import Turn
from settings import Settings
from tests.fakes.briefings import briefing
from tests.fakes.dialogue import Loudspeaker, Roomless, fake_parts
from tests.fakes.host_link import FakeHostLink


class RoomlessCall(Roomless):
    """Use as an async context manager. Providers are not retried, and have so many seconds."""

    def __init__(
        self,
        voice: tts.TTS[Any],
        *,
        model: llm.LLM[Any] | None = None,
        opening_line: str = "Hello.",
        seconds: float = 5,
    ) -> None:
        self.speaker, self.host = Loudspeaker(), FakeHostLink()
        self.errors: asyncio.Queue[ErrorEvent] = asyncio.Queue()
        one_try = APIConnectOptions(max_retry=0, timeout=seconds)
        conn_options = SessionConnectOptions(tts_conn_options=one_try, llm_conn_options=one_try)
        parts = fake_parts(voice, model=model, conn_options=conn_options)
        self.conversation = Conversation(briefing(opening_line=opening_line), rtc.Room(), parts, self.host, Settings())
        self.session = self.conversation.session
        self.session.on("error", self.errors.put_nowait)

    async def __aenter__(self) -> Self:
        return self

    async def join(self) -> None:
        """Start the session without a room."""
        await self.start(self.conversation.agent)

    async def begin(self, turns: Sequence[Turn] = ()) -> None:
        """Take the floor."""
        assert await self.conversation.start(Succession(), turns)
