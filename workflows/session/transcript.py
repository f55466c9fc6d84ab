"""The turns of a session: every one once, in the order they were said. Pure."""

from __future__ import annotations

from contracts.turns import Turn


class Transcript:
    """Turns as agents report them. `(generation, sequence)` names a turn, so a repeated report is recognized."""

    def __init__(self) -> None:
        self._turns: dict[tuple[int, int], Turn] = {}

    def note(self, turn: Turn) -> None:
        """Take in one turn. Its final form stands; until that comes, the latest of what was heard of it."""
        known = self._turns.get((turn.generation, turn.sequence))
        if known is None or not known.final:
            self._turns[turn.generation, turn.sequence] = turn

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns; each agent reports its own in order, and a later generation speaks later."""
        return tuple(turn for _, turn in sorted(self._turns.items(), key=lambda named: named[0]))
