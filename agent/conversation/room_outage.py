"""What an agent says while it is cut off from its room is heard by nobody: it is no turn, and is said again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from livekit import rtc
from livekit.agents import ChatMessage

_SUBSCRIBES_WITHIN_SECONDS = 15.0
"""The caller's client has lost the room as well, and comes back in its own time."""


class Unheard:
    """Holds back what ends while the room is out of reach.

    A connection that is resumed carried the voice all the time: then all of it is given to `keep`. One that is made
    anew carried nothing: then `say_again(something_ended)` is awaited, once the caller has the agent's track again.
    """

    def __init__(
        self, room: rtc.Room, keep: Callable[[ChatMessage], None], say_again: Callable[[bool], Awaitable[None]]
    ) -> None:
        self._keep = keep
        self._say_again = say_again
        self._held: list[ChatMessage] = []
        self._is_anew = False
        self._subscribed = asyncio.Event()
        self._repeating: asyncio.Task[None] | None = None
        self.cut_off = False
        room.on("reconnecting", self._on_reconnecting)
        room.on("local_track_republished", self._on_republished)
        room.on("local_track_subscribed", lambda _: self._subscribed.set())
        room.on("reconnected", self._on_reconnected)

    def hold(self, message: ChatMessage) -> bool:
        """Keep an answer that has ended to itself, if it is not known whether it was heard; whether that is so."""
        if self.cut_off:
            self._held.append(message)
        return self.cut_off

    def _on_reconnecting(self) -> None:
        self.cut_off = True
        self._subscribed.clear()

    def _on_republished(self, *_: object) -> None:
        self._is_anew = True

    def _on_reconnected(self) -> None:
        if self._is_anew:
            self._is_anew = False
            self._repeating = asyncio.create_task(self._repeat())
            return
        self.cut_off = False
        held, self._held = self._held, []
        for message in held:
            self._keep(message)

    async def _repeat(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._subscribed.wait(), _SUBSCRIBES_WITHIN_SECONDS)
        try:
            await self._say_again(bool(self._held))
        finally:
            self._held.clear()
            self.cut_off = False
