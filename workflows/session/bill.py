"""The bill: from the first to the last moment at which caller and agent were both there. Pure.

All times are by our clock; LiveKit's decides only where nobody else saw a caller come or go, and is bounded by ours.
"""

from __future__ import annotations

from workflows.session.caller_presence import CallerPresence
from workflows.session.generations import Generations


def billed_seconds(
    caller: CallerPresence, agents: Generations, ended_at_ms: int, *, was_heard: bool, most_seconds: float
) -> int:
    """Whole seconds. Waits before the first agent and after the last one cost nothing, nor does the caller's absence.

    0 for a caller who never joined, met no agent, or heard nothing of the agent that saw them. A caller whom only
    webhooks know is billed by these.
    """
    if caller.met_at_ms is not None and not was_heard:
        return 0
    together = [
        (max(joined, ready), min(at_ms for at_ms in (left, gone, ended_at_ms) if at_ms is not None))
        for joined, left in caller.stays
        for ready, gone in agents.served
    ]
    meetings = [(began, ended) for began, ended in together if began < ended]
    if not meetings:
        return 0
    began_at_ms = max(min(began for began, _ in meetings), caller.met_at_ms or 0)
    seconds = (max(ended for _, ended in meetings) - began_at_ms) // 1000
    return max(0, min(seconds, int(most_seconds)))


def billed_minutes(seconds: int) -> int:
    """Begun minutes: 0 for 0 s, 1 for 1 to 60 s, 2 for 61 s."""
    return -(-seconds // 60)
