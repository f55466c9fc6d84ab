"""The conversation: a livekit-agents session that greets once, answers, and reports every turn to the workflow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from livekit import rtc
from livekit.agents import (
    ChatMessage,
    ConversationItemAddedEvent,
    UserStateChangedEvent,
)
from livekit.agents.llm import MetricsReport
from livekit.agents.voice.room_io import RoomOptions, TextOutputOptions

from agent.conversation.history import first_utterance, history, was_asked_if_there
from agent.conversation.instructions import STILL_THERE, instructions
from agent.conversation.latency import latency_breakdown
from agent.conversation.playout_captions import PlayoutCaptions
from agent.conversation.presynthesized import PresynthesizedSpeech
from agent.conversation.provider_failures import ProviderFailures
from agent.conversation.room_outage import RoomOutage
from agent.conversation.turn_taking import VoiceAgent, build_session
from agent.handover.floor import Floor
from agent.handover.protocol import Succession
from agent.handover.quiet import Quiet
from agent.job_link.host_link import HostLink
from agent.speech import SpeechParts
from agent.speech.language_model import prefill
from contracts.agent import Briefing
from contracts.turns import Turn
from settings import Settings


class Conversation:
    """One agent's part of a session. Earlier turns are its history; its own turns are reported to the workflow."""

    def __init__(
        self, briefing: Briefing, room: rtc.Room, parts: SpeechParts, host: HostLink, settings: Settings
    ) -> None:
        self._briefing = briefing
        self._room = room
        self._host = host
        self._llm = parts.llm
        self._tts = parts.tts
        self._tts_options = parts.conn_options.tts_conn_options
        self._text_input = settings.agent.text_input
        self._prefills = settings.speech.llm_read_ahead
        self._earlier: Sequence[Turn] = ()
        self._turns: list[Turn] = []
        self._question_metrics = MetricsReport()
        self.presynthesized: PresynthesizedSpeech | None = None
        self._audible = asyncio.Event()
        self._audible.set()
        self._room_outage = RoomOutage(room, self._commit, self._repeat_answer)
        self._floor = Floor()
        self.agent = VoiceAgent(briefing, self._floor, history(briefing.turns))
        self.session = build_session(parts, user_away_timeout=briefing.silence_seconds or None)
        self.session.on("conversation_item_added", self._on_item)
        self.session.on("user_state_changed", self._on_caller)
        self._quiet = Quiet(self.session)
        self.provider_failures = ProviderFailures(
            self.session, self._quiet, proven=briefing.generation == 1 or briefing.predecessor_lives
        )

    async def join(self) -> None:
        """Publish the agent's track, still silent, and subscribe to the caller alone."""
        await self.session.start(
            self.agent,
            room=self._room,
            room_options=RoomOptions(
                participant_identity=self._briefing.caller_identity,
                text_input=self._text_input,
                text_output=TextOutputOptions(next_in_chain=PlayoutCaptions(self._on_sentences)),
                close_on_disconnect=False,  # the workflow decides: the caller may come back
            ),
            record=False,
            session_host=False,  # participants may not control the session by data messages
        )
        if not self._audible.is_set():  # it was muted before it had a track
            self.mute(muted=True)

    def presynthesize(self) -> None:
        """Start the synthesis of the first utterance, before the agent has the floor."""
        if text := first_utterance(self._briefing.turns, Succession(), self._briefing.options.opening_line):
            self.presynthesized = PresynthesizedSpeech(text, self._tts, self._tts_options)

    async def start(self, succession: Succession, turns: Sequence[Turn]) -> bool:
        """Take the floor and speak first if there is something to say; False if the floor was already released.

        `turns` is the transcript so far. Audio plays once the caller is subscribed to the agent's track.
        """
        self._earlier = turns
        await self.agent.update_chat_ctx(history(turns))
        last_turn_ms = max((turn.at_ms for turn in turns if turn.role == "caller"), default=0)
        if not self._floor.take(last_turn_ms / 1000):
            return False
        text = first_utterance(turns, succession, self._briefing.options.opening_line)
        self._speak(text)
        if text and self._prefills:
            self.session.once("agent_state_changed", lambda _: self._prefill(turns))
        return True

    def _speak(self, text: str | None) -> None:
        """Say a `first_utterance`, or answer the open question."""
        if text is None:
            self.session.generate_reply()
        elif text:
            speech, self.presynthesized = self.presynthesized, None
            if speech is None or speech.text != text or speech.failed:
                self.session.say(text)  # with all retries
            else:
                handle = self.session.say(text, audio=speech.frames(lambda: handle.interrupt(force=True)))

    async def finish_speaking(self, limit_seconds: float) -> tuple[Turn, ...]:
        """Wait for quiet, within the limit, and release the floor. Return all turns of this agent."""
        had_the_floor = self._floor.held
        if had_the_floor:
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_seconds if self._caller_is_in_room() else 0):
                    await self._quiet.wait_for_quiet()
        self._floor.release()
        if had_the_floor:
            await self.session.interrupt(force=True)
        return tuple(self._turns)

    def mute(self, *, muted: bool) -> None:
        """Mute or unmute this agent's track at once; the session goes on as if it were heard."""
        self._audible.clear() if muted else self._audible.set()
        for publication in self._room.local_participant.track_publications.values():
            if isinstance(track := publication.track, rtc.LocalAudioTrack):
                track.mute() if muted else track.unmute()

    def _caller_is_in_room(self) -> bool:
        """True if the caller can hear: audio waits for its subscriber without limit."""
        return self._briefing.caller_identity in self._room.remote_participants

    def _prefill(self, turns: Sequence[Turn]) -> None:
        """Let the LLM read the prompt of its first answer while the first utterance plays."""
        context = history(turns)
        context.add_message(role="system", content=instructions(self._briefing), created_at=0)
        self._prefilling = asyncio.create_task(prefill(self._llm, context))

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
            self._question_metrics = item.metrics
            turn = self._turn("caller", text, interrupted=item.interrupted)
        else:
            turn = self._turn("agent", text, interrupted=item.interrupted)
            began = item.metrics.get("started_speaking_at")
            turn = turn.model_copy(
                update={
                    "latency": latency_breakdown(self._question_metrics, item.metrics),
                    "began_at_ms": round(began * 1000) if began else None,
                }
            )
        self._turns.append(turn)
        self._host.turn(turn)

    async def _repeat_answer(self, was_buffered: bool) -> None:
        """Repeat what the agent said during a room outage: the caller heard none of it."""
        if not was_buffered and self.session.current_speech is None:
            return
        await self.session.interrupt(force=True)
        await self._audible.wait()
        turns = (*self._earlier, *self._turns)
        if not self._floor.held:
            return
        await self.agent.update_chat_ctx(history(turns))
        self._speak(first_utterance(turns, Succession(), self._briefing.options.opening_line))

    def _on_caller(self, event: UserStateChangedEvent) -> None:
        """Ask once if the caller is still there: livekit-agents says "away" after a while of silence."""
        if event.new_state != "away" or not self._floor.held or not self._caller_is_in_room():
            return
        if not was_asked_if_there((*self._earlier, *self._turns)):
            self.session.say(STILL_THERE)

    def _on_sentences(self, text: str) -> None:
        """Report the part of an answer that was played. Its end makes it final under the same sequence number."""
        if self._room_outage.disconnected:
            return
        self._host.turn(self._turn("agent", text, interrupted=True, final=False))

    def _turn(self, role: Literal["caller", "agent"], text: str, *, interrupted: bool, final: bool = True) -> Turn:
        return Turn(
            generation=self._briefing.generation,
            sequence=len(self._turns) + 1,
            role=role,
            text=text,
            at_ms=time.time_ns() // 1_000_000,
            interrupted=interrupted,
            final=final,
        )
