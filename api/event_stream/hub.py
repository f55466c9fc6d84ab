"""Shares one follower of a session among all of its watchers in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.event_stream.follower import Follower
from api.event_stream.source import EventSource
from errors import InvalidInput, TemporalUnavailable
from workflows.session.event_log import KEPT


@dataclass(frozen=True)
class Watch:
    """One watcher, from the event after number `after`."""

    follower: Follower
    after: int

    @property
    def has_all(self) -> bool:
        """True if the session has ended and the watcher has its last event."""
        return self.follower.is_over and self.after == self.follower.last

    def frames(self) -> AsyncIterator[bytes]:
        """The stream; it begins with the delay for reconnecting."""
        return self.follower.frames(self.after)


class Followers:
    """One follower for each watched session, closed with its last watcher."""

    def __init__(self, source: EventSource, most: int = KEPT) -> None:
        self._source = source
        self._most = most
        self._followers: dict[str, Follower] = {}
        self._is_closed = False

    @asynccontextmanager
    async def watch(self, session_id: str, after: int, *, is_reconnect: bool = False) -> AsyncIterator[Watch]:
        """Watch until the block is left. Raises `InvalidInput` for a number that this session has not reached,
        `SessionNotFound`, `NoWorkerAnswered`, `TemporalUnavailable`.

        A browser's `EventSource` reconnects after a broken stream, but never after an error. So the last two are not
        raised for a client that reconnects, whose stream begins after the outage, nor while this process shuts down.
        """
        follower = self._followers.get(session_id)
        if follower is None or (follower.is_done and not follower.is_over):
            follower = self._followers[session_id] = Follower(session_id, self._source, self._most)
        follower.watchers += 1
        try:
            try:
                await follower.opened()
                await follower.catch_up(after)
            except TemporalUnavailable:
                if not (is_reconnect or self._is_closed):
                    raise
            else:
                if after > follower.last and not self._is_closed:
                    raise InvalidInput(
                        f"Last-Event-ID: {after} lies ahead: this session's last event is {follower.last}"
                    )
            if self._is_closed:
                follower.stop()
            yield Watch(follower, after)
        finally:
            follower.watchers -= 1
            if not follower.watchers:
                follower.stop()
                if self._followers.get(session_id) is follower:
                    del self._followers[session_id]

    def __len__(self) -> int:
        return len(self._followers)

    def close(self) -> None:
        """Close all streams, and those that begin from now on: the process shuts down."""
        self._is_closed = True
        for follower in self._followers.values():
            follower.stop()
