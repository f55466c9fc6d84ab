"""Reads how an agent exited, in plain words and as far as the session's decisions need to know. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from temporalio.exceptions import ActivityError, ApplicationError, FailureError, TimeoutError, TimeoutType

from contracts.agent import AgentOutcome
from contracts.failures import AGENT_NOT_SERVING, AGENT_SERVER_ENDED, JOB_PROCESS_ENDED, JOB_STOOD_STILL, JOIN_DEADLINE
from contracts.limits import SessionLimits

_LONGEST_WORDS = 100
_PROVEN_DEATHS = {
    JOB_PROCESS_ENDED: "its job process ended",
    JOB_STOOD_STILL: "its job process stood still",
    AGENT_SERVER_ENDED: "its AgentServer ended",
}


class Exit(NamedTuple):
    """Why a generation exited. `is_dead`: it can certainly not speak any more."""

    words: str
    is_dead: bool = False
    handed_over: bool = False
    never_came: bool = False
    fell_silent: bool = False
    is_suspect: bool = False  # it may be well, and only slow: its host can tell
    at_ms: int | None = None  # when it was last there, by its host or sentinel; None: unknown

    @property
    def cause(self) -> str:
        """One of few words, for metrics."""
        kinds = {"died": self.is_dead, "never_came": self.never_came, "fell_silent": self.fell_silent}
        return next((word for word, is_so in kinds.items() if is_so), "left")

    @property
    def counts_as_crash(self) -> bool:
        """Only agents that died make a crash loop; those that never came are bounded by the launch limit."""
        return not self.handed_over and not self.never_came


def exit_of(outcome: AgentOutcome | BaseException, limits: SessionLimits) -> Exit:
    """Read the end of a `launch_agent` activity, its result or its error."""
    if isinstance(outcome, AgentOutcome):
        words = "it handed over" if outcome.handed_over else f"it left: {outcome.cause}"
        return Exit(_short(words), handed_over=outcome.handed_over, at_ms=outcome.at_ms)
    error = outcome.cause if isinstance(outcome, ActivityError) else outcome
    if isinstance(error, ApplicationError) and error.type in _PROVEN_DEATHS:
        return Exit(_PROVEN_DEATHS[error.type], is_dead=True, at_ms=_time(_first(error.details)))
    if isinstance(error, TimeoutError) and error.type is TimeoutType.HEARTBEAT:
        words = f"no sign of life for {limits.agent_heartbeat_timeout_seconds:g} s"
        pulse = _first(error.last_heartbeat_details)
        at_ms = _time(pulse.get("at_ms")) if isinstance(pulse, dict) else None
        return Exit(words, fell_silent=True, is_suspect=True, at_ms=at_ms)
    if isinstance(error, TimeoutError) and error.type is TimeoutType.SCHEDULE_TO_START:
        return Exit("no sign of life, and its host does not answer", fell_silent=True)
    if isinstance(error, ApplicationError) and error.type == AGENT_NOT_SERVING:
        return Exit(f"no sign of life: {error.message}", fell_silent=True)
    never_came = isinstance(error, ApplicationError) and error.type == JOIN_DEADLINE
    words = error.message if isinstance(error, FailureError) else str(error)
    return Exit(_short(words), never_came=never_came)


def _first(details: Sequence[object]) -> object:
    return next(iter(details), None)


def _time(at_ms: object) -> int | None:
    return at_ms if isinstance(at_ms, int) else None


def _short(words: str) -> str:
    """One line that fits into an activity's summary, however much an error has to say."""
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST_WORDS else line[: _LONGEST_WORDS - 1] + "…"
