"""Re-check before a timer ends the session: reports can be late or lost."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from contracts.session import SessionRequest
    from contracts.statuses import EndReason
    from workflows.session import activity_calls
    from workflows.session.clock import now
    from workflows.session.state import SessionState
    from workflows.session.timers import Deadline, next_deadline

_LATE_REPORTS_SECONDS = 5
"""After an outage of Temporal timers fire before late turns arrive; agents repeat reports every two seconds."""


async def has_come_true(deadline: Deadline, request: SessionRequest, state: SessionState) -> bool:
    """True if the session is to end for `deadline`, whose time has come."""
    if deadline.rests_on_absence:
        return await _is_absent(request, state)
    if deadline.reason is EndReason.IDLE:
        return await _is_silent(deadline, request, state)
    if _is_put_off(deadline, request, state):
        return False
    return deadline.reason is not EndReason.AGENT_UNAVAILABLE or not await _an_agent_answers(request, state)


def _is_put_off(deadline: Deadline, request: SessionRequest, state: SessionState) -> bool:
    """True if another deadline has taken its place: an agent host has taken the launch meanwhile."""
    following = next_deadline(request.limits, state)
    return following != deadline and deadline.stands_until(following)


async def _an_agent_answers(request: SessionRequest, state: SessionState) -> bool:
    """True if an agent serves in the room, though Temporal has no sign of life: its host may be cut off.

    Then the wait for another one begins anew.
    """
    if not state.agents.newest_ready or not state.agents.predecessor_may_live:
        return False
    check = activity_calls.look_at_room(request, probe_agents=True)
    await workflow.wait_condition(lambda: check.done() or state.end.is_decided or state.agents.serving is not None)
    if not check.done():
        check.cancel()
        return True
    try:
        view = await check
    except ActivityError:
        return False
    if view.answering_agents and state.agents.missing_since is not None:
        workflow.logger.info("%s: an agent answers in the room, so the session goes on", request.session_id)
        state.agents.missing_since = now()
    return bool(view.answering_agents)


async def _is_absent(request: SessionRequest, state: SessionState) -> bool:
    """Ask LiveKit itself if the caller is away. Unknown is not away: ask again later."""
    state.last_room_check_at = now()
    check = activity_calls.look_at_room(request)
    await workflow.wait_condition(lambda: check.done() or state.end.is_decided)
    if state.end.is_decided:  # a slow check delays no end
        check.cancel()
        return False
    try:
        view = await check
    except ActivityError:
        return False
    for sighting in view.callers:
        state.see(sighting, now())
    return not state.caller.present


async def _is_silent(deadline: Deadline, request: SessionRequest, state: SessionState) -> bool:
    """True if nothing was said since, nor is reported in a moment."""

    def stands() -> bool:
        return next_deadline(request.limits, state) == deadline

    if not stands():
        return False
    try:
        await workflow.wait_condition(
            lambda: state.end.is_decided or not stands(),
            timeout=_LATE_REPORTS_SECONDS,
            timeout_summary="was something said that is not reported yet?",
        )
    except TimeoutError:
        return True
    return False
