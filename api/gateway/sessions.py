"""Starts, rejoins and ends sessions, and reports LiveKit's events to them.

The session's workflow issues join tokens (`workflows/session/join_token_renewal.py`). Temporal allows 2,000 updates a
run and ten at once, and agents need some of those. So all requests within a minute share one update, by its id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, Protocol

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, FailureError, TerminatedError, WorkflowAlreadyStartedError
from temporalio.service import RPCStatusCode

from api.gateway.agent_queue import AgentQueue
from api.gateway.orphaned_starts import OrphanedStarts
from api.gateway.rpc_errors import has_status, is_outage, is_reachable, no_answer, temporal_call, unreachable
from api.gateway.session_counts import TemporalSessionCounts
from api.gateway.session_handle import SessionHandle, open_session, send
from api.gateway.session_limit import SessionLimit
from connections.payload_encryption import key_ring, user_values
from connections.temporal_client import LazyClient
from contracts.failures import KEY_TAKEN, SESSION_ENDING
from contracts.join_token import JoinToken, ValidJoinTokenRequest
from contracts.memo import memo_at_start
from contracts.room import Presence, RoomFinished
from contracts.search_attributes import STATE, at_start
from contracts.session import EndRequest, SessionRecord, SessionRequest, SessionSummary
from contracts.statuses import SessionStatus
from errors import EndFailed, JoinTokenFailed, KeyTaken, OrchestratorError, SessionEnded, SessionNotFound
from settings import Settings
from workflows.voice_session import VoiceSession

_START_FAILED = "Failed to queue voice agent spawn task: "
_END_FAILED = "Failed to end session: "
_REJOIN_FAILED = "Failed to make a join token: "
_REPORT_FAILED = "The event was not delivered: "
_TASK_TIMEOUT = timedelta(seconds=5)
"""A session stalls this long when the worker with its task dies. Start timeouts are twice as long."""
_SIGNAL_SECONDS = 2.0
"""A webhook is delivered within this or answered with 503: LiveKit holds back the other events of its room."""
_MINUTE = 60


class Sessions(Protocol):
    """Sessions as the routes use them."""

    async def start(self, request: SessionRequest, metadata: dict[str, Any] | None = None) -> JoinToken:
        """Start a session. Raises `JoinTokenFailed`, `NoPlace`, `NoWorkerAnswered`, `TemporalUnavailable`; none stays.

        A request with a fingerprint may be repeated: it starts one session, and also raises `KeyTaken`, `SessionEnded`.
        When nobody answered, its session is kept for the next attempt.
        """

    async def rejoin(self, session_id: str) -> JoinToken:
        """A join token for a live session.

        Raises `SessionNotFound`, `SessionEnded`, `JoinTokenFailed`, `NoWorkerAnswered`, `TemporalUnavailable`.
        """

    async def end(self, session_id: str) -> SessionSummary:
        """End a session, or return the bill of an ended one.

        Raises `SessionNotFound`, `EndFailed`, `TemporalUnavailable`.
        """

    async def presence(self, session_id: str, report: Presence) -> None:
        """Report a join or leave. Unknown and ended sessions are ignored. Raises `TemporalUnavailable`."""

    async def room_finished(self, session_id: str, report: RoomFinished) -> None:
        """Report that the room has closed; as `presence`."""


class TemporalSessions:
    """`Sessions` as Temporal workflows, one each, with the session's id."""

    def __init__(self, client: LazyClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._keys = key_ring(settings.temporal)
        self._orphaned = OrphanedStarts()
        self._agent_queue = AgentQueue(TemporalSessionCounts(client, settings.temporal))
        self._limit = SessionLimit(client, settings)

    async def close(self) -> None:
        """Finish withdrawing failed starts, for a moment."""
        await self._orphaned.close()

    async def start(self, request: SessionRequest, metadata: dict[str, Any] | None = None) -> JoinToken:
        """One update-with-start: the workflow and its join token in a single round trip."""
        client = await self._client.get()
        seconds = self._settings.api.start_timeout_seconds
        start = self._start_with_key if request.fingerprint else self._start_without_key
        try:
            async with asyncio.timeout(seconds):
                return await start(client, request, metadata or {})
        except WorkflowUpdateFailedError as error:
            raise _refusal(request.session_id, error, is_keyed=bool(request.fingerprint)) from error
        except asyncio.CancelledError:
            self._withdraw(client, request)
            raise
        except Exception as error:
            if not is_outage(error):
                raise
            self._withdraw(client, request)
            raise await self._no_answer(client, _START_FAILED) from error

    async def _admit(self, request: SessionRequest) -> None:
        """Raise `NoPlace` before anything is started. A session that lives has been admitted already."""
        wait = request.limits.agent_wait_seconds
        await self._agent_queue.admit((self._settings.api.max_queue_seconds or None) if wait is None else wait)
        await self._limit.take(request.session_id, request.owner)

    def _withdraw(self, client: Client, request: SessionRequest) -> None:
        """An update-with-start is not atomic: the workflow may exist, or start later, though nobody answered."""
        if not request.fingerprint:
            self._orphaned.add(client.get_workflow_handle(request.session_id))

    async def _start_without_key(self, client: Client, request: SessionRequest, metadata: dict[str, Any]) -> JoinToken:
        """Concurrent starts with one id share one workflow and one token."""
        await self._admit(request)
        return await client.execute_update_with_start_workflow(
            VoiceSession.join_token,
            start_workflow_operation=self._operation(request, metadata, WorkflowIDReusePolicy.REJECT_DUPLICATE),
            id=f"{request.session_id}-join-token",
            rpc_timeout=self._start_timeout,
        )

    async def _start_with_key(self, client: Client, request: SessionRequest, metadata: dict[str, Any]) -> JoinToken:
        """Start the session unless it was, and return a valid join token. Raises `SessionEnded`.

        A failed run never issued a join token, so another run may follow it under the same id.
        """
        session = SessionHandle(client, self._settings.temporal, request.session_id)
        earlier = await _described(session)
        has_failed = earlier is not None and earlier.status is WorkflowExecutionStatus.FAILED
        if earlier is not None and not has_failed and not _is_live(earlier):
            raise _ended_by_key(request.session_id)
        if earlier is None or has_failed:
            await self._admit(request)
        # Temporal keeps the answers to a failed run's updates, so those to the next run have other ids.
        after = earlier.run_id if earlier is not None and has_failed else "nothing"
        reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
        try:
            return await client.execute_update_with_start_workflow(
                VoiceSession.valid_join_token,
                ValidJoinTokenRequest(fingerprint=request.fingerprint),
                start_workflow_operation=self._operation(request, metadata, reuse),
                id=f"join-token-{_minute()}-{request.fingerprint[:16]}-after-{after}",
                rpc_timeout=self._start_timeout,
            )
        except WorkflowAlreadyStartedError:
            raise _ended_by_key(request.session_id) from None

    def _operation(
        self, request: SessionRequest, metadata: dict[str, Any], reuse: WorkflowIDReusePolicy
    ) -> WithStartWorkflowOperation[Any, SessionRecord]:
        return WithStartWorkflowOperation(
            VoiceSession.run,
            request.model_copy(update={"slots": self._limit.slots}),
            id=request.session_id,
            task_queue=self._settings.temporal.task_queue,
            task_timeout=_TASK_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=reuse,
            static_summary=f"Voice session with {request.options.voice_id}",
            search_attributes=at_start(request, user_values(self._keys, request.user_name)[0]),
            memo=memo_at_start(request, metadata),
        )

    async def rejoin(self, session_id: str) -> JoinToken:
        """One description, and one update."""
        session = await self._open(session_id)
        try:
            async with asyncio.timeout(self._settings.api.start_timeout_seconds):
                described = await _described(session)
                if described is None:
                    raise SessionNotFound(session_id)
                if not _is_live(described):
                    raise _ended(session_id)
                return await session.workflow.execute_update(
                    VoiceSession.valid_join_token,
                    ValidJoinTokenRequest(),
                    id=f"join-token-{_minute()}",
                    rpc_timeout=self._start_timeout,
                )
        except WorkflowUpdateFailedError as error:
            raise _refusal(session_id, error, is_keyed=False) from error
        except Exception as error:
            if has_status(error, RPCStatusCode.NOT_FOUND):  # it ended between the two
                raise _ended(session_id) from error
            if is_outage(error):
                raise await self._no_answer(session.client, _REJOIN_FAILED) from error
            raise

    async def end(self, session_id: str) -> SessionSummary:
        """Signal the end and wait for the workflow's result; a closed workflow returns its result again."""
        session = await self._open(session_id)
        request = EndRequest(at_ms=time.time_ns() // 1_000_000)
        is_signalled = False
        try:
            async with asyncio.timeout(self._settings.api.end_timeout_seconds):
                await send(session.workflow.signal(VoiceSession.end, request))
                is_signalled = True
                return await session.workflow.result()
        except WorkflowFailureError as error:
            raise EndFailed(_END_FAILED + _why_no_bill(error.cause)) from error
        except Exception as error:
            if has_status(error, RPCStatusCode.NOT_FOUND):
                raise SessionNotFound(session_id) from error
            if not is_outage(error):
                raise
            if not is_signalled:
                raise unreachable(self._settings.temporal, _END_FAILED) from error
        return await self._summary_so_far(session)

    async def _summary_so_far(self, session: SessionHandle) -> SessionSummary:
        """The bill of a session whose cleanup takes longer than the request may; its `errors` list what is missing."""
        view = await session.view()
        if view is None:
            if not await is_reachable(session.client):
                raise unreachable(self._settings.temporal, _END_FAILED)
            raise EndFailed(f"{_END_FAILED}no worker answered; the session ends as soon as one does.")
        if view.summary is None:
            raise EndFailed(f"{_END_FAILED}the session is still ending; ask again for its bill.")
        return view.summary

    async def presence(self, session_id: str, report: Presence) -> None:
        """Signal `presence`."""
        session = await self._open(session_id)
        await self._report(session.workflow.signal(VoiceSession.presence, report))

    async def room_finished(self, session_id: str, report: RoomFinished) -> None:
        """Signal `room_finished`."""
        session = await self._open(session_id)
        await self._report(session.workflow.signal(VoiceSession.room_finished, report))

    async def _report(self, signal: Awaitable[None]) -> None:
        async with temporal_call(self._settings.temporal, _SIGNAL_SECONDS, failed=_REPORT_FAILED):
            await send(signal)

    async def _open(self, session_id: str) -> SessionHandle:
        return await open_session(self._client, self._settings.temporal, session_id)

    @property
    def _start_timeout(self) -> timedelta:
        return timedelta(seconds=self._settings.api.start_timeout_seconds)

    async def _no_answer(self, client: Client, failed: str) -> OrchestratorError:
        no_worker = f"no worker answered within {self._settings.api.start_timeout_seconds:g} seconds."
        return await no_answer(client, self._settings.temporal, no_worker, failed)


async def _described(session: SessionHandle) -> WorkflowExecutionDescription | None:
    """The latest run's description, or None for an unknown session. Raises the SDK's errors."""
    try:
        return await session.workflow.describe()
    except Exception as error:
        if has_status(error, RPCStatusCode.NOT_FOUND):
            return None
        raise


def _is_live(described: WorkflowExecutionDescription) -> bool:
    is_ending = described.typed_search_attributes.get(STATE) == SessionStatus.ENDING
    return described.status is WorkflowExecutionStatus.RUNNING and not is_ending


def _minute() -> int:
    return int(time.time()) // _MINUTE


def _refusal(session_id: str, error: WorkflowUpdateFailedError, *, is_keyed: bool) -> OrchestratorError:
    """The workflow's refusal to issue a join token, as one of our errors."""
    cause = error.cause
    kind = cause.type if isinstance(cause, ApplicationError) else None
    if kind == KEY_TAKEN:
        return KeyTaken("This Idempotency-Key was used with another request body. Use a new key for a new session.")
    if kind == SESSION_ENDING:
        return _ended_by_key(session_id) if is_keyed else _ended(session_id)
    reason = cause.message if isinstance(cause, FailureError) else str(cause)
    return JoinTokenFailed(f"LiveKit token generation failed: {reason}")


def _ended(session_id: str) -> SessionEnded:
    return SessionEnded(f"Session {session_id} has ended or is about to; start a new one.")


def _ended_by_key(session_id: str) -> SessionEnded:
    return SessionEnded(
        f"Session {session_id}, started with this Idempotency-Key, has ended or is about to; use a new key to start."
    )


def _why_no_bill(cause: BaseException) -> str:
    """The reason why a workflow has no result. The text of a crash stays in Temporal."""
    if isinstance(cause, TerminatedError):
        return "the session was terminated in Temporal, so it has no bill."
    return "the session's workflow failed, so it has no bill."
