"""The gateway to sessions: what the routes ask for, and how Temporal does it."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import TerminatedError
from temporalio.service import RPCError, RPCStatusCode

from api.gateway.orphaned_starts import AbandonedStarts
from api.gateway.outages import LOST, is_reachable, unreachable
from api.gateway.start import keyed_join_token, new_join_token, refusal, rejoin_join_token
from connections.payload_encryption import key_ring, user_values
from connections.temporal_client import LazyClient
from contracts.identities import is_session_id
from contracts.join_token import JoinToken
from contracts.memo import memo_at_start
from contracts.room import Presence, RoomFinished
from contracts.search_attributes import at_start
from contracts.session import EndRequest, SessionRequest, SessionSummary
from errors import EndFailed, NoWorkerAnswered, SessionNotFound, TemporalUnavailable
from settings import Settings
from workflows.voice_session import VoiceSession

_START_FAILED = "Failed to queue voice agent spawn task: "
_END_FAILED = "Failed to end session: "
_REJOIN_FAILED = "Failed to make a join token: "
_TASK_TIMEOUT = timedelta(seconds=5)
_SIGNAL_SECONDS = 2.0
"""Within this a webhook is delivered or answered with 503: a slow receiver blocks LiveKit's events of that room."""
_VIEW_SECONDS = 2.0


class Sessions(Protocol):
    """Sessions as the routes see them."""

    async def start(self, request: SessionRequest, metadata: dict[str, Any] | None = None) -> JoinToken:
        """Start a session. Raises `JoinTokenFailed`, `NoWorkerAnswered`, `TemporalUnavailable`; then nothing is left.

        One with a fingerprint is started once, however often it is asked for. It may raise `KeyTaken`, `SessionEnded`
        too, and is left for the next attempt where nobody answered.
        """

    async def rejoin(self, session_id: str) -> JoinToken:
        """A join token for a session that lives.

        Raises `SessionNotFound`, `SessionEnded`, `JoinTokenFailed`, `NoWorkerAnswered`, `TemporalUnavailable`.
        """

    async def end(self, session_id: str) -> SessionSummary:
        """End a session, or give the bill of one that has ended.

        Raises `SessionNotFound`, `EndFailed`, `TemporalUnavailable`.
        """

    async def presence(self, session_id: str, report: Presence) -> None:
        """Pass on who came or went; sessions that are unknown or over are ignored. Raises `TemporalUnavailable`."""

    async def room_finished(self, session_id: str, report: RoomFinished) -> None:
        """Pass on that the room is closed; as `presence`."""


