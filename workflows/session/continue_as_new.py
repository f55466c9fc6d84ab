"""Continue as new when the history has grown long and one agent serves in peace."""

from __future__ import annotations

from typing import NoReturn

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.session import SessionRequest
    from workflows.session.clock import now
    from workflows.session.state import SessionState


def is_due(state: SessionState) -> bool:
    """True if this run may give way to the next now.

    Continue-as-new voids the agent's task token, so another agent must take over: it waits for a calm moment.
    """
    is_long = workflow.info().is_continue_as_new_suggested()
    return is_long and state.agents.is_calm and workflow.all_handlers_finished()


def continue_as_new(request: SessionRequest, state: SessionState) -> NoReturn:
    """Go on in a new run. It launches an agent of its own at once; until that one is ready the old one talks."""
    state.agents.hand_on(now())
    state.run += 1
    workflow.continue_as_new(request.model_copy(update={"state": state.model_dump(mode="json")}))
