"""Feeds a LiveKit audio source in real time: speech when there is some, silence in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from livekit import rtc

from lab.caller.speech import SAMPLE_RATE, Samples

_FRAME = SAMPLE_RATE // 50
_QUEUE_MS = 80
_AUDIBLE = 300
"""A sample louder than this is audible; the quiet edges of synthesized speech are below it."""


@dataclass(frozen=True)
class Spoken:
    """One utterance of the caller; monotonic seconds of its first and last audible sample."""

    text: str
    first_sound_at: float
    last_sound_at: float

    @property
    def duration(self) -> float:
        return self.last_sound_at - self.first_sound_at


@dataclass
class _Utterance:
    samples: Samples
    done: asyncio.Future[tuple[float, float]]
    position: int = 0
    first: int = field(init=False)
    last: int = field(init=False)
    first_at: float = 0

    def __post_init__(self) -> None:
        loud = np.flatnonzero(np.abs(self.samples.astype(np.int32)) > _AUDIBLE)
        self.first, self.last = (int(loud[0]), int(loud[-1])) if len(loud) else (0, len(self.samples) - 1)


class Microphone:
    """Feeds one audio source. The source's short queue sets the pace: it takes a frame when one was played."""

    def __init__(self) -> None:
        self.source = rtc.AudioSource(SAMPLE_RATE, 1, queue_size_ms=_QUEUE_MS)
        self._utterances: asyncio.Queue[_Utterance] = asyncio.Queue()
        self._feeding: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start with silence; call it once the track is published."""
        self._feeding = asyncio.create_task(self._feed(), name="caller microphone")

    async def stop(self) -> None:
        """Stop feeding; an unfinished utterance is cut off and its `play` raises `ConnectionError`."""
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.gather(self._feeding, return_exceptions=True)
        await self.source.aclose()

    async def play(self, text: str, samples: Samples) -> Spoken:
        """Speak `samples` after the utterances before. Cancelling it ends the utterance within a frame.

        Raises `ConnectionError` when the microphone stops before the end.
        """
        utterance = _Utterance(samples, asyncio.get_running_loop().create_future())
        self._utterances.put_nowait(utterance)
        first, last = await utterance.done
        return Spoken(text, first, last)

    async def _feed(self) -> None:
        current: _Utterance | None = None
        try:
            while True:
                if current is None and not self._utterances.empty():
                    current = self._utterances.get_nowait()
                # The source plays its queue first.
                sounds_at = monotonic() + self.source.queued_duration
                await self.source.capture_frame(_frame(_next(current, sounds_at)))
                if current is not None and (current.done.done() or current.position >= len(current.samples)):
                    current = None
        finally:
            left = [current] if current else []
            while not self._utterances.empty():
                left.append(self._utterances.get_nowait())
            for utterance in left:
                if not utterance.done.done():
                    utterance.done.set_exception(ConnectionError("the microphone was stopped"))


def _next(utterance: _Utterance | None, sounds_at: float) -> Samples:
    if utterance is None or utterance.done.done():
        return np.zeros(_FRAME, np.int16)
    start, end = utterance.position, utterance.position + _FRAME
    utterance.position = end
    if start <= utterance.first < end:
        utterance.first_at = sounds_at + (utterance.first - start) / SAMPLE_RATE
    if start <= utterance.last < end:
        utterance.done.set_result((utterance.first_at, sounds_at + (utterance.last - start) / SAMPLE_RATE))
    chunk = utterance.samples[start:end]
    return np.pad(chunk, (0, _FRAME - len(chunk)))


def _frame(samples: Samples) -> rtc.AudioFrame:
    return rtc.AudioFrame(samples.tobytes(), SAMPLE_RATE, 1, len(samples))
