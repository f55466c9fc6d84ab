"""The words for where a session and its agent are, and why a session ended."""

from __future__ import annotations

from enum import StrEnum


class SessionStatus(StrEnum):
    """Where a session is in its life, as its callers see it."""

    STARTING = "starting"
    WAITING = "waiting"  # an agent is there, the caller not yet
    ACTIVE = "active"
    RECONNECTING = "reconnecting"  # the caller left and may come back within the grace
    ENDING = "ending"
    ENDED = "ended"


class AgentState(StrEnum):
    """Where the session's current agent generation is."""

    LAUNCHING = "launching"
    READY = "ready"
    LOST = "lost"
    STOPPED = "stopped"


class EndReason(StrEnum):
    """Why a session ended. `words` are for people: Temporal's UI and the page show them.

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
    ERROR = "error", "it could not start"
