"""Names of the statuses of sessions and agents, and of the reasons for an end."""

from __future__ import annotations

from enum import StrEnum


class SessionStatus(StrEnum):
    """A session's step in its life, as callers of the API see it."""

    STARTING = "starting"
    WAITING = "waiting"  # an agent is there, the caller not yet
    ACTIVE = "active"
    RECONNECTING = "reconnecting"  # the caller left and may come back within the grace
    ENDING = "ending"
    ENDED = "ended"


class AgentState(StrEnum):
    """The state of the session's current agent generation."""

    QUEUED = "queued"  # waits for an agent host with a free slot
    LAUNCHING = "launching"
    READY = "ready"
    LOST = "lost"
    STOPPED = "stopped"


class EndReason(StrEnum):
    """The reason for a session's end. `words` are for people: Temporal's UI and the page show them.

    This is the one table of end reasons: a new member needs its words here, and docs/API.md.
    """

    words: str

    def __new__(cls, value: str, words: str) -> EndReason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.words = words
        return member

    API_REQUEST = "api_request", "ended by request"
    CALLER_LEFT = "caller_left", "the caller left"
    ROOM_FINISHED = "room_finished", "the room was closed"
    NO_SHOW = "no_show", "the caller never joined"
    MAX_DURATION = "max_duration", "reached its longest duration"
    AGENT_UNAVAILABLE = "agent_unavailable", "no agent could serve"
    IDLE = "idle", "nobody spoke any more"
    CANCELLED = "cancelled", "cancelled in Temporal"
    ERROR = "error", "ended by an error"
