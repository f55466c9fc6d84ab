"""The events of a session, numbered 1, 2, 3 without gaps, across its runs. Pure; times are the workflow's seconds."""

from __future__ import annotations

from typing import Any

from pydantic import Field, PrivateAttr

from contracts.agent import ProviderChanged
from contracts.events import LAST_EVENT, AgentEventState, EventType
from contracts.message import State
from contracts.session import SessionSummary
from contracts.session_log import LoggedEvent
from contracts.statuses import SessionStatus
from workflows.session.transcript import Entry, Transcript

KEPT = 5_000
"""Of a very long session the latest events are kept. A call of two hours has about 2,000."""
MAX_BYTES = 600_000
"""Their size as JSON: beside the turns they fit into one payload, the input of the next run or the result."""


class EventLog(State):
    """The session adds what changes. `length` counts all events, kept or not."""

    kept: list[LoggedEvent] = Field(default_factory=list)
    length: int = 0
    status: SessionStatus | None = None
    is_over: bool = False
    _bytes: int = PrivateAttr(0)

    def model_post_init(self, _context: Any) -> None:
        """Measure what an earlier run has kept."""
        self._bytes = sum(map(_size, self.kept))

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
            self.kept.append(logged := LoggedEvent(type=event, at_ms=round(now * 1000), data=data, words=words))
            self.length += 1
            self._bytes += _size(logged)
            while len(self.kept) > KEPT or self._bytes > MAX_BYTES:
                self._bytes -= _size(self.kept.pop(0))

    @property
    def dropped(self) -> int:
        """The number of oldest events that are not kept any more."""
        return self.length - len(self.kept)

    def since(self, number: int) -> list[LoggedEvent]:
        """The events after this number but for turns, as far as they are kept."""
        return [event for event in self.kept[max(0, number - self.dropped) :] if event.type != "turn"]


def _size(event: LoggedEvent) -> int:
    return len(event.model_dump_json().encode())
