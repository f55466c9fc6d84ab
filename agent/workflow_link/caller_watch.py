"""Reports to the workflow when the caller joins or leaves the room. LiveKit's webhooks can be late or missing."""

from __future__ import annotations

import time

from livekit import rtc

from agent.workflow_link.workflow_client import WorkflowClient
from contracts.agent import Briefing
from contracts.room import Presence


def watch_caller(room: rtc.Room, briefing: Briefing, workflow: WorkflowClient) -> None:
    """Report the caller's presence now, and each change of it from now on."""

    def report(participant: rtc.RemoteParticipant, *, left: bool) -> None:
        if participant.identity == briefing.caller_identity:
            joined_at = participant.joined_at  # by LiveKit's clock, as in a webhook: the agent may arrive later
            workflow.presence(
                Presence(
                    participant_sid=participant.sid,
                    identity=participant.identity,
                    kind="left" if left else "joined",
                    at_ms=_now_ms(),
                    joined_at_ms=round(joined_at.timestamp() * 1000) if joined_at else None,
                    source="agent",
                )
            )

    room.on("participant_connected", lambda participant: report(participant, left=False))
    room.on("participant_disconnected", lambda participant: report(participant, left=True))
    for participant in room.remote_participants.values():
        report(participant, left=False)
    if briefing.generation > 1 and briefing.caller_identity not in room.remote_participants:
        # The caller may have left while no agent was in the room, and the webhook may be missing.
        identity = briefing.caller_identity
        workflow.presence(Presence(participant_sid="", identity=identity, kind="left", at_ms=_now_ms(), source="agent"))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
