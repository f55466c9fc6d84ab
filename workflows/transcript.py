"""The turns of a session: every one once, in the order they were said. Pure."""

from __future__ import annotations

from contracts import Turn


class Transcript:
    """Turns as agents report them. `(generation, sequence)` names a turn, so a repeated report is recognized."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._seen: set[tuple[int, int]] = set()

    def note(self, turn: Turn) -> None:
        """Take in one turn; repetitions are ignored."""
        if (key := (turn.generation, turn.sequence)) not in self._seen:
            self._seen.add(key)
            self._turns.append(turn)

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns; each agent reports its own in order, and a later generation speaks later."""
        return tuple(sorted(self._turns, key=lambda turn: (turn.generation, turn.sequence)))
