"""Answers of the API, drawn for a terminal."""

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
    """One line a session."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("session", "user", "state", "started", "lasted", "end"):
        # A narrow terminal folds the long ids, and cuts nothing off.
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
    """One line a fact; those that are not known are left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None and value not in ({}, []):
            table.add_row(name, word(value) if isinstance(value, str) else Text(str(value)))
    return table


def turn_line(turn: dict[str, Any]) -> Text:
    """What was said, by whom, when."""
    text = Text(f"{moment(turn['at'])} ").append(word(f"{turn['role']:6}")).append(f" {turn['text']}")
    return text.append(" (interrupted)", "dim") if turn["interrupted"] else text


def event_line(event: dict[str, Any]) -> Text:
    """What happened, with its number."""
    data = event["data"]
    if event["type"] == "turn":
        return Text(f"{event['id']:4} ").append(turn_line(data))
    said = Text(f"{event['id']:4} {moment(event['at'])} ").append(f"{event['type']}", "bold")
    for name, value in data.items():
        if value not in (None, [], ""):
            said.append(f"  {name} ", "dim").append(word(str(value)))
    return said


def word(value: str) -> Text:
    """A word in its colour, where it has one. What callers wrote is no markup."""
    return Text(value, _COLOURS.get(value.strip(), ""))


def moment(rfc3339: str) -> str:
    """The local time, with the date unless it is today's."""
    at = datetime.fromisoformat(rfc3339).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return f"{at:%H:%M:%S}" if at.date() == today else f"{at:%Y-%m-%d %H:%M:%S}"


def span(seconds: int | None) -> str:
    """Minutes and seconds."""
    return "" if seconds is None else f"{seconds // 60}:{seconds % 60:02}"
