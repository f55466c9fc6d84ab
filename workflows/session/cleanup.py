"""What is left of a session is removed: its room, its dispatches, its agent. Repeated until it is done."""

from __future__ import annotations

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.session import SessionRequest
    from workflows.session import activity_calls
    from workflows.session.agent_supervisor import Agents
    from workflows.session.clock import now
    from workflows.session.end import Ending
    from workflows.session.state import Notes

_ROOM_NOT_DELETED = "LiveKit has not confirmed yet that the room is deleted; it is tried until it does."


async def clean_up(
    session: SessionRequest, notes: Notes, ending: Ending, agents: Agents, keeping: asyncio.Task[None] | None
) -> None:
    """Returns when all is gone. The bill is settled long before, should LiveKit not answer.

    `keeping` is what keeps `agents`, where that had begun.
    """
    await agents.stop()  # a launch still under way could dispatch into a room that is already deleted
    closing = asyncio.create_task(_close_room(session, notes))
    done, _ = await workflow.wait([closing], timeout=ending.waits_seconds)
    # From here on every answer gives this bill, however long the clean-up takes.
    ending.settle(now())
    if not done:
        ending.confirm(errors=(_ROOM_NOT_DELETED,))
        await closing
    ending.confirm(room_deleted=True, errors=())
    if keeping is not None:
        await keeping


async def _close_room(session: SessionRequest, notes: Notes) -> None:
    view = await activity_calls.close_room(session)
    for sighting in view.callers:
        notes.see(sighting, now())