class TemporalSessions:
    """`Sessions` as Temporal workflows, one each, of the same id."""

    def __init__(self, client: LazyClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._keys = key_ring(settings.temporal)
        self._abandoned = AbandonedStarts()

    async def close(self) -> None:
        """Finish what can be finished in a moment."""
        await self._abandoned.close()

    async def start(self, request: SessionRequest, metadata: dict[str, Any] | None = None) -> JoinToken:
        """One update-with-start: the workflow and its join token in a single round trip."""
        client = await self._client.get()
        is_keyed = bool(request.fingerprint)
        ask = keyed_join_token if is_keyed else new_join_token
        seconds = self._settings.api.start_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await ask(
                    client, request, partial(self._operation, request, metadata or {}), timedelta(seconds=seconds)
                )
        except WorkflowUpdateFailedError as error:
            raise refusal(request.session_id, error, is_keyed=is_keyed) from error
        except LOST as error:
            # Not atomic: the workflow may have been started, or be started yet, though no answer came.
            if not is_keyed:
                self._abandoned.add(client.get_workflow_handle(request.session_id))
            raise await self._unanswered(client, _START_FAILED, seconds) from error
        except asyncio.CancelledError:
            if not is_keyed:
                self._abandoned.add(client.get_workflow_handle(request.session_id))
            raise

    def _operation(
        self,
        request: SessionRequest,
        metadata: dict[str, Any],
        conflict: WorkflowIDConflictPolicy,
        reuse: WorkflowIDReusePolicy,
    ) -> WithStartWorkflowOperation[Any, SessionSummary]:
        return WithStartWorkflowOperation(
            VoiceSession.run,
            request,
            id=request.session_id,
            task_queue=self._settings.temporal.task_queue,
            # So long a session stands still when the worker that had its task dies; its clients wait twice that.
            task_timeout=_TASK_TIMEOUT,
            id_conflict_policy=conflict,
            id_reuse_policy=reuse,
            static_summary=f"Voice session with {request.options.voice_id}",
            search_attributes=at_start(request, user_values(self._keys, request.user_name)[0]),
            memo=memo_at_start(request, metadata),
        )

    async def rejoin(self, session_id: str) -> JoinToken:
        """One look, and one update."""
        if not is_session_id(session_id):
            raise SessionNotFound(f"Session {session_id} not found")
        client = await self._client.get()
        seconds = self._settings.api.start_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await rejoin_join_token(client, session_id, timedelta(seconds=seconds))
        except WorkflowUpdateFailedError as error:
            raise refusal(session_id, error, is_keyed=False) from error
        except LOST as error:
            raise await self._unanswered(client, _REJOIN_FAILED, seconds) from error

    async def _unanswered(self, client: Client, what: str, seconds: float) -> TemporalUnavailable:
        """What to raise when no answer came."""
        if await is_reachable(client):
            return NoWorkerAnswered(f"{what}no worker answered within {seconds:g} seconds.")
        return TemporalUnavailable(what + unreachable(self._settings.temporal))

    async def end(self, session_id: str) -> SessionSummary:
        """Signal the end and wait for the workflow's result; a closed one gives the same result again."""
        if not is_session_id(session_id):
            raise SessionNotFound(f"Session {session_id} not found")
        request = EndRequest(at_ms=time.time_ns() // 1_000_000)
        client = await self._client.get()
        handle = _session(client, session_id)
        signalled = False
        try:
            async with asyncio.timeout(self._settings.api.end_timeout_seconds):
                await _ignore_closed(handle.signal(VoiceSession.end, request))
                signalled = True
                return await handle.result()
        except WorkflowFailureError as error:
            raise EndFailed(_END_FAILED + _fate(error.cause)) from error
        except LOST as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                raise SessionNotFound(f"Session {session_id} not found") from error
            if not signalled or not await is_reachable(client):
                raise TemporalUnavailable(_END_FAILED + unreachable(self._settings.temporal)) from error
        return await self._summary_so_far(client, handle)

    async def presence(self, session_id: str, report: Presence) -> None:
        """Signal `presence`."""
        handle = _session(await self._client.get(), session_id)
        await self._deliver(handle.signal(VoiceSession.presence, report))

    async def room_finished(self, session_id: str, report: RoomFinished) -> None:
        """Signal `room_finished`."""
        handle = _session(await self._client.get(), session_id)
        await self._deliver(handle.signal(VoiceSession.room_finished, report))

    async def _deliver(self, signal: Any) -> None:
        try:
            async with asyncio.timeout(_SIGNAL_SECONDS):
                await _ignore_closed(signal)
        except LOST as error:
            raise TemporalUnavailable(f"The event was not delivered: {unreachable(self._settings.temporal)}") from error

    async def _summary_so_far(
        self, client: Client, handle: WorkflowHandle[VoiceSession, SessionSummary]
    ) -> SessionSummary:
        """The bill of a session whose clean-up takes longer than its caller can wait; `errors` says what is missing."""
        try:
            async with asyncio.timeout(_VIEW_SECONDS):
                view = await handle.query(VoiceSession.view)
        except (*LOST, WorkflowQueryFailedError) as error:
            if not await is_reachable(client):
                raise TemporalUnavailable(_END_FAILED + unreachable(self._settings.temporal)) from error
            raise EndFailed(f"{_END_FAILED}no worker answered; the session ends as soon as one does.") from error
        if view.summary is None:
            raise EndFailed(f"{_END_FAILED}the session is still ending; ask again for its bill.")
        return view.summary


def _session(client: Client, session_id: str) -> WorkflowHandle[VoiceSession, SessionSummary]:
    return client.get_workflow_handle_for(VoiceSession.run, session_id)


async def _ignore_closed(signal: Any) -> None:
    """Send a signal; a workflow that is closed or unknown has no use for it."""
    try:
        await signal
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


def _fate(cause: BaseException) -> str:
    """Why a workflow without a result has none; the text of a crash stays in Temporal."""
    if isinstance(cause, TerminatedError):
        return "the session was terminated in Temporal, so it has no bill."
    return "the session's workflow failed, so it has no bill."
