"""The timers of a session."""

from __future__ import annotations

import math

from contracts.message import Message


class RoomTimeouts(Message):
    """LiveKit's timeouts for an empty room: longer than our own timers, which decide."""

    empty_seconds: int
    departure_seconds: int


class SessionLimits(Message):
    """The timers of one session, settled when it starts so that a changed setting never alters a running one."""

    no_show_seconds: float = 120
    reconnect_grace_seconds: float = 30
    max_duration_seconds: float = 7200
    agent_heartbeat_timeout_seconds: float = 5
    agent_launch_limit_seconds: float = 60
    agent_max_losses_per_minute: int = 5
    agent_relaunch_pause_seconds: float = 0.2
    agent_alone_seconds: float = 300
    silence_seconds: float = 0  # off, as the next one, in sessions from before there were these
    idle_seconds: float = 0
    agent_wait_seconds: float | None = None  # for a host that takes the first launch; None: the launch limit alone

    @property
    def room_timeouts(self) -> RoomTimeouts:
        """The room outlives the session, which deletes it: a new join token begins the waits for the caller anew."""
        longest = math.ceil(self.max_duration_seconds) + 60
        return RoomTimeouts(empty_seconds=longest, departure_seconds=longest)
