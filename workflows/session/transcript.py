"""The turns of a session: every one once, in the order they were said. Pure."""

from __future__ import annotations

from bisect import bisect_left

from pydantic import Field

from contracts.message import State
from contracts.turns import Turn

MAX_TURNS = 5_000
"""Turns of one session. A call of two hours has about 1,500; what is said beyond the bound is not kept."""


class Entry(State):
    """A turn. `is_published`: the event log has it, so it must not change any more."""

    turn: Turn
    is_published: bool = False

    @property
    def name(self) -> tuple[int, int]:
        """Generation and sequence identify a turn; a later generation speaks later."""
        return self.turn.generation, self.turn.sequence


class Transcript(State):
    """Turns as agents report them, ordered by `(generation, sequence)`; a repeated report is recognized by it."""

    entries: list[Entry] = Field(default_factory=list)

    def note(self, turn: Turn) -> Entry | None:
        """Take in one turn. Its final form stands; until that comes, the latest of what was heard of it."""
        at = bisect_left(self.entries, (turn.generation, turn.sequence), key=lambda entry: entry.name)
        known = self.entries[at] if at < len(self.entries) else None
        if known is None or known.name != (turn.generation, turn.sequence):
            if len(self.entries) >= MAX_TURNS:
                return None
            known = Entry(turn=turn)
            self.entries.insert(at, known)
        elif not known.turn.final:
            known.turn = turn
        return known

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns, oldest first."""
        return tuple(entry.turn for entry in self.entries)
