"""Continue as new when the history has grown long and one agent serves in peace."""

from __future__ import annotations

from typing import NoReturn

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.session import SessionRequest
    from workflows.session.state import SessionState


def is_due(state: SessionState) -> bool:
    """True if this run may give way to the next now: while one agent serves, and none comes or goes."""
    is_long = workflow.info().is_continue_as_new_suggested()
    return is_long and state.agents.is_calm and workflow.all_handlers_finished()


def continue_as_new(request: SessionRequest, state: SessionState) -> NoReturn:
    """Go on in a new run, which adopts the agent that serves."""
    state.run += 1
    workflow.continue_as_new(request.model_copy(update={"state": state.model_dump(mode="json")}))
