"""The conversation: a livekit-agents session that greets once, answers, can be interrupted, and reports every turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from livekit import rtc
from livekit.agents import (
    AgentSession,
    ChatContext,
    ChatMessage,
    ConversationItemAddedEvent,
    UserStateChangedEvent,
)
from livekit.agents.llm import MetricsReport
from livekit.agents.voice.room_io import RoomOptions, TextOutputOptions

from agent.conversation.instructions import RESUMING, STILL_THERE, instructions
from agent.conversation.latency import latency_breakdown
from agent.conversation.playout_captions import PlayoutCaptions
from agent.conversation.presynthesized import PresynthesizedSpeech
from agent.conversation.provider_failures import ProviderFailures
from agent.conversation.room_outage import RoomOutage
from agent.conversation.turn_taking import AEC_WARMUP_SECONDS, TTS_TEXT_TRANSFORMS, TURNS, VoiceAgent
from agent.handover.floor import Floor
from agent.handover.protocol import Succession
from agent.handover.quiet import Quiet
from agent.speech import SpeechParts
from agent.speech.language_model import prefill
from agent.workflow_link.workflow_client import WorkflowClient
from contracts.agent import Briefing
from contracts.turns import Turn
from settings import Settings

Role = Literal["caller", "agent"]


class Conversation:
    """One agent's part of a session: what was said before it came is its history, what is said now goes on the line."""

    def __init__(
        self, briefing: Briefing, room: rtc.Room, parts: SpeechParts, workflow: WorkflowClient, settings: Settings
    ) -> None:
        self._briefing = briefing
        self._room = room
        self._workflow = workflow
        self._llm = parts.llm
        self._tts = parts.tts
        self._patience = parts.conn_options.tts_conn_options
        self._text_input = settings.agent.text_input
        self._reads_ahead = settings.speech.llm_read_ahead
        self._earlier: Sequence[Turn] = ()
        self._turns: list[Turn] = []
        self._question = MetricsReport()
        self._presynthesized: PresynthesizedSpeech | None = None
        self._audible = asyncio.Event()
        self._audible.set()
        self._room_outage = RoomOutage(room, self._commit, self._repeat_answer)
        self._floor = Floor()
        self._agent = VoiceAgent(briefing, self._floor, history(briefing.turns))
        self._session: AgentSession[None] = AgentSession(
            stt=parts.stt,
            llm=parts.llm,
            tts=parts.tts,
            vad=parts.vad,
            conn_options=parts.conn_options,
            turn_handling={**TURNS, "turn_detection": parts.turn_detection},
            tts_text_transforms=TTS_TEXT_TRANSFORMS,
            aec_warmup_duration=AEC_WARMUP_SECONDS,
            user_away_timeout=briefing.silence_seconds or None,
            session_close_transcript_timeout=0.1,  # waited for at every end, also when the caller is silent
        )
        self._session.on("conversation_item_added", self._on_item)
        self._session.on("user_state_changed", self._on_caller)
        self._quiet = Quiet(self._session)
        self._provider_failures = ProviderFailures(
            self._session, self._quiet, proven=briefing.generation == 1 or briefing.predecessor_lives
        )

    async def join(self) -> None:
        """Publish the agent's voice, still without a sound, and listen to the caller, and to nobody else."""
        await self._session.start(
            self._agent,
            room=self._room,
            room_options=RoomOptions(
                participant_identity=self._briefing.caller_identity,
                text_input=self._text_input,
                text_output=TextOutputOptions(next_in_chain=PlayoutCaptions(self._on_sentences)),
                close_on_disconnect=False,  # the workflow decides what a leave means: callers may come back
            ),
            record=False,
            session_host=False,  # nobody in the room may drive the session by data messages
        )
        if not self._audible.is_set():  # it stood still before there was anything to mute
            self.mute(muted=True)

    def presynthesize(self) -> None:
        """Begin to make the sound of the first words, before anybody is there to hear them."""
        if words := first_utterance(self._briefing.turns, Succession(), self._briefing.options.opening_line):
            self._presynthesized = PresynthesizedSpeech(words, self._tts, self._patience)

    async def begin(self, succession: Succession, turns: Sequence[Turn]) -> bool:
        """Take the floor and speak first where there is something to say; False when the floor is already another's.

        `turns` is all that was said until now. What is said sounds once the caller hears the agent's track, not before.
        """
        self._earlier = turns
        await self._agent.update_chat_ctx(history(turns))
        answered = max((turn.at_ms for turn in turns if turn.role == "caller"), default=0)
        if not self._floor.take(answered / 1000):
            return False
        words = first_utterance(turns, succession, self._briefing.options.opening_line)
        self._speak(words)
        if words and self._reads_ahead:
            self._session.once("agent_state_changed", lambda _: self._prefill(turns))
        return True

    def _speak(self, words: str | None) -> None:
        """Say these `first_utterance`; answer where there are none to say."""
        if words is None:
            self._session.generate_reply()
        elif words:
            self._say(words)

    def _say(self, words: str) -> None:
        ahead, self._presynthesized = self._presynthesized, None
        if ahead is None or ahead.words != words or ahead.failed:
            self._session.say(words)  # with all the tries that a voice has
            return
        handle = self._session.say(words, audio=ahead.sound(lambda: handle.interrupt(force=True)))

    async def wait_for_failure(self) -> str:
        """Wait until its providers of speech have failed this agent so often that it should leave; why."""
        return await self._provider_failures.wait_for_failure()

    async def finish_speaking(self, limit_seconds: float) -> tuple[Turn, ...]:
        """Finish what is being said and asked, within the limit; then give the floor away. All turns of this agent."""
        had_the_floor = self._floor.held
        if had_the_floor:
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_seconds if self._caller_is_there() else 0):
                    await self._quiet.wait_for_quiet()
        self._floor.release()
        if had_the_floor:
            await self._session.interrupt(force=True)
        return tuple(self._turns)

    def mute(self, *, muted: bool) -> None:
        """Silence this agent's voice at once, or let it be heard again; it goes on as if it spoke."""
        self._audible.clear() if muted else self._audible.set()
        for publication in self._room.local_participant.track_publications.values():
            if isinstance(track := publication.track, rtc.LocalAudioTrack):
                track.mute() if muted else track.unmute()

    def _caller_is_there(self) -> bool:
        """Words that wait for a caller who is not there would wait for ever."""
        return self._briefing.caller_identity in self._room.remote_participants

    def _prefill(self, turns: Sequence[Turn]) -> None:
        """Have the model read what it will be asked with, as far as it is known, while the first words sound."""
        context = history(turns)
        context.add_message(role="system", content=instructions(self._briefing), created_at=0)
        self._reading = asyncio.create_task(prefill(self._llm, context))

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if not isinstance(item, ChatMessage) or item.role not in ("user", "assistant") or not item.text_content:
            return
        if item.role == "assistant" and self._room_outage.buffer(item):
            return
        self._commit(item)

    def _commit(self, item: ChatMessage) -> None:
        text = item.text_content or ""
        if item.role == "user":
            self._question = item.metrics
            turn = self._turn("caller", text, interrupted=item.interrupted)
        else:
            turn = self._turn("agent", text, interrupted=item.interrupted)
            began = item.metrics.get("started_speaking_at")
            turn = turn.model_copy(
                update={
                    "latency": latency_breakdown(self._question, item.metrics),
                    "began_at_ms": round(began * 1000) if began else None,
                }
            )
        self._turns.append(turn)
        self._workflow.turn(turn)

    async def _repeat_answer(self, something_ended: bool) -> None:
        """The room was lost while this agent may have spoken; the caller has it back, and heard nothing of that."""
        if not something_ended and self._session.current_speech is None:
            return
        await self._session.interrupt(force=True)
        await self._audible.wait()
        turns = (*self._earlier, *self._turns)
        if not self._floor.held:
            return
        await self._agent.update_chat_ctx(history(turns))
        self._speak(first_utterance(turns, Succession(), self._briefing.options.opening_line))

    def _on_caller(self, event: UserStateChangedEvent) -> None:
        """The framework takes a caller for away when both have been silent for a while."""
        if event.new_state != "away" or not self._floor.held or not self._caller_is_there():
            return
        if not was_asked_if_there((*self._earlier, *self._turns)):
            self._session.say(STILL_THERE)

    def _on_sentences(self, text: str) -> None:
        """Of a long answer the workflow learns as it is heard. It becomes final, under the same number, at its end."""
        if self._room_outage.disconnected:
            return
        self._workflow.turn(self._turn("agent", text, interrupted=True, final=False))

    def _turn(self, role: Role, text: str, *, interrupted: bool, final: bool = True) -> Turn:
        return Turn(
            generation=self._briefing.generation,
            sequence=len(self._turns) + 1,
            role=role,
            text=text,
            at_ms=time.time_ns() // 1_000_000,
            interrupted=interrupted,
            final=final,
        )


