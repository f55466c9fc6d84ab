"""Formats answers of the API for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

_COLOURS = {
    "active": "green",
    "waiting": "cyan",
    "starting": "cyan",
    "reconnecting": "yellow",
    "ending": "yellow",
    "ready": "green",
    "lost": "red",
    "caller": "cyan",
    "agent": "green",
}


def sessions_table(sessions: list[dict[str, Any]]) -> Table:
    """One row for each session."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("session", "user", "state", "started", "lasted", "end"):
        # A narrow terminal folds the long ids instead of cutting columns off.
        table.add_column(name, no_wrap=name != "session", overflow="fold")
    for session in sessions:
        table.add_row(
            session["sessionId"],
            Text(session["userName"] or ""),
            word(session["state"] or ""),
            moment(session["startedAt"]),
            span(session["durationSeconds"]),
            session["endReason"] or "",
        )
    return table


def facts_table(facts: dict[str, Any]) -> Table:
    """One row for each field that has a value."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None and value not in ({}, []):
            table.add_row(name, word(value) if isinstance(value, str) else Text(str(value)))
    return table


def turn_line(turn: dict[str, Any]) -> Text:
    """Time, role and text of a turn."""
    text = Text(f"{moment(turn['at'])} ").append(word(f"{turn['role']:6}")).append(f" {turn['text']}")
    return text.append(" (interrupted)", "dim") if turn["interrupted"] else text


def event_line(event: dict[str, Any]) -> Text:
    """Number, time, type and data of an event."""
    data = event["data"]
    if event["type"] == "turn":
        return Text(f"{event['id']:4} ").append(turn_line(data))
    line = Text(f"{event['id']:4} {moment(event['at'])} ").append(f"{event['type']}", "bold")
    for name, value in data.items():
        if value not in (None, [], ""):
            line.append(f"  {name} ", "dim").append(word(str(value)))
    return line


def word(value: str) -> Text:
    """`value` in its colour, if it has one. Texts of callers are never read as markup."""
    return Text(value, _COLOURS.get(value.strip(), ""))


def moment(rfc3339: str) -> str:
    """The local time, with the date unless that is today."""
    at = datetime.fromisoformat(rfc3339).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return f"{at:%H:%M:%S}" if at.date() == today else f"{at:%Y-%m-%d %H:%M:%S}"


def span(seconds: int | None) -> str:
    """`m:ss`; empty for None."""
    return "" if seconds is None else f"{seconds // 60}:{seconds % 60:02}"
