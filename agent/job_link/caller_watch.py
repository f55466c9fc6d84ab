"""Reports when the caller joins or leaves the room. LiveKit's webhooks can be late or missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from livekit import rtc

from contracts.agent import Briefing
from contracts.room import Presence


def watch_caller(room: rtc.Room, briefing: Briefing, send: Callable[[Presence], None]) -> None:
    """Report the caller's presence now, and each change of it from now on."""

    last_ms = 0

    def report(kind: Literal["joined", "left", "absent"], sid: str = "", joined_at: datetime | None = None) -> None:
        nonlocal last_ms
        # One after the other: an agent that reconnects sees everybody leave and join in one millisecond.
        last_ms = max(time.time_ns() // 1_000_000, last_ms + 1)
        send(
            Presence(
                participant_sid=sid,
                identity=briefing.caller_identity,
                kind=kind,
                at_ms=last_ms,
                joined_at_ms=round(joined_at.timestamp() * 1000) if joined_at else None,
                source="agent",
            )
        )

    def changed(kind: Literal["joined", "left"], participant: rtc.RemoteParticipant) -> None:
        if participant.identity == briefing.caller_identity:
            # `joined_at` is LiveKit's, as in a webhook: the agent may arrive later.
            report(kind, participant.sid, participant.joined_at)

    room.on("participant_connected", lambda participant: changed("joined", participant))
    room.on("participant_disconnected", lambda participant: changed("left", participant))
    for participant in room.remote_participants.values():
        changed("joined", participant)
    if briefing.generation > 1 and briefing.caller_identity not in room.remote_participants:
        # The caller may have left while no agent was in the room, and the webhook may be missing.
        report("absent")
