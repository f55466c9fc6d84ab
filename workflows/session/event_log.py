"""What happened in a session, numbered for whoever follows it: 1, 2, 3, without gaps, across its runs. Pure."""

from __future__ import annotations

from collections import deque
from typing import Any

from contracts.agent import ProviderChanged
from contracts.events import (
    LAST_EVENT,
    MOST_EVENTS_A_PAGE,
    AgentEventState,
    EventMemory,
    EventsPage,
    EventsRequest,
    EventType,
    LoggedEvent,
    SessionEvent,
    wire_time,
    wire_turn,
)
from contracts.session import SessionSummary
from contracts.statuses import SessionStatus
from contracts.turns import Turn
from workflows.session.transcript import Transcript

KEPT = 5_000
"""Of a very long session the latest events are kept: some 400 kB, beside the turns, when it continues as new.

A call of two hours has about 2,000.
"""
_TEXT_A_PAGE = 250_000
"""Characters of turns in one answer: even in UTF-8's longest form they stay below Temporal's 2 MB."""


class EventLog:
    """Told by the session what changes, asked by queries what there is; times are the workflow's seconds."""

    def __init__(self, session_id: str, transcript: Transcript) -> None:
        self._session_id = session_id
        self._transcript = transcript
        self._kept: deque[LoggedEvent] = deque(maxlen=KEPT)
        self._length = 0
        self._state: SessionStatus | None = None
        self._generations: dict[int, None] = {}  # those told of and not gone, in order
        self._told: set[tuple[int, int]] = set()
        self._is_over = False

    def resume(self, memory: EventMemory, newest_ready: int) -> None:
        """Go on with the log of an earlier run, whose turns the transcript knows already."""
        self._kept.extend(memory.kept)
        self._length, self._state = memory.length, memory.state
        self._generations = dict.fromkeys(memory.generations)
        if memory.length:  # an earlier run that kept no log has told of none
            settled = (turn for turn in self._transcript.turns if turn.final or turn.generation < newest_ready)
            self._told = {(turn.generation, turn.sequence) for turn in settled}

    @property
    def memory(self) -> EventMemory:
        """What the next run must know."""
        return EventMemory(
            kept=tuple(self._kept), length=self._length, state=self._state, generations=tuple(self._generations)
        )

    # What changes.

    def agent(self, now: float, generation: int, state: AgentEventState, reason: str | None = None) -> None:
        """A generation is in this state from now on."""
        self._generations[generation] = None
        if state in ("lost", "stopped"):
            del self._generations[generation]
        self._add(now, "agent.state", state=state, generation=generation, reason=reason)

    def agent_ready(self, now: float, generation: int, leaving: int | None) -> None:
        """This generation has the word. Older ones are gone, but for the one still `leaving`, and so is their word."""
        self.agent(now, generation, "ready")
        for older in [each for each in self._generations if each < generation and each != leaving]:
            self.agent(now, older, "stopped", f"generation {generation} took over")
        self._settle_turns(now, before=generation)

    def presence(self, now: float, *, is_there: bool, participant_sid: str) -> None:
        """The caller came or went."""
        kind = "joined" if is_there else "left"
        self._add(now, "caller.presence", kind=kind, participantSid=participant_sid or None)

    def provider(self, now: float, report: ProviderChanged) -> None:
        """A provider of speech failed an agent, or is back."""
        self._add(
            now,
            "provider.changed",
            part=report.part,
            provider=report.provider,
            available=report.available,
            nextUp=report.next_up,
            generation=report.generation,
        )

    def heard(self, now: float, turn: Turn) -> None:
        """The transcript has taken in this turn. What may still change waits until it cannot."""
        if turn.final:
            self._tell(now, turn)

    def session(self, now: float, state: SessionStatus, summary: SessionSummary | None) -> None:
        """The session is in this state. Its end comes last, with the bill."""
        if state is self._state:
            return
        if state is not SessionStatus.ENDED:
            self._add(now, "session.state", state=state, previous=self._state)
        elif summary is not None:
            self._end(now, summary)
        self._state = state

    def _end(self, now: float, summary: SessionSummary) -> None:
        for generation in list(self._generations):
            self.agent(now, generation, "stopped")
        self._settle_turns(now)
        self._add(
            now,
            LAST_EVENT,
            endReason=summary.end_reason,
            durationSeconds=summary.duration_seconds,
            durationMinutes=summary.duration_minutes,
            generations=summary.generations,
            errors=list(summary.errors),
        )
        self._is_over = True

    def _settle_turns(self, now: float, before: int | None = None) -> None:
        """Whoever might have corrected what was said is gone: it stands as it was heard."""
        for turn in self._transcript.turns:
            if before is None or turn.generation < before:
                self._tell(now, turn)

    def _tell(self, now: float, turn: Turn) -> None:
        name = (turn.generation, turn.sequence)
        if name not in self._told and not self._is_over:
            self._told.add(name)
            self._add(now, "turn", generation=turn.generation, sequence=turn.sequence)

    def _add(self, now: float, event: EventType, /, **data: Any) -> None:
        if not self._is_over:
            self._kept.append(LoggedEvent(type=event, at_ms=round(now * 1000), data=data))
            self._length += 1

    # What there is.

    @property
    def last(self) -> int:
        """The number of the newest event; 0 before there is one."""
        return self._length

    def page(self, request: EventsRequest) -> EventsPage:
        """What came after `request.after`, as far as it is kept."""
        dropped = self._length - len(self._kept)
        start = max(0, request.after - dropped)
        limit = max(1, min(request.limit, MOST_EVENTS_A_PAGE))
        said = {(turn.generation, turn.sequence): (turn, at) for at, turn in enumerate(self._transcript.turns, 1)}
        events: list[SessionEvent] = []
        text = 0
        for number, logged in enumerate([*self._kept][start : start + limit], dropped + start + 1):
            data = logged.data
            if logged.type == "turn":
                data = wire_turn(*said[data["generation"], data["sequence"]])
                text += len(data["text"])
            if events and text > _TEXT_A_PAGE:
                break
            events.append(
                SessionEvent(
                    id=number, type=logged.type, at=wire_time(logged.at_ms), sessionId=self._session_id, data=data
                )
            )
        return EventsPage(events=tuple(events), last=self._length, is_over=self._is_over)
