"""What a call leaves behind to be judged. Times are `time.monotonic()` seconds unless a name ends in `_ms` (Unix)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.turns import Turn
from lab.caller import Spoken, Timeline
from lab.chaos.plan import CallPlan, Kind, Strike
from lab.chaos.scripted_model import Asked


@dataclass
class Hit:
    """A fault that struck: when, and whose voice it took."""

    strike: Strike
    at: float
    victims: tuple[str, ...] = ()
    back_at: float | None = None
    """The next sound of an agent, where a fault took the voice of one."""
    silence: float | None = None
    """The longest stretch without any sound from the fault to the end of the answer, and in what is asked meanwhile."""

    @property
    def sounds_after(self) -> float:
        """Sounds up to here may have been under way before the fault: LiveKit's agents keep their names."""
        return self.at + (0.5 if self.strike.kind is Kind.LIVEKIT else 0)


@dataclass
class Exchange:
    """One number: how often it was said, what answered it, and what struck meanwhile."""

    number: int
    spoken: list[Spoken] = field(default_factory=list)
    misheard: int = 0
    """How often the agent asked to hear it again: speech recognition errs with no fault at all."""
    answered_at: float | None = None
    answer_ended_at: float | None = None
    heard: str = ""
    hit: Hit | None = None
    unclear: int = 0
    """How often the caller heard something that it could not make out: its own ear errs as well."""

    @property
    def said(self) -> int:
        """How often the caller said it."""
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
    exchanges: list[Exchange] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    snapshots: list[tuple[Turn, ...]] = field(default_factory=list)
    turns: tuple[Turn, ...] = ()
    asked: Sequence[Asked] = ()
    timeline: Timeline = field(default_factory=Timeline)
    joined_at: float | None = None
    ended_at: float | None = None
    bill: dict[str, Any] = field(default_factory=dict)
    generations: int = 0
    left_behind: tuple[str, ...] = ()
    broke: str | None = None
    """Why the call could not be held to its end, where it could not."""

    @property
    def hits(self) -> list[Hit]:
        """The faults that struck, in order."""
        return [exchange.hit for exchange in self.exchanges if exchange.hit]
