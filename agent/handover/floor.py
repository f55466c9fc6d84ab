"""Who has the floor: of the agents in a room one at a time may speak and take the caller's turns. Pure."""

from __future__ import annotations

import asyncio

_SAME_TURN_SECONDS = 1.5
"""Two agents that hear the same sentence find its end up to this far apart."""


class Floor:
    """One agent's hold on the floor: it waits for it, has it, passes it on. Passed on, it never comes back."""

    def __init__(self) -> None:
        self._decided = asyncio.Event()
        self._released = False
        self._answered_until = 0.0

    def take(self, last_turn_at: float) -> bool:
        """Take the floor, if it was not passed on meanwhile; whether it is held now.

        `last_turn_at`: Unix seconds of the caller's last turn that predecessors have taken, 0 where there is none.
        """
        self._answered_until = last_turn_at + _SAME_TURN_SECONDS if last_turn_at else 0.0
        self._decided.set()
        return not self._released

    def release(self) -> None:
        """Give the floor away, or the claim to it."""
        self._released = True
        self._decided.set()

    @property
    def held(self) -> bool:
        """Whether this agent may speak now."""
        return self._decided.is_set() and not self._released

    async def owns_turn(self, turn_at: float) -> bool:
        """Whether a turn that the caller ended at `turn_at` (Unix seconds) is for this agent to answer.

        A newcomer listens before it has the floor, so that no sentence falls between two agents: what ends meanwhile
        waits here, and is left to the predecessor if that has taken it too.
        """
        await self._decided.wait()
        return self.held and turn_at > self._answered_until
