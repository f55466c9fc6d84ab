"""Before a timer ends a session: whether what it supposes is true, since reports can be late, or lost."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from contracts.session import SessionRequest
    from contracts.statuses import EndReason
    from workflows.session import activity_calls
    from workflows.session.clock import now
    from workflows.session.state import Notes
    from workflows.session.timers import Deadline

_LATE_REPORTS_SECONDS = 5
"""After an outage of Temporal timers come before what was said meanwhile; agents repeat reports every two seconds."""


async def has_come_true(
    deadline: Deadline, session: SessionRequest, notes: Notes, is_ending: Callable[[], bool]
) -> bool:
    """Whether the session is to end for `deadline`, whose time has come."""
    if deadline.rests_on_absence:
        return await _is_absent(session, notes, is_ending)
    return deadline.reason is not EndReason.IDLE or await _is_silent(deadline, notes, is_ending)


async def _is_absent(session: SessionRequest, notes: Notes, is_ending: Callable[[], bool]) -> bool:
    """Ask LiveKit itself whether the caller is gone: reports can be lost. Unknown is not gone: ask again later."""
    notes.looked_at = now()
    look = activity_calls.look_at_room(session)
    await workflow.wait_condition(lambda: look.done() or is_ending())
    if is_ending():  # a look that takes its time delays nobody's end
        look.cancel()
        return False
    try:
        view = await look
    except ActivityError:
        return False
    for sighting in view.callers:
        notes.see(sighting, now())
    return not notes.caller.present


async def _is_silent(deadline: Deadline, notes: Notes, is_ending: Callable[[], bool]) -> bool:
    """Whether nothing was said since, nor is reported in a moment."""
    if notes.next_deadline != deadline:
        return False
    try:
        await workflow.wait_condition(
            lambda: is_ending() or notes.next_deadline != deadline,
            timeout=_LATE_REPORTS_SECONDS,
            timeout_summary="was something said that is not reported yet?",
        )
    except TimeoutError:
        return True
    return False
