"""Tables for the console and for markdown, and JSON files, of every lab program."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rich.table
from rich.console import Console


@dataclass(frozen=True)
class Table:
    """Rows of text under `columns`. Columns in `left` are aligned to the left, figures to the right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: frozenset[str]

    def print(self, console: Console) -> None:
        """Print it; cells may hold rich's markup."""
        table = rich.table.Table(title=self.title, title_justify="left")
        for column in self.columns:
            table.add_column(column, justify="left" if column in self.left else "right")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> list[str]:
        """Its lines in markdown, without the title."""
        ruler = ["---" if column in self.left else "--:" for column in self.columns]
        return [f"| {' | '.join(row)} |" for row in (self.columns, ruler, *self.rows)]


def make_console() -> Console:
    """The console of a lab program: wide enough for its tables where the output is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def duration(seconds: float) -> str:
    """`1.23 s`."""
    return f"{seconds:.2f} s"


def machine() -> dict[str, Any]:
    """The machine that figures were measured on."""
    return {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}


def write_json(document: Mapping[str, Any], path: Path) -> None:
    """Write `document` to `path`; missing folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
