"""The record of a call for its checks. Times are `time.monotonic()` seconds unless a name ends in `_ms` (Unix)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.turns import Turn
from lab.caller import Spoken, Timeline
from lab.chaos.call_plan import CallPlan, Fault, FaultKind
from lab.chaos.scripted_model import ModelRequest


@dataclass
class Injection:
    """An injected fault. `victims` are the agents that it took away."""

    fault: Fault
    at: float
    victims: tuple[str, ...] = ()
    back_at: float | None = None
    """Time of the next sound of an agent, if the fault took one away."""
    silence: float | None = None
    """The longest stretch without any sound until the end of the answer, and in exchanges during the fault."""

    @property
    def sounds_after(self) -> float:
        """Sounds up to here may be from before the fault: with LiveKit killed agents keep their identities."""
        return self.at + (0.5 if self.fault.kind is FaultKind.LIVEKIT else 0)


@dataclass
class Exchange:
    """One number, its answer, and the fault meanwhile."""

    number: int
    spoken: list[Spoken] = field(default_factory=list)
    misheard: int = 0
    """The number of times that the agent asked for it again: its STT errs without any fault, too."""
    answered_at: float | None = None
    answer_ended_at: float | None = None
    heard: str = ""
    injection: Injection | None = None
    unclear: int = 0
    """The number of times that the caller's own STT found no answer in what it heard."""

    @property
    def said(self) -> int:
        """The number of times that the caller said the number."""
        return len(self.spoken)

    @property
    def reply_seconds(self) -> float | None:
        """From the end of the first saying to the sound of the answer."""
        if self.answered_at is None or not self.spoken:
            return None
        return self.answered_at - self.spoken[0].last_sound_at


@dataclass
class CallRecord:
    """One whole call."""

    plan: CallPlan
    session_id: str
    opening_line: str
    name: str = ""
    """By which requests to the language model are told apart."""
    exchanges: list[Exchange] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    snapshots: list[tuple[Turn, ...]] = field(default_factory=list)
    turns: tuple[Turn, ...] = ()
    model_requests: Sequence[ModelRequest] = ()
    timeline: Timeline = field(default_factory=Timeline)
    joined_at: float | None = None
    ended_at: float | None = None
    bill: dict[str, Any] = field(default_factory=dict)
    generations: int = 0
    left_behind: tuple[str, ...] = ()
    failure: str | None = None
    """The reason why the call broke off."""

    @property
    def injections(self) -> list[Injection]:
        """The injected faults, in order."""
        return [exchange.injection for exchange in self.exchanges if exchange.injection]
