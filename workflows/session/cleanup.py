"""Remove what is left of a session: its room and its agent. Repeated until it is done."""

from __future__ import annotations

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.room import Presence
    from contracts.session import SessionRequest
    from workflows.session import activity_calls
    from workflows.session.agent_supervisor import AgentSupervisor
    from workflows.session.clock import now
    from workflows.session.state import SessionState

_ROOM_NOT_DELETED = "LiveKit has not confirmed yet that the room is deleted; it is tried until it does."
_BILL_WAITS_SECONDS = 3
"""The bill waits so long for a last look at the room, then it is made from what is known."""
_BILL_WAITS_FOR_A_JOIN_SECONDS = 8
"""The same where no caller is known: a caller whose join is not reported yet must not be missed."""


async def clean_up(
    request: SessionRequest, state: SessionState, agents: AgentSupervisor, keeping: asyncio.Task[None] | None
) -> None:
    """Return when all is gone. The bill is settled long before, should LiveKit not answer.

    `keeping` is the task of `agents`, if it had begun.
    """
    await agents.stop()  # a launch still under way would make the room again
    closing = asyncio.create_task(_close_room(request, state))
    is_known = state.caller.first_joined_at_ms is not None
    timeout = _BILL_WAITS_SECONDS if is_known else _BILL_WAITS_FOR_A_JOIN_SECONDS
    done, _ = await workflow.wait([closing], timeout=timeout)
    state.settle_bill(request)
    if not done:
        state.end.confirm(errors=(_ROOM_NOT_DELETED,))
        await closing
    state.end.confirm(room_deleted=True, errors=())
    if keeping is not None:
        await keeping


async def _close_room(request: SessionRequest, state: SessionState) -> None:
    view = await activity_calls.close_room(request)
    for sighting in view.callers:
        state.see(sighting, now())
    if not view.callers and state.agents.serving is None:  # nobody was there to see a caller leave
        at_ms = round(now() * 1000)
        missing = Presence(participant_sid="", identity=request.caller, kind="absent", at_ms=at_ms, source="room")
        state.see(missing, now())
