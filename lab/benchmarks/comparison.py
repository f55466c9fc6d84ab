"""Comparisons: measured values beside a peer's, with a goal, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lab.report import Table, duration
from lab.statistics import median, summary

_COLUMNS = ("measured", "n", "ours min", "p50", "max", "peer", "peer p50", "peer max", "ratio", "goal", "met")
_LEFT = frozenset({"measured", "peer", "goal"})


@dataclass(frozen=True)
class Goal:
    """A limit for our median over the peer's, for our median minus the peer's, or for our median itself."""

    limit: float
    of: Literal["ratio", "added", "p50"]


@dataclass(frozen=True)
class Row:
    """One comparison. Values: seconds, sessions a second (`/s`), megabytes (`MB`), or counts; each failure a note."""

    name: str
    ours: Sequence[float]
    peer: Sequence[float] = ()
    peer_name: str = ""
    unit: Literal["s", "/s", "MB", ""] = "s"
    goal: Goal | None = None
    failures: Sequence[str] = field(default=())

    @property
    def ratio(self) -> float | None:
        """Our median over the peer's."""
        ours, peer = median(self.ours), median(self.peer)
        return ours / peer if ours is not None and peer is not None else None

    @property
    def added(self) -> float | None:
        """Our median minus the peer's."""
        ours, peer = median(self.ours), median(self.peer)
        return ours - peer if ours is not None and peer is not None else None

    @property
    def met(self) -> bool | None:
        """True if the goal is met; None without a goal."""
        if self.goal is None:
            return None
        figure = {"ratio": self.ratio, "added": self.added, "p50": median(self.ours)}[self.goal.of]
        return figure is not None and figure <= self.goal.limit

    def as_json(self) -> dict[str, Any]:
        """All figures and values."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": _figures(self.ours),
            "peer": {"name": self.peer_name, **_figures(self.peer)} if self.peer else None,
            "ratio": self.ratio,
            "goal": {"limit": self.goal.limit, "of": self.goal.of} if self.goal else None,
            "met": self.met,
            "failures": list(self.failures),
        }

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        return (
            self.name,
            str(len(self.ours)),
            *self._texts(self.ours),
            self.peer_name or "-",
            *self._texts(self.peer)[1:],
            "-" if self.ratio is None else f"{self.ratio:.2f}x",
            self._goal_text(),
            {None: "-", True: "[green]yes[/]", False: "[red]no[/]"}[self.met],
        )

    def _texts(self, values: Sequence[float]) -> list[str]:
        figures = summary(values)
        return [self._text(figures[name]) for name in ("min", "p50", "max")] if figures else ["-"] * 3

    def _text(self, value: float) -> str:
        if self.unit == "/s":
            return f"{value:.1f} /s"
        if self.unit == "MB":
            return f"{value:.0f} MB"
        if not self.unit:
            return f"{value:.0f}"
        return f"{value * 1000:.0f} ms" if value < 1 else duration(value)

    def _goal_text(self) -> str:
        if self.goal is None:
            return "-"
        if self.goal.of == "ratio":
            return f"<= {self.goal.limit:g}x"
        return f"<= {'+' if self.goal.of == 'added' else ''}{self._text(self.goal.limit)}"


def table(rows: Sequence[Row]) -> Table:
    """The table of all comparisons."""
    return Table("Ours beside the same work on bare Temporal", _COLUMNS, [row.cells() for row in rows], _LEFT)


def _figures(values: Sequence[float]) -> dict[str, Any]:
    return {"n": len(values), **summary(values), "values": [round(value, 4) for value in values]}
