"""Figures as a table for people and as JSON for comparisons."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: always a value that was measured."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True)
class Goal:
    """At most `limit`: of our median over the peer's, of what ours adds to it, or of our median itself."""

    limit: float
    of: Literal["ratio", "added", "p50"]


@dataclass(frozen=True)
class Row:
    """One comparison. Values are seconds; whole lives a second where `unit` is `/s`, megabytes where it is `MB`."""

    name: str
    ours: Sequence[float]
    peer: Sequence[float] = ()
    peer_name: str = ""
    unit: Literal["s", "/s", "MB"] = "s"
    goal: Goal | None = None
    failures: int = 0
    notes: Sequence[str] = field(default=())

    @property
    def ratio(self) -> float | None:
        """Our median over the peer's."""
        return percentile(self.ours, 0.5) / percentile(self.peer, 0.5) if self.ours and self.peer else None

    @property
    def added(self) -> float | None:
        """What our median has more than the peer's."""
        return percentile(self.ours, 0.5) - percentile(self.peer, 0.5) if self.ours and self.peer else None

    @property
    def met(self) -> bool | None:
        """Whether the goal was reached; None where there is none."""
        if self.goal is None:
            return None
        median = percentile(self.ours, 0.5) if self.ours else None
        reached = {"ratio": self.ratio, "added": self.added, "p50": median}[self.goal.of]
        return reached is not None and reached <= self.goal.limit

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": _figures(self.ours),
            "peer": {"name": self.peer_name, **_figures(self.peer)} if self.peer else None,
            "ratio": self.ratio,
            "goal": {"limit": self.goal.limit, "of": self.goal.of} if self.goal else None,
            "met": self.met,
            "failures": self.failures,
            "notes": list(self.notes),
        }


def print_table(rows: Sequence[Row], console: Console) -> None:
    """One line a row; what failed is said below."""
    table = Table(title="Ours beside the same work done bare", title_justify="left")
    for column in ("measured", "n", "ours min", "p50", "max", "peer", "p50", "max", "ratio", "goal", "met"):
        table.add_column(column, justify="left" if column in ("measured", "peer", "goal") else "right")
    for row in rows:
        table.add_row(
            row.name,
            str(len(row.ours)),
            *_texts(row.ours, row.unit),
            row.peer_name or "-",
            *_texts(row.peer, row.unit)[1:],
            "-" if row.ratio is None else f"{row.ratio:.2f}x",
            _goal_text(row),
            {None: "-", True: "[green]yes[/]", False: "[red]no[/]"}[row.met],
        )
    console.print(table)
    for row in rows:
        if row.failures:
            console.print(f"[red]{row.name}: {row.failures} failed[/]", *row.notes[:3])


def write_json(rows: Sequence[Row], machine: dict[str, Any], path: Path) -> None:
    """Write every figure with the machine it was measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "rows": [row.as_json() for row in rows]}, indent=2) + "\n")


def _figures(values: Sequence[float]) -> dict[str, Any]:
    if not values:
        return {"n": 0}
    return {
        "n": len(values),
        "p50": percentile(values, 0.5),
        "p99": percentile(values, 0.99),
        "min": min(values),
        "max": max(values),
        "values": [round(value, 4) for value in values],
    }


def _texts(values: Sequence[float], unit: str) -> tuple[str, str, str]:
    """The least, the middle and the greatest."""
    if not values:
        return "-", "-", "-"
    least, middle, most = (_text(value, unit) for value in (min(values), percentile(values, 0.5), max(values)))
    return least, middle, most


def _text(value: float, unit: str) -> str:
    if unit == "/s":
        return f"{value:.1f} /s"
    if unit == "MB":
        return f"{value:.0f} MB"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _goal_text(row: Row) -> str:
    if row.goal is None:
        return "-"
    if row.goal.of == "ratio":
        return f"<= {row.goal.limit:g}x"
    return f"<= {'+' if row.goal.of == 'added' else ''}{_text(row.goal.limit, row.unit)}"
