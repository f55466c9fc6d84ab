"""A handle to one session's workflow, whose calls are limited in time and raise the project's errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.api.errordetails.v1 import WorkflowNotReadyFailure
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

from api.gateway.rpc_errors import has_status, is_outage, no_answer, temporal_call
from connections.temporal_client import LazyClient
from contracts.identities import is_session_id
from contracts.session import SessionRecord, SessionView
from contracts.session_log import SessionLog
from errors import NoWorkerAnswered, SessionNotFound
from settings import TemporalSettings
from workflows.voice_session import VoiceSession

ANSWER_SECONDS = 5.0
_VIEW_SECONDS = 2.0

T = TypeVar("T")


async def open_session(client: LazyClient, settings: TemporalSettings, session_id: str) -> SessionHandle:
    """A handle to the session. Raises `SessionNotFound` for an id of another form, as other workflows have."""
    if not is_session_id(session_id):
        raise SessionNotFound(session_id)
    return SessionHandle(await client.get(), settings, session_id)


class SessionHandle:
    """`workflow` is the SDK's handle, for calls whose errors the caller maps."""

    def __init__(self, client: Client, settings: TemporalSettings, session_id: str) -> None:
        self.id = session_id
        self.client = client
        self.workflow: WorkflowHandle[VoiceSession, SessionRecord] = client.get_workflow_handle_for(
            VoiceSession.run, session_id
        )
        self.has_closed = False
        """The workflow was closed when it was last read; nothing changes any more."""
        self._settings = settings
        self._log: SessionLog | None = None

    async def describe(self, seconds: float = ANSWER_SECONDS) -> WorkflowExecutionDescription:
        """Temporal's description, which needs no worker. Raises `SessionNotFound`, `TemporalUnavailable`."""
        async with temporal_call(self._settings, seconds, self.id):
            return await self.workflow.describe()

    async def view(self) -> SessionView | None:
        """The workflow's own view, or None when no worker answers."""
        try:
            async with asyncio.timeout(_VIEW_SECONDS):
                return await self.workflow.query(VoiceSession.view)
        except Exception as error:
            if is_outage(error) or isinstance(error, WorkflowQueryFailedError):
                return None
            raise

    async def record(self) -> SessionRecord | None:
        """The workflow's result, which needs no worker once it is there; None if it was terminated or failed.

        Raises `SessionNotFound`, `TemporalUnavailable`.
        """
        async with temporal_call(self._settings, ANSWER_SECONDS, self.id):
            try:
                return await self.workflow.result()
            except WorkflowFailureError:
                return None

    async def read(self, of: Callable[[SessionLog], T], query: Callable[[], Awaitable[T]], what: str) -> T:
        """Read `of` an ended session's log; without one a worker answers `query`, which reads the same.

        Raises `SessionNotFound`, `NoWorkerAnswered` with a text that names `what`, `TemporalUnavailable`.
        """
        if (log := await self._ended_log()) is not None:
            return of(log)
        try:
            return await self._answer(query(), what, nothing=of(SessionLog(session_id=self.id)))
        except NoWorkerAnswered:
            if (log := await self._ended_log()) is None:
                raise
            return of(log)  # it has closed meanwhile

    async def _ended_log(self) -> SessionLog | None:
        """The log in the record, read once; None for a live session, and for one that closed without it."""
        if not self.has_closed and (await self.describe()).status is not WorkflowExecutionStatus.RUNNING:
            record = await self.record()
            self.has_closed, self._log = True, None if record is None else record.log
        return self._log

    async def _answer(self, query: Awaitable[T], what: str, nothing: T) -> T:
        """A worker's answer to `query`; `nothing` for a session that closed before a worker took it."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await query
        except Exception as error:
            if has_status(error, RPCStatusCode.NOT_FOUND):
                raise SessionNotFound(self.id) from error
            if _never_began(error):
                return nothing
            if is_outage(error) or isinstance(error, WorkflowQueryFailedError):
                no_worker = f"No worker could read the {what} in time; ask again."
                raise await no_answer(self.client, self._settings, no_worker) from error
            raise


async def send(signal: Awaitable[None]) -> None:
    """Send a signal, and ignore that its workflow is closed or unknown."""
    try:
        await signal
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


def _never_began(error: Exception) -> bool:
    """True if Temporal reports that no worker has taken the workflow, so that nothing happened in it."""
    details = error.grpc_status.details if isinstance(error, RPCError) else ()
    return any(detail.Is(WorkflowNotReadyFailure.DESCRIPTOR) for detail in details)
