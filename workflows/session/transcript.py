"""The turns of a session: every one once, in the order they were said. Pure."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from pydantic import Field, PrivateAttr

from contracts.message import State
from contracts.turns import Turn

MAX_BYTES = 1_000_000
"""Size of a session's turns as JSON; what is said beyond it is not kept. A call of two hours has about half of it.

Turns stand in one payload, of which Temporal takes 2 MB: the next run's input, and the result.
"""


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
    _bytes: int = PrivateAttr(0)

    def model_post_init(self, _context: Any) -> None:
        """Measure what an earlier run has heard."""
        self._bytes = sum(_size(entry.turn) for entry in self.entries)

    def note(self, turn: Turn) -> Entry | None:
        """Take in one turn. Its final form stands; until that comes, the latest of what was heard of it."""
        at = bisect_left(self.entries, (turn.generation, turn.sequence), key=lambda entry: entry.name)
        known = self.entries[at] if at < len(self.entries) else None
        if known is None or known.name != (turn.generation, turn.sequence):
            if not self._has_room(_size(turn)):
                return None
            known = Entry(turn=turn)
            self.entries.insert(at, known)
        elif not known.turn.final and self._has_room(_size(turn) - _size(known.turn)):
            known.turn = turn
        return known

    def _has_room(self, size: int) -> bool:
        """Take `size` more bytes, if there are as many."""
        if self._bytes + size > MAX_BYTES:
            return False
        self._bytes += size
        return True

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns, oldest first."""
        return tuple(entry.turn for entry in self.entries)


def _size(turn: Turn) -> int:
    return len(Entry(turn=turn).model_dump_json().encode())
