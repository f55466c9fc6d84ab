"""Writes and edits files of API keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from api.auth.api_keys import new_key


def with_keys(path: Path, *owners: str) -> list[str]:
    """Add a key for each owner to the file; returns the keys."""
    return [new_key(path, owner)[0] for owner in owners]


def change(path: Path, line: int, **fields: Any) -> None:
    """Edit fields of a line, as an operator does."""
    lines = path.read_text().splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | fields)
    path.write_text("\n".join(lines))
