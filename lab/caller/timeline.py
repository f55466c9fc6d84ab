"""Finds sounds and silences in the loudness of every 10 ms of each agent's audio. Pure; times are monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

AUDIBLE_RMS = 150
"""Loudness (of 32767) above which a frame is audible: -47 dBFS, far above a codec's silence."""
FRAME_SECONDS = 0.01


class Loudness(NamedTuple):
    """One frame of a participant's audio."""

    at: float
    identity: str
    rms: float


@dataclass(frozen=True)
class Span:
    """A stretch of sound of one participant."""

    identity: str
    start: float
    end: float

    @property
    def duration(self) -> float:
        return self.end - self.start


class Timeline:
    """All frames so far, in the order of their arrival."""

    def __init__(self) -> None:
        self.frames: list[Loudness] = []

    def add(self, at: float, identity: str, rms: float) -> bool:
        """Add a frame. True if it is audible."""
        self.frames.append(Loudness(at, identity, rms))
        return rms >= AUDIBLE_RMS

    def first_sound(self, after: float, identity: str | None = None) -> float | None:
        """Time of the first audible frame later than `after`, of `identity` or of anyone."""
        for frame in self._since(after):
            if frame.rms >= AUDIBLE_RMS and identity in (None, frame.identity):
                return frame.at
        return None

    def last_sound(self) -> float | None:
        """Time of the newest audible frame."""
        return next((frame.at for frame in reversed(self.frames) if frame.rms >= AUDIBLE_RMS), None)

    def spans(self, bridge: float = 0.3) -> list[Span]:
        """The stretches of sound, by start; pauses shorter than `bridge` do not end one."""
        finished: list[Span] = []
        running: dict[str, Span] = {}
        for at, identity, rms in self.frames:
            if rms < AUDIBLE_RMS:
                continue
            span = running.get(identity)
            if span is not None and at - span.end > bridge:
                finished.append(span)
                span = None
            running[identity] = Span(identity, span.start if span else at, at + FRAME_SECONDS)
        return sorted([*finished, *running.values()], key=lambda span: span.start)

    def overlap(self) -> float:
        """Seconds in which two participants were audible at once; pauses inside a word are not bridged."""
        spans = self.spans(bridge=0.05)
        return sum(
            max(0.0, min(left.end, right.end) - max(left.start, right.start))
            for index, left in enumerate(spans)
            for right in spans[index + 1 :]
            if left.identity != right.identity
        )

    def _since(self, after: float) -> list[Loudness]:
        index = len(self.frames)
        while index and self.frames[index - 1].at > after:
            index -= 1
        return self.frames[index:]
