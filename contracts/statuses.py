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
    """Why a session ended."""

    API_REQUEST = "api_request"
    CALLER_LEFT = "caller_left"
    ROOM_FINISHED = "room_finished"
    NO_SHOW = "no_show"
    MAX_DURATION = "max_duration"
    AGENT_UNAVAILABLE = "agent_unavailable"
    IDLE = "idle"
    CANCELLED = "cancelled"
    ERROR = "error"
