"""How a session is asked for a join token: at its start, at a start that is repeated, and by a caller who comes back.

The session gives it (`workflows/session/join_token_renewal.py`). Every update counts against the 2,000 that Temporal
allows a run, agents need some of those, and ten may be open at once. So all who ask again within a minute ask for the
same one, by its id.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from contracts.failures import KEY_TAKEN, SESSION_ENDING
from contracts.join_token import JoinToken, ValidJoinTokenRequest
from contracts.search_attributes import STATE
from contracts.session import SessionRequest, SessionSummary
from contracts.statuses import SessionStatus
from errors import JoinTokenFailed, KeyTaken, OrchestratorError, SessionEnded, SessionNotFound
from workflows.voice_session import VoiceSession

Operation = Callable[[WorkflowIDConflictPolicy, WorkflowIDReusePolicy], WithStartWorkflowOperation[Any, SessionSummary]]
"""How a session is started, but for what happens when there is one of its id."""

_MINUTE = 60


async def new_join_token(
    client: Client, request: SessionRequest, operation: Operation, patience: timedelta
) -> JoinToken:
    """Update-with-start. Concurrent starts with one id share one workflow and one token."""
    return await client.execute_update_with_start_workflow(
        VoiceSession.join_token,
        start_workflow_operation=operation(
            WorkflowIDConflictPolicy.USE_EXISTING, WorkflowIDReusePolicy.REJECT_DUPLICATE
        ),
        id=f"{request.session_id}-join-token",
        rpc_timeout=patience,
    )


async def keyed_join_token(
    client: Client, request: SessionRequest, operation: Operation, patience: timedelta
) -> JoinToken:
    """Start the session unless it was, and give a join token that works. Raises `SessionEnded`.

    A run that failed never gave a join token out: only such a one may be followed by another under its id.
    """
    earlier = await _described(client, request.session_id)
    has_failed = earlier is not None and earlier.status is WorkflowExecutionStatus.FAILED
    if earlier is not None and not has_failed and not _is_live(earlier):
        raise _ended_by_key(request.session_id)
    # A run that failed keeps its updates' answers: those to its successor have ids of their own.
    after = earlier.run_id if earlier is not None and has_failed else "nothing"
    try:
        return await client.execute_update_with_start_workflow(
            VoiceSession.valid_join_token,
            ValidJoinTokenRequest(fingerprint=request.fingerprint),
            start_workflow_operation=operation(
                WorkflowIDConflictPolicy.USE_EXISTING, WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
            ),
            id=f"join-token-{_minute()}-{request.fingerprint[:16]}-after-{after}",
            rpc_timeout=patience,
        )
    except WorkflowAlreadyStartedError:
        raise _ended_by_key(request.session_id) from None


async def rejoin_join_token(client: Client, session_id: str, patience: timedelta) -> JoinToken:
    """A join token for a session that lives. Raises `SessionNotFound`, `SessionEnded`."""
    described = await _described(client, session_id)
    if described is None:
        raise SessionNotFound(f"Session {session_id} not found")
    if not _is_live(described):
        raise _ended(session_id)
    handle: WorkflowHandle[VoiceSession, SessionSummary] = client.get_workflow_handle_for(VoiceSession.run, session_id)
    try:
        return await handle.execute_update(
            VoiceSession.valid_join_token, ValidJoinTokenRequest(), id=f"join-token-{_minute()}", rpc_timeout=patience
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:  # it ended just now
            raise _ended(session_id) from error
        raise


def refusal(session_id: str, error: WorkflowUpdateFailedError, *, is_keyed: bool) -> OrchestratorError:
    """The session's own answer to who asked for a join token, as an error to raise."""
    cause = error.cause
    kind = cause.type if isinstance(cause, ApplicationError) else None
    if kind == KEY_TAKEN:
        return KeyTaken("This Idempotency-Key was used with another request body. Use a new key for a new session.")
    if kind == SESSION_ENDING:
        return _ended_by_key(session_id) if is_keyed else _ended(session_id)
    reason = cause.message if isinstance(cause, FailureError) else str(cause)
    return JoinTokenFailed(f"LiveKit token generation failed: {reason}")


async def _described(client: Client, session_id: str) -> WorkflowExecutionDescription | None:
    try:
        return await client.get_workflow_handle(session_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


def _is_live(described: WorkflowExecutionDescription) -> bool:
    is_ending = described.typed_search_attributes.get(STATE) == SessionStatus.ENDING
    return described.status is WorkflowExecutionStatus.RUNNING and not is_ending


def _minute() -> int:
    return int(time.time()) // _MINUTE


def _ended(session_id: str) -> SessionEnded:
    return SessionEnded(f"Session {session_id} has ended or is about to; start a new one.")


def _ended_by_key(session_id: str) -> SessionEnded:
    return SessionEnded(
        f"Session {session_id}, started with this Idempotency-Key, has ended or is about to; use a new key to start."
    )
