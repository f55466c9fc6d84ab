"""Bills with the fields that a test needs."""

from __future__ import annotations

from typing import Any

from contracts.session import SessionSummary
from contracts.statuses import EndReason


def summary(**changes: Any) -> SessionSummary:
    """The bill of a session that ended by request after 61 s, everything cleaned up, with changed fields."""
    fields: dict[str, Any] = {
        "session_id": "s",
        "end_reason": EndReason.API_REQUEST,
        "duration_seconds": 61,
        "duration_minutes": 2,
        "generations": 1,
        "workflow_completed": True,
        "agent_stopped": True,
        "room_deleted": True,
    }
    return SessionSummary(**fields | changes)
