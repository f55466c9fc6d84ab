"""Reads a session's event log: pages by query or from its record, and changes by Temporal's long poll."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Protocol

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse
from temporalio.service import RPCStatusCode

from api.gateway.rpc_errors import has_status, temporal_call
from api.gateway.session_handle import SessionHandle, open_session
from connections.temporal_client import LazyClient
from contracts.events import EventsPage, EventsRequest
from errors import TemporalUnavailable
from settings import TemporalSettings
from workflows.voice_session import VoiceSession

_POLL_SECONDS = 60.0
"""Temporal answers after 20 s when there is nothing new; this is for a server that hangs."""


class Changes(Protocol):
    """One follower's position in a session. No change is reported twice."""

    async def wait(self) -> bool:
        """Wait until something may have happened. True, or False once the session is closed and nothing follows.

        Raises `SessionNotFound`, `TemporalUnavailable`; wait again to continue from the same position.
        """


class EventSource(Protocol):
    """The event logs of all sessions. Every call may raise `SessionNotFound` and `TemporalUnavailable`."""

    def pages(self, session_id: str, after: int) -> AsyncIterator[EventsPage]:
        """The log after this number, at least one page. Raises `NoWorkerAnswered`.

        A page `is_over` also when the workflow was closed before, for any reason.
        """

    def changes(self, session_id: str) -> Changes:
        """Changes from the beginning of the session; past ones are reported at once."""


class TemporalEventSource:
    """`EventSource` from Temporal. A quiet session costs one open call, which Temporal answers every 20 s."""

    def __init__(self, client: LazyClient, settings: TemporalSettings) -> None:
        self._client = client
        self._settings = settings

    async def pages(self, session_id: str, after: int) -> AsyncIterator[EventsPage]:
        """A worker answers for a live session, page by page; the record of an ended one is read once."""
        session = await open_session(self._client, self._settings, session_id)
        while True:
            page = await _page(session, EventsRequest(after=after))
            yield page.model_copy(update={"is_over": page.is_over or session.has_closed})
            if not page.events or page.events[-1].id >= page.last:
                break
            after = page.events[-1].id

    def changes(self, session_id: str) -> Changes:
        """Reads the history once, without decoding payloads, and waits at its end."""
        return _HistoryChanges(self._client, self._settings, session_id)


async def _page(session: SessionHandle, request: EventsRequest) -> EventsPage:
    return await session.read(
        lambda log: log.page(request), lambda: session.workflow.query(VoiceSession.events, request), "events"
    )


class _HistoryChanges:
    def __init__(self, client: LazyClient, settings: TemporalSettings, session_id: str) -> None:
        self._client = client
        self._settings = settings
        self._session_id = session_id
        self._run_id = ""  # the latest
        self._token = b""
        self._is_closed = False

    async def wait(self) -> bool:
        """A workflow changes only in its tasks: a signal that no worker has taken yet is not a change."""
        while not self._is_closed:
            answer = await self._poll()
            events = answer.history.events
            self._token = answer.next_page_token
            if not self._token:  # this run is closed
                self._run_id = _next_run(events)
                self._is_closed = not self._run_id
            elif not any(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for event in events):
                continue
            return not self._is_closed
        return False

    async def _poll(self) -> GetWorkflowExecutionHistoryResponse:
        client = await self._client.get()
        request = GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=self._session_id, run_id=self._run_id),
            next_page_token=self._token,
            wait_new_event=True,
            skip_archival=True,
        )
        poll = client.workflow_service.get_workflow_execution_history
        try:
            async with temporal_call(self._settings, _POLL_SECONDS, self._session_id):
                # The SDK's own retries would be silent for minutes; followers have a retry loop of their own.
                return await poll(request, retry=False, timeout=timedelta(seconds=_POLL_SECONDS))
        except TemporalUnavailable as error:
            if has_status(error.__cause__, RPCStatusCode.INVALID_ARGUMENT):
                self._token = b""  # Temporal has forgotten the token: read the run from its beginning
            raise


def _next_run(events: Sequence[HistoryEvent]) -> str:
    """The id of the run that follows by continue-as-new, or an empty text."""
    return events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id if events else ""
