"""The bill of a session, before its clean-up is confirmed. Pure."""

from __future__ import annotations

from contracts import AgentState, EndReason, SessionSummary
from workflows.agent_watch import AgentWatch
from workflows.presence import CallerPresence, billed_minutes


def settle(
    session_id: str, reason: EndReason, ended_at_ms: int, caller: CallerPresence, agent: AgentWatch
) -> SessionSummary:
    """What the conversation cost. That everything is cleaned up is confirmed later."""
    seconds = caller.billed_seconds(ended_at_ms)
    return SessionSummary(
        session_id=session_id,
        end_reason=reason,
        duration_seconds=seconds,
        duration_minutes=billed_minutes(seconds),
        generations=agent.generation,
        workflow_completed=False,
        agent_stopped=agent.state is AgentState.STOPPED,
        room_deleted=False,
    )
