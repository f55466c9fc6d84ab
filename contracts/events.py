"""A session's numbered events, as its followers read them page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import Field

from contracts.message import Message
from contracts.turns import Turn

EventType = Literal["session.state", "agent.state", "caller.presence", "turn", "provider.changed", "session.ended"]
AgentEventState = Literal["queued", "launching", "ready", "lost", "draining", "stopped"]

LAST_EVENT: Final = "session.ended"
MOST_EVENTS_A_PAGE: Final = 500


class SessionEvent(Message):
    """An event as customers receive it, which is why its names are those of the wire.

    `id` counts from 1 in each session, without gaps; `at` is RFC 3339 in UTC; `data` depends on `type`.
    """

    id: int
    type: EventType
    at: str
    sessionId: str
    data: dict[str, Any] = Field(repr=False)


class EventsRequest(Message):
    """Input of the `events` query: the events after this number, at most `limit`."""

    after: int = 0
    limit: int = MOST_EVENTS_A_PAGE


class EventsPage(Message):
    """Answer of the `events` query. More are there while the last of `events` is not number `last`.

    `is_over`: the last event is in the log, and no other will follow.
    """

    events: tuple[SessionEvent, ...] = ()
    last: int = 0
    is_over: bool = False


def wire_time(at_ms: int) -> str:
    """`2026-11-23T15:21:20.123Z`."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def wire_turn(turn: Turn, number: int) -> dict[str, Any]:
    """The `data` of a turn's event: an entry of the transcript, `number` its place in it from 1."""
    return {
        "number": number,
        "role": turn.role,
        "text": turn.text,
        "at": wire_time(turn.at_ms),
        "interrupted": turn.interrupted,
        "generation": turn.generation,
    }
