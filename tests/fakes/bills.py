"""What a caller's presence alone would cost: with an agent who is there, and heard, all the time."""

from __future__ import annotations

from workflows.session.bill import billed_seconds
from workflows.session.caller_presence import CallerPresence
from workflows.session.generations import Generations


def bill_of(caller: CallerPresence, ended_at_ms: int) -> int:
    """Whole seconds."""
    agents = Generations(missing_since=None, newest_ready=1, served=[(0, None)])
    return billed_seconds(caller, agents, ended_at_ms, was_heard=True, most_seconds=10**12)
