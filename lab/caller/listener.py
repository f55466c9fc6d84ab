"""Cuts each agent's audio into utterances, and wakes up coroutines that wait for a sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from livekit import rtc

from lab.caller.speech import SAMPLE_RATE, Samples
from lab.caller.timeline import FRAME_SECONDS, Timeline

_PRE_ROLL_FRAMES = 20
_STALL_SECONDS = 1.0
_MIN_SOUNDING_FRAMES = 6
"""Shorter sounds are clicks of a codec or of an opening track, not speech."""


@dataclass(frozen=True)
class Utterance:
    """Speech of one participant without a long pause; monotonic seconds of its first and last sound, 24 kHz samples."""

    identity: str
    first_sound_at: float
    last_sound_at: float
    samples: Samples


@dataclass
class _Cut:
    """The current utterance of a track, and the moment before it."""

    frames: list[Samples] = field(default_factory=list)
    first_at: float = 0
    last_at: float = 0
    sounding: int = 0
    quiet: int = 0


class Listener:
    """Listens to any number of tracks, each in its own task, on one timeline."""

    def __init__(self, hangover: float) -> None:
        self.timeline = Timeline()
        self.utterances: asyncio.Queue[Utterance] = asyncio.Queue()
        self._hangover_frames = round(hangover / FRAME_SECONDS)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._waiting: list[tuple[Callable[[], float | None], asyncio.Future[float]]] = []

    def listen(self, track: rtc.Track, identity: str) -> None:
        """Listen to `track` until it ends."""
        self._tasks[track.sid] = asyncio.create_task(self._listen(track, identity), name=f"listen to {identity}")

    def ignore(self, track: rtc.Track) -> None:
        """Stop listening to `track`: a successor's track reuses its receiver, and would count for both agents."""
        if task := self._tasks.pop(track.sid, None):
            task.cancel()

    async def close(self) -> None:
        """Stop listening; waiting coroutines are cancelled."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for _, waiter in self._waiting:
            waiter.cancel()

    async def until(self, found: Callable[[], float | None]) -> float:
        """Wait until `found`, called after every frame, returns a time; return it."""
        at = found()
        if at is not None:
            return at
        waiter: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        entry = (found, waiter)
        self._waiting.append(entry)
        try:
            return await waiter
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    async def _listen(self, track: rtc.Track, identity: str) -> None:
        stream = rtc.AudioStream(track, sample_rate=SAMPLE_RATE, num_channels=1, frame_size_ms=10)
        frames = aiter(stream)
        cut = _Cut()
        try:
            while True:
                try:
                    # The track of an agent that died may stay open for 20 s without a frame.
                    async with asyncio.timeout(_STALL_SECONDS if cut.sounding else None):
                        event = await anext(frames)
                except TimeoutError:
                    cut = self._finish(cut, identity)
                    continue
                except StopAsyncIteration:
                    break
                samples = np.frombuffer(event.frame.data, np.int16)
                cut = self._take(cut, samples, identity)
        finally:
            self._finish(cut, identity)
            await stream.aclose()

    def _take(self, cut: _Cut, samples: Samples, identity: str) -> _Cut:
        at = monotonic()
        rms = float(np.sqrt(np.mean(samples.astype(np.float32) ** 2)))
        cut.frames.append(samples)
        if self.timeline.add(at, identity, rms):
            cut.first_at = cut.first_at if cut.sounding else at
            cut.last_at = at
            cut.sounding += 1
            cut.quiet = 0
        elif cut.sounding:
            cut.quiet += 1
            if cut.quiet >= self._hangover_frames:
                cut = self._finish(cut, identity)
        else:
            del cut.frames[:-_PRE_ROLL_FRAMES]
        self._wake_waiting()
        return cut

    def _finish(self, cut: _Cut, identity: str) -> _Cut:
        if cut.sounding >= _MIN_SOUNDING_FRAMES:
            samples = np.concatenate(cut.frames)
            self.utterances.put_nowait(Utterance(identity, cut.first_at, cut.last_at + FRAME_SECONDS, samples))
        return _Cut()

    def _wake_waiting(self) -> None:
        for entry in tuple(self._waiting):
            found, waiter = entry
            at = found()
            if at is not None and not waiter.done():
                waiter.set_result(at)
                self._waiting.remove(entry)
