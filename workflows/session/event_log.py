"""The events of a session, numbered 1, 2, 3 without gaps, across its runs. Pure; times are the workflow's seconds."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from contracts.agent import ProviderChanged
from contracts.events import (
    LAST_EVENT,
    MOST_EVENTS_A_PAGE,
    AgentEventState,
    EventsPage,
    EventsRequest,
    EventType,
    SessionEvent,
    wire_time,
    wire_turn,
)
from contracts.message import State
from contracts.session import SessionSummary
from contracts.statuses import SessionStatus
from workflows.session.transcript import Entry, Transcript

KEPT = 5_000
"""Of a very long session the latest events are kept: some 400 kB, beside the turns, when it continues as new.

A call of two hours has about 2,000.
"""
_TEXT_A_PAGE = 250_000
"""Characters of turns in one answer: even in UTF-8's longest form they stay below Temporal's 2 MB."""


class LoggedEvent(State):
    """An event; its number is its place. A turn is kept as `(generation, sequence)` alone.

    `words`: the event's line in the timeline of Temporal's UI; an event without words is not in it.
    """

    type: EventType
    at_ms: int
    data: dict[str, Any]
    words: str = ""

    @property
    def step(self) -> str:
        """The event as a line of a log: ids, states and reasons, and never what was said."""
        return " ".join([self.type, *(f"{name}={value}" for name, value in self.data.items() if value is not None)])


class EventLog(State):
    """The session adds what changes; queries read it page by page. `length` counts all events, kept or not."""

    kept: list[LoggedEvent] = Field(default_factory=list)
    length: int = 0
    status: SessionStatus | None = None
    is_over: bool = False

    # The session adds.

    def agent(
        self, now: float, generation: int, state: AgentEventState, reason: str | None = None, words: str = ""
    ) -> None:
        """A generation is in this state from now on."""
        self._add(now, "agent.state", words, state=state, generation=generation, reason=reason)

    def presence(self, now: float, *, is_there: bool, participant_sid: str, words: str) -> None:
        """The caller joined or left."""
        kind = "joined" if is_there else "left"
        self._add(now, "caller.presence", words, kind=kind, participantSid=participant_sid or None)

    def provider(self, now: float, report: ProviderChanged, words: str) -> None:
        """A speech provider failed an agent, or is back."""
        self._add(
            now,
            "provider.changed",
            words,
            part=report.part,
            provider=report.provider,
            available=report.available,
            nextUp=report.next_up,
            generation=report.generation,
        )

    def turn(self, now: float, entry: Entry) -> None:
        """Publish a turn, once, when it cannot change any more."""
        if not entry.is_published and not self.is_over:
            entry.is_published = True
            self._add(now, "turn", generation=entry.turn.generation, sequence=entry.turn.sequence)

    def turns(self, now: float, transcript: Transcript, before: int | None = None) -> None:
        """Publish turns as they were heard: generations `before` this one cannot correct theirs any more."""
        for entry in transcript.entries:
            if before is None or entry.turn.generation < before:
                self.turn(now, entry)

    def session(self, now: float, status: SessionStatus, words: str = "") -> None:
        """The session has this status, other than `ended`."""
        if status is not self.status:
            self._add(now, "session.state", words, state=status, previous=self.status)
            self.status = status

    def ended(self, now: float, summary: SessionSummary) -> None:
        """The last event, with the bill."""
        self._add(
            now,
            LAST_EVENT,
            f"everything is cleaned up; billed: {summary.duration_seconds} s = {summary.duration_minutes} min",
            endReason=summary.end_reason,
            durationSeconds=summary.duration_seconds,
            durationMinutes=summary.duration_minutes,
            generations=summary.generations,
            errors=list(summary.errors),
        )
        self.status = SessionStatus.ENDED
        self.is_over = True

    def _add(self, now: float, event: EventType, words: str = "", /, **data: Any) -> None:
        if not self.is_over:
            self.kept.append(LoggedEvent(type=event, at_ms=round(now * 1000), data=data, words=words))
            self.length += 1
            del self.kept[: max(0, len(self.kept) - KEPT)]

    # Queries read.

    @property
    def dropped(self) -> int:
        """The number of oldest events that are not kept any more."""
        return self.length - len(self.kept)

    def since(self, number: int) -> list[LoggedEvent]:
        """The events after this number but for turns, as far as they are kept."""
        return [event for event in self.kept[max(0, number - self.dropped) :] if event.type != "turn"]

    def page(self, request: EventsRequest, session_id: str, transcript: Transcript) -> EventsPage:
        """The events after `request.after`, as far as they are kept."""
        start = max(0, request.after - self.dropped)
        limit = max(1, min(request.limit, MOST_EVENTS_A_PAGE))
        turns = {entry.name: (entry.turn, at) for at, entry in enumerate(transcript.entries, 1)}
        events: list[SessionEvent] = []
        text = 0
        for number, logged in enumerate(self.kept[start : start + limit], self.dropped + start + 1):
            data = logged.data
            if logged.type == "turn":
                data = wire_turn(*turns[data["generation"], data["sequence"]])
                text += len(data["text"])
            if events and text > _TEXT_A_PAGE:
                break
            events.append(
                SessionEvent(id=number, type=logged.type, at=wire_time(logged.at_ms), sessionId=session_id, data=data)
            )
        return EventsPage(events=tuple(events), last=self.length, is_over=self.is_over)
