"""Maps Temporal's descriptions of sessions to the API's answers."""

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
from workflows.session.bill import billed_minutes

_log = logging.getLogger(__name__)

E = TypeVar("E", bound=StrEnum)


async def item(execution: WorkflowExecution) -> SessionItem:
    """An item of a list, from what the list itself contains."""
    return SessionItem(**await _fields(execution))


async def live(execution: WorkflowExecution, view: SessionView | None) -> SessionResponse:
    """A live session. Without a `view` of its workflow, it has only what Temporal itself knows."""
    fields = await _fields(execution)
    if view is None:
        return SessionResponse(**fields, agentState=None, agentGeneration=None)
    fields |= {"state": view.state, "endReason": view.end_reason, **_bill(view.summary)}
    return SessionResponse(**fields, agentState=view.agent_state, agentGeneration=view.generation)


async def ended(execution: WorkflowExecution, summary: SessionSummary | None) -> SessionResponse:
    """An ended session. Without a `summary` it was terminated or failed, and has no bill."""
    fields = await _fields(execution) | _bill(summary)
    if summary is not None:
        fields["endReason"] = summary.end_reason
    generation = None if summary is None else summary.generations
    return SessionResponse(**fields, agentState=AgentState.STOPPED, agentGeneration=generation)


async def memo(execution: WorkflowExecution) -> SessionMemo | None:
    """The memo written at the start. None without one, or when it cannot be decoded because its key is gone."""
    try:
        found: SessionMemo | None = await execution.memo_value(MEMO_KEY, None, type_hint=SessionMemo)
    except Exception as error:  # a codec raises anything; one session must not hide the others
        _log.warning("the memo of %s cannot be read: %s", execution.id, type(error).__name__)
        return None
    return found


async def _fields(execution: WorkflowExecution) -> dict[str, Any]:
    """The fields that a description and a list have: search attributes, memo, times."""
    attributes = execution.typed_search_attributes
    is_open = execution.status is WorkflowExecutionStatus.RUNNING
    given = await memo(execution)
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
    """The value of this name. None without one, and for one that only newer workers know, as in a deployment."""
    try:
        return kind(name) if name else None
    except ValueError:
        _log.warning("%s: %s %s is unknown to this version", execution.id, kind.__name__, name)
        return None


def _bill(summary: SessionSummary | None) -> dict[str, int]:
    if summary is None:
        return {}
    return {"durationSeconds": summary.duration_seconds, "durationMinutes": summary.duration_minutes}
