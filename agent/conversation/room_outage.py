"""Room outages: an answer that the caller did not hear is no turn, and is repeated after the reconnect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from livekit import rtc
from livekit.agents import ChatMessage

_RESUBSCRIBE_SECONDS = 15.0
"""The caller's client reconnects too; an answer is repeated after so long even without its subscription."""


class RoomOutage:
    """Buffers answers that finish while the room is disconnected.

    A resumed connection carried the voice: the buffered answers go to `commit`. A new connection carried nothing:
    `repeat_answer(was_buffered)` is awaited once the caller is subscribed to the agent's track again.
    """

    def __init__(
        self, room: rtc.Room, commit: Callable[[ChatMessage], None], repeat_answer: Callable[[bool], Awaitable[None]]
    ) -> None:
        self._commit = commit
        self._repeat_answer = repeat_answer
        self._buffered: list[ChatMessage] = []
        self._republished = False
        self._subscribed = asyncio.Event()
        self._repeating: asyncio.Task[None] | None = None
        self._room = room
        self.disconnected = False
        room.on("reconnecting", self._on_reconnecting)
        room.on("local_track_republished", self._on_republished)
        room.on("local_track_subscribed", lambda _: self._subscribed.set())
        room.on("reconnected", self._on_reconnected)

    def buffer(self, message: ChatMessage) -> bool:
        """Buffer a finished answer while the room is disconnected. True if it was buffered."""
        if self.disconnected:
            self._buffered.append(message)
        return self.disconnected

    def _on_reconnecting(self) -> None:
        self.disconnected = True
        self._subscribed.clear()

    def _on_republished(self, *_: object) -> None:
        self._republished = True

    def _on_reconnected(self) -> None:
        _listen_to_all(self._room)
        if self._republished:
            self._republished = False
            self._repeating = asyncio.create_task(self._repeat())
            return
        self.disconnected = False
        buffered, self._buffered = self._buffered, []
        for message in buffered:
            self._commit(message)

    async def _repeat(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._subscribed.wait(), _RESUBSCRIBE_SECONDS)
        try:
            await self._repeat_answer(bool(self._buffered))
        finally:
            self._buffered.clear()
            self.disconnected = False


def _listen_to_all(room: rtc.Room) -> None:
    """Subscribe to voices that are in the room already. LiveKit forgets subscriptions at a full reconnect."""
    for participant in room.remote_participants.values():
        for publication in participant.track_publications.values():
            if publication.kind == rtc.TrackKind.KIND_AUDIO and not publication.subscribed:
                publication.set_subscribed(True)
