"""Why and when a session ended, its bill, and what the cleanup has confirmed. Pure; times are seconds."""

from __future__ import annotations

from typing import Any

from contracts.message import State
from contracts.session import SessionSummary
from contracts.statuses import EndReason


class End(State):
    """The end of one session: decided, then billed, then confirmed step by step."""

    reason: EndReason | None = None
    at_ms: int = 0
    summary: SessionSummary | None = None
    start_error: str = ""
    """Why there is no join token, for a session that could not start."""

    @property
    def is_decided(self) -> bool:
        """True once the conversation is over."""
        return self.reason is not None

    @property
    def is_complete(self) -> bool:
        """True once everything is cleaned up."""
        return self.summary is not None and self.summary.workflow_completed

    def decide(self, reason: EndReason, now: float, at_ms: int | None, *, started_at: float) -> None:
        """End the conversation; the first reason stands. A time from outside never lies beyond the session's own."""
        if self.reason is None:
            self.reason = reason
            now_ms = int(now * 1000)
            self.at_ms = now_ms if at_ms is None else max(int(started_at * 1000), min(at_ms, now_ms))

    def confirm(self, **facts: Any) -> SessionSummary:
        """Note what the cleanup has done; returns the summary as it stands."""
        assert self.summary is not None  # noqa: S101  called after the bill is settled
        self.summary = self.summary.model_copy(update=facts)
        return self.summary
