"""Participants of a room, as webhooks, agents and LiveKit's API report them."""

from __future__ import annotations

from typing import Literal

from contracts.message import Message


class Presence(Message):
    """A caller's participant was seen to join or leave: signal `presence` from webhooks, a report from an agent.

    `absent`: it was looked for and is not there; nobody saw it leave. Times of webhooks, and `joined_at_ms`, are by
    LiveKit's clock; `received_at_ms`, when a webhook came, and all others are by ours.
    """

    participant_sid: str
    identity: str
    kind: Literal["joined", "left", "absent"]
    at_ms: int
    joined_at_ms: int | None = None
    received_at_ms: int | None = None
    source: Literal["webhook", "agent", "room"]


class RoomFinished(Message):
    """Signal `room_finished`: LiveKit closed the room."""

    at_ms: int


class RoomRequest(Message):
    """Input of the `look_at_room` and `close_room` activities."""

    session_id: str
    probe_agents: bool = False


class RoomView(Message):
    """The participants of a room: result of `look_at_room` and, as last seen, of `close_room`."""

    callers: tuple[Presence, ...] = ()
    agent_identities: tuple[str, ...] = ()
    answering_agents: tuple[str, ...] = ()  # of those, if they were probed
