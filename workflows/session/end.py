"""Why and when a session ended, its bill, and what the clean-up has confirmed of it. Pure."""

from __future__ import annotations

from typing import Any

from contracts.session import SessionSummary
from contracts.statuses import AgentState, EndReason
from workflows.session.caller_presence import billed_minutes
from workflows.session.state import Notes

_IN_WORDS = {
    EndReason.API_REQUEST: "the REST client asked for it",
    EndReason.CALLER_LEFT: "the caller left and did not come back",
    EndReason.ROOM_FINISHED: "LiveKit closed the room",
    EndReason.NO_SHOW: "the caller never came",
    EndReason.MAX_DURATION: "it had lasted as long as a session may",
    EndReason.AGENT_UNAVAILABLE: "no agent could be kept",
    EndReason.IDLE: "nobody said anything for as long as a silence may last",
    EndReason.CANCELLED: "it was cancelled in Temporal",
    EndReason.ERROR: "it could not begin",
}

_WAITS_SECONDS = 3
"""How long the bill waits for a last look at the room before it is made from what is known."""
_WAITS_FOR_NOBODY_SECONDS = 8
"""The same where no caller is known: one who was there, and of whom no news has come yet, must not be missed."""


class Ending:
    """The end of one session; times are the workflow's seconds."""

    def __init__(self, session_id: str, notes: Notes) -> None:
        self._session_id = session_id
        self._notes = notes
        self._at_ms = 0
        self.reason: EndReason | None = None
        self.summary: SessionSummary | None = None

    @property
    def is_decided(self) -> bool:
        """Whether the conversation is over."""
        return self.reason is not None

    @property
    def is_complete(self) -> bool:
        """Whether everything is cleaned up."""
        return self.summary is not None and self.summary.workflow_completed

    @property
    def waits_seconds(self) -> int:
        """How long the bill waits for a last look at the room."""
        return _WAITS_FOR_NOBODY_SECONDS if self._notes.caller.first_joined_at_ms is None else _WAITS_SECONDS

    def decide(self, reason: EndReason, now: float, at_ms: int | None = None) -> None:
        """End the conversation; the first reason stands. A time from outside never lies beyond the session's own."""
        if self.reason is None:
            self.reason = reason
            now_ms, started_at_ms = int(now * 1000), int(self._notes.started_at * 1000)
            self._at_ms = now_ms if at_ms is None else max(started_at_ms, min(at_ms, now_ms))
            self._notes.story.add(now, f"the session ends: {_IN_WORDS[reason]}")

    def settle(self, now: float) -> None:
        """Compute the bill once. From here on every answer gives this one, however long the clean-up takes."""
        assert self.reason is not None  # noqa: S101  only a session that ends is billed
        seconds = self._notes.caller.billed_seconds(self._at_ms)
        self.summary = SessionSummary(
            session_id=self._session_id,
            end_reason=self.reason,
            duration_seconds=seconds,
            duration_minutes=billed_minutes(seconds),
            generations=self._notes.agents.generation,
            workflow_completed=False,
            agent_stopped=self._notes.agents.state is AgentState.STOPPED,
            room_deleted=False,
        )
        self._notes.story.add(now, f"billed: {seconds} s = {self.summary.duration_minutes} min")

    def confirm(self, **what: Any) -> SessionSummary:
        """Note what the clean-up has done; returns the summary as it stands."""
        assert self.summary is not None  # noqa: S101  called after the bill is settled
        self.summary = self.summary.model_copy(update=what)
        return self.summary
