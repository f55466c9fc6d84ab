"""The floor: the one agent in a room that holds it may speak and answers the caller's turns. Pure."""

from __future__ import annotations

import asyncio

_SAME_TURN_SECONDS = 1.5
"""Two agents detect the end of the same sentence up to this far apart."""


class Floor:
    """One agent's state of the floor: waiting, held, released. A released floor is never taken back."""

    def __init__(self) -> None:
        self._decided = asyncio.Event()
        self._released = False
        self._answered_until = 0.0

    def take(self, last_turn_at: float) -> bool:
        """Take the floor unless it was released before; True if it is held now.

        `last_turn_at`: Unix seconds of the last caller turn that a predecessor took, 0 if there is none.
        """
        self._answered_until = last_turn_at + _SAME_TURN_SECONDS if last_turn_at else 0.0
        self._decided.set()
        return not self._released

    def release(self) -> None:
        """Release the floor, or the claim to it."""
        self._released = True
        self._decided.set()

    @property
    def held(self) -> bool:
        """True if this agent may speak now."""
        return self._decided.is_set() and not self._released

    async def owns_turn(self, turn_at: float) -> bool:
        """True if this agent answers the caller's turn that ended at `turn_at` (Unix seconds).

        A newcomer listens before it has the floor, so that no sentence is dropped between two agents: a turn that ends
        meanwhile waits here, and is ignored if the predecessor took it.
        """
        await self._decided.wait()
        return self.held and turn_at > self._answered_until
