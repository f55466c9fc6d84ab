"""What Temporal returns of a session, as what the API tells of it."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Any, TypeVar

from temporalio.client import WorkflowExecution, WorkflowExecutionStatus

from api.schemas.session_queries import SessionItem, SessionResponse
from contracts.memo import MEMO_KEY, SessionMemo
from contracts.search_attributes import DURATION, END_REASON, STARTED_AT, STATE
from contracts.session import SessionSummary, SessionView
from contracts.statuses import AgentState, EndReason, SessionStatus
from workflows.session.caller_presence import billed_minutes

_log = logging.getLogger(__name__)

E = TypeVar("E", bound=StrEnum)


async def item(execution: WorkflowExecution) -> SessionItem:
    """A line of a list, from what comes with the list alone."""
    return SessionItem(**await _known(execution))


async def live(execution: WorkflowExecution, view: SessionView | None) -> SessionResponse:
    """A session that has not ended. Without a `view` of its workflow: as far as Temporal itself knows."""
    known = await _known(execution)
    if view is None:
        return SessionResponse(**known, agentState=None, agentGeneration=None)
    known |= {"state": view.state, "endReason": view.end_reason, **_bill(view.summary)}
    return SessionResponse(**known, agentState=view.agent_state, agentGeneration=view.generation)


async def ended(execution: WorkflowExecution, summary: SessionSummary | None) -> SessionResponse:
    """A session that has ended. Without a `summary` it was terminated or failed, and has no bill."""
    known = await _known(execution) | _bill(summary)
    if summary is not None:
        known["endReason"] = summary.end_reason
    generation = None if summary is None else summary.generations
    return SessionResponse(**known, agentState=AgentState.STOPPED, agentGeneration=generation)


async def card(execution: WorkflowExecution) -> SessionMemo | None:
    """What was given at the start. None for a session without, or when it cannot be decoded (its key is gone)."""
    try:
        found: SessionMemo | None = await execution.memo_value(MEMO_KEY, None, type_hint=SessionMemo)
    except Exception as error:  # whatever a codec raises, one session must not hide the others
        _log.warning("the memo of %s cannot be read: %s", execution.id, type(error).__name__)
        return None
    return found


async def _known(execution: WorkflowExecution) -> dict[str, Any]:
    """From description or list: search attributes, memo, times."""
    attributes = execution.typed_search_attributes
    is_open = execution.status is WorkflowExecutionStatus.RUNNING
    given = await card(execution)
    state: SessionStatus | None = SessionStatus.ENDED
    if is_open:
        state = _one_of(SessionStatus, attributes.get(STATE, SessionStatus.STARTING), execution)
    seconds = attributes.get(DURATION)
    return {
        "sessionId": execution.id,
        "userName": given.user_name if given else None,
        "voiceId": given.voice_id if given else None,
        "metadata": given.metadata if given else None,
        "state": state,
        "startedAt": attributes.get(STARTED_AT, execution.start_time),
        "endedAt": execution.close_time,
        "endReason": _one_of(EndReason, attributes.get(END_REASON), execution),
        "durationSeconds": seconds,
        "durationMinutes": None if seconds is None else billed_minutes(seconds),
    }


def _one_of(kind: type[E], name: str | None, execution: WorkflowExecution) -> E | None:
    """The value of this name. None without one, and for one that only a newer worker knows, as in a deploy."""
    try:
        return kind(name) if name else None
    except ValueError:
        _log.warning("%s: %s %s is not known here", execution.id, kind.__name__, name)
        return None


def _bill(summary: SessionSummary | None) -> dict[str, int]:
    if summary is None:
        return {}
    return {"durationSeconds": summary.duration_seconds, "durationMinutes": summary.duration_minutes}
