"""A whole conversation without a room: ours and livekit-agents' real session, with parts that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Self

from livekit import rtc
from livekit.agents import APIConnectOptions, ErrorEvent, llm, tts
from livekit.agents.voice.agent_session import SessionConnectOptions

from agent.conversation.conversation import Conversation
from agent.handover.protocol import Succession
from agent.speech import SpeechParts
from contracts.turns import Turn
from settings import Settings
from tests.fakes.briefings import briefing
from tests.fakes.dialogue import FakeLLM, FakeSTT, FakeVAD, Loudspeaker, Roomless


class Line:
    """Takes the final turns, as the line to the workflow does."""

    def __init__(self) -> None:
        self.turns: asyncio.Queue[Turn] = asyncio.Queue()

    def turn(self, turn: Turn) -> None:
        """As the real one's."""
        if turn.final:
            self.turns.put_nowait(turn)


class RoomlessCall(Roomless):
    """Use as an async context manager. Each part has one try, of so many seconds."""

    def __init__(
        self, voice: tts.TTS[Any], *, mind: llm.LLM[Any] | None = None, opening_line: str = "Hello.", seconds: float = 5
    ) -> None:
        self.speaker, self.line = Loudspeaker(), Line()
        self.errors: asyncio.Queue[ErrorEvent] = asyncio.Queue()
        one_try = APIConnectOptions(max_retry=0, timeout=seconds)
        detector: Any = "vad"
        line: Any = self.line
        parts = SpeechParts(
            stt=FakeSTT(),
            llm=mind or FakeLLM(),
            tts=voice,
            vad=FakeVAD(),
            turn_detection=detector,
            conn_options=SessionConnectOptions(tts_conn_options=one_try, llm_conn_options=one_try),
        )
        self.conversation = Conversation(briefing(opening_line=opening_line), rtc.Room(), parts, line, Settings())
        self.session = self.conversation._session
        self.session.on("error", self.errors.put_nowait)

    async def __aenter__(self) -> Self:
        return self

    async def join(self) -> None:
        """As the job does, but into no room."""
        await self.start(self.conversation._agent)

    async def begin(self, turns: Sequence[Turn] = ()) -> None:
        """With the floor."""
        assert await self.conversation.begin(Succession(), turns)
