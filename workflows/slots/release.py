"""Releases a session's slot at its end."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from contracts.session import SessionRequest
    from contracts.slots import ReleaseSlot
    from workflows.slots.session_slots import SessionSlots


async def release_slot(request: SessionRequest) -> None:
    """The last step of a session. Without a limit there is no slot."""
    if not request.slots:
        return
    slots: workflow.ExternalWorkflowHandle[SessionSlots] = workflow.get_external_workflow_handle_for(
        SessionSlots.run, request.slots
    )
    try:
        await slots.signal(SessionSlots.release, ReleaseSlot(session_id=request.session_id))
    except FailureError:  # nobody has the slots any more, or the audit must find out
        workflow.logger.info("%s: its slot was not released", request.session_id)
