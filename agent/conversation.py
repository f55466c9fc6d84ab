"""The conversation: a livekit-agents session that greets once, answers, can be interrupted, and reports every turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

from livekit import rtc
from livekit.agents import Agent, AgentSession, ChatContext, ConversationItemAddedEvent, TurnHandlingOptions, llm
from livekit.agents.voice.room_io import RoomOptions

from agent.prompt import RESUMING, instructions
from agent.speech import SpeechParts
from agent.speech.language_model import read_ahead
from agent.workflow_line import WorkflowLine
from contracts import Briefing, Turn
from settings import Settings

_TURNS = TurnHandlingOptions(
    # The longer delay is for sentences that sound unfinished; the detector is unsure of many a short question.
    endpointing={"min_delay": 0.2, "max_delay": 0.7},
    # "adaptive" would ask LiveKit's cloud.
    interruption={"mode": "vad", "min_duration": 0.3, "resume_false_interruption": True},
    preemptive_generation={"enabled": True, "preemptive_tts": True},
)


class Conversation:
    """One agent's part of a session: what was said before it came is its history, what is said now goes on the line."""

    def __init__(self, briefing: Briefing, parts: SpeechParts, line: WorkflowLine, settings: Settings) -> None:
        self._briefing = briefing
        self._line = line
        self._llm = parts.llm
        self._tts = parts.tts
        self._text_input = settings.agent.text_input
        self._reads_ahead = settings.speech.llm_read_ahead
        self._sequence = 0
        self._first_words = first_words(briefing)
        self._first_audio: list[rtc.AudioFrame] = []
        self._agent = Agent(instructions=instructions(briefing), chat_ctx=history(briefing.turns))
        self._session: AgentSession[None] = AgentSession(
            stt=parts.stt,
            llm=parts.llm,
            tts=parts.tts,
            vad=parts.vad,
            turn_handling={**_TURNS, "turn_detection": parts.turn_detection},
            user_away_timeout=None,
            session_close_transcript_timeout=0.1,  # waited for at every end, also when the caller is silent
        )
        self._session.on("conversation_item_added", self._on_item)

    async def join(self, room: rtc.Room) -> None:
        """Publish the agent's voice and listen to the caller, and to nobody else."""
        await self._session.start(
            self._agent,
            room=room,
            room_options=RoomOptions(
                participant_identity=self._briefing.caller_identity,
                text_input=self._text_input,
                close_on_disconnect=False,  # the workflow decides what a leave means: callers may come back
            ),
            record=False,
            session_host=False,  # nobody in the room may drive the session by data messages
        )

    async def prepare(self) -> None:
        """Have the first words ready before anybody is there to hear them."""
        if self._first_words:
            self._first_audio = [event.frame async for event in self._tts.synthesize(self._first_words)]

    def begin(self) -> None:
        """Speak first. It sounds once the caller hears the agent's track, not before."""
        if self._first_words:
            self._session.say(self._first_words, audio=_played(self._first_audio))
            if self._reads_ahead:
                self._reading = asyncio.create_task(read_ahead(self._llm, self._prompt()))
        else:
            self._session.generate_reply()

    def _prompt(self) -> ChatContext:
        """What the next answer will be asked with, as far as it is known."""
        context = history(self._briefing.turns)
        context.add_message(role="system", content=instructions(self._briefing), created_at=0)
        return context

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if not isinstance(item, llm.ChatMessage) or item.role not in ("user", "assistant") or not item.text_content:
            return
        self._sequence += 1
        self._line.turn(
            Turn(
                generation=self._briefing.generation,
                sequence=self._sequence,
                role="caller" if item.role == "user" else "agent",
                text=item.text_content,
                at_ms=time.time_ns() // 1_000_000,
                interrupted=item.interrupted,
            )
        )


def first_words(briefing: Briefing) -> str | None:
    """A first agent greets; a later one answers what its predecessor left open (None), or says that it is back."""
    if not briefing.turns:
        return briefing.opening_line
    return None if briefing.turns[-1].role == "caller" else RESUMING


def history(turns: Sequence[Turn]) -> ChatContext:
    """Earlier turns in the form that the language model reads."""
    context = ChatContext.empty()
    for turn in turns:
        context.add_message(
            role="user" if turn.role == "caller" else "assistant",
            content=turn.text,
            interrupted=turn.interrupted,
            created_at=turn.at_ms / 1000,
        )
    return context


async def _played(frames: Sequence[rtc.AudioFrame]) -> AsyncIterator[rtc.AudioFrame]:
    for frame in frames:
        yield frame
