"""Reads a stream of server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

PATIENCE_SECONDS = 10.0


def numbers(frames: bytes) -> list[int]:
    """The numbers of the events in these bytes."""
    return [int(line[4:]) for line in frames.decode().splitlines() if line.startswith("id: ")]


class Reader:
    """The stream of one watcher."""

    def __init__(self, frames: AsyncIterator[bytes]) -> None:
        self._frames = frames
        self.raw = b""

    async def to(self, number: int) -> list[int]:
        """Read up to this event; returns all numbers so far."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while number not in numbers(self.raw):
                self.raw += await anext(self._frames)
        return numbers(self.raw)

    async def to_the_end(self) -> list[int]:
        """Read until the stream is closed."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for frame in self._frames:
                self.raw += frame
        return numbers(self.raw)
