"""When a session goes on in a new run: its history has grown long, and an agent serves in peace."""

from __future__ import annotations

from typing import NoReturn

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.session import SessionRequest
    from workflows.session.clock import now
    from workflows.session.generations import AgentWatch
    from workflows.session.state import Notes

_PATCH = "continue-as-new"


class Renewal:
    """Temporal says when a history is long. Continuing voids the agent's task token, so another agent must take over.

    A run that was long before this code was deployed has decided otherwise already, and ends as it began.
    """

    def __init__(self, watch: AgentWatch) -> None:
        self._watch = watch
        self._allowed = False

    def consider(self) -> None:
        """Ask Temporal, at a moment when the answer may be written down. Call it after every piece of news."""
        if workflow.info().is_continue_as_new_suggested() and not self._allowed:
            self._allowed = workflow.patched(_PATCH)

    @property
    def is_due(self) -> bool:
        """Whether the run may give way to the next at this moment."""
        return self._allowed and self._watch.is_calm and workflow.all_handlers_finished()

    def renew(self, session: SessionRequest, notes: Notes) -> NoReturn:
        """Go on in a new run. It launches an agent of its own at once; until that one is ready the old one talks."""
        assert notes.join_token is not None  # noqa: S101  no conversation without a join token
        notes.story.add(now(), "the history has grown long: the session goes on in a new run")
        workflow.continue_as_new(session.model_copy(update={"memory": notes.memory(notes.join_token)}))