def first_utterance(turns: Sequence[Turn], succession: Succession, opening_line: str) -> str | None:
    """What an agent says first; nothing (an empty text) where there is nothing to say, None for an open question.

    The first one greets. A later one answers what was left open, or the rest of it, and says that it is back if its
    predecessor was lost.
    """
    if not turns:
        return opening_line
    if is_unanswered(turns):
        return None
    return "" if succession.in_order else RESUMING


def is_unanswered(turns: Sequence[Turn]) -> bool:
    """Whether the caller waits for an answer, or for the rest of one. A greeting that broke off answers nobody."""
    unanswered = turns[:-1] if turns[-1].role == "agent" and not turns[-1].final else turns
    return bool(unanswered) and unanswered[-1].role == "caller"


def was_asked_if_there(turns: Sequence[Turn]) -> bool:
    """Whether the caller was asked if they are still there, by this agent or one before it, and said nothing since."""
    for turn in reversed(turns):
        if turn.role == "caller":
            return False
        if turn.text == STILL_THERE:
            return True
    return False


def history(turns: Sequence[Turn]) -> ChatContext:
    """Earlier turns in the form that the language model reads: of the agent one message at a time.

    Some servers refuse two in a row, such as a greeting and the question whether the caller is still there.
    """
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role == "agent":
            text = f"{joined[-1].text} {turn.text}"
            joined[-1] = joined[-1].model_copy(update={"text": text, "interrupted": turn.interrupted})
        else:
            joined.append(turn)
    context = ChatContext.empty()
    for turn in joined:
        context.add_message(
            role="user" if turn.role == "caller" else "assistant",
            content=turn.text,
            interrupted=turn.interrupted,
            created_at=turn.at_ms / 1000,
        )
    return context
