"""The gateway to a session's event log: its pages by query, and news of it by Temporal's own long poll."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Protocol, TypeVar

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
)
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from api.gateway import worker_query
from api.gateway.outages import LOST, unreachable
from connections.temporal_client import LazyClient
from contracts.events import EventsPage, EventsRequest
from contracts.identities import is_session_id
from errors import SessionNotFound, TemporalUnavailable
from settings import TemporalSettings
from workflows.voice_session import VoiceSession

_ANSWER_SECONDS = 5.0
_LONGEST_POLL = timedelta(seconds=60)
"""Temporal answers after 20 s when there is nothing new; this is for one that stands still."""

T = TypeVar("T")


class News(Protocol):
    """Where one follower of a session stands; what was waited for once does not come again."""

    async def wait(self) -> bool:
        """Return when something may have happened: True, or False once the session is closed and nothing will.

        Raises `SessionNotFound`, `TemporalUnavailable`; wait again to go on from the same place.
        """


class EventSource(Protocol):
    """The event logs of all sessions. Every call may raise `SessionNotFound` and `TemporalUnavailable`."""

    async def is_closed(self, session_id: str) -> bool:
        """Whether the session is over for Temporal, by whatever way."""

    async def events(self, session_id: str, request: EventsRequest) -> EventsPage:
        """One page of the log. Raises `NoWorkerAnswered`."""

    def news(self, session_id: str) -> News:
        """News of the session from its beginning on: what is old news by now comes at once."""


class TemporalEventSource:
    """`EventSource` from Temporal. An idle session costs one open call, which Temporal answers every 20 s."""

    def __init__(self, client: LazyClient, settings: TemporalSettings) -> None:
        self._client = client
        self._settings = settings

    async def is_closed(self, session_id: str) -> bool:
        """From its description, which needs no worker."""
        if not is_session_id(session_id):
            raise SessionNotFound(f"Session {session_id} not found")
        client = await self._client.get()
        question = asyncio.wait_for(client.get_workflow_handle(session_id).describe(), _ANSWER_SECONDS)
        described = await _answered(question, session_id, self._settings)
        return described.status is not WorkflowExecutionStatus.RUNNING

    async def events(self, session_id: str, request: EventsRequest) -> EventsPage:
        """A worker answers, from its memory or from the history, also for a closed workflow."""
        client = await self._client.get()
        return await worker_query.answer(
            client.get_workflow_handle(session_id).query(VoiceSession.events, request),
            session_id=session_id,
            what="events",
            nothing=EventsPage(),
            client=client,
            settings=self._settings,
        )

    def news(self, session_id: str) -> News:
        """Reads through the history once, without a payload being decoded, and waits at its end."""
        return _HistoryNews(self._client, self._settings, session_id)


class _HistoryNews:
    def __init__(self, client: LazyClient, settings: TemporalSettings, session_id: str) -> None:
        self._client = client
        self._settings = settings
        self._session_id = session_id
        self._run_id = ""  # the latest
        self._token = b""
        self._is_closed = False

    async def wait(self) -> bool:
        """A workflow changes in its tasks alone: signals that no worker has taken yet are no news."""
        while not self._is_closed:
            answer = await self._poll()
            events = answer.history.events
            self._token = answer.next_page_token
            if not self._token:  # this run is over
                self._run_id = _next_run(events)
                self._is_closed = not self._run_id
            elif not any(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for event in events):
                continue
            return not self._is_closed
        return False

    async def _poll(self) -> GetWorkflowExecutionHistoryResponse:
        client = await self._client.get()
        try:
            return await _answered(self._ask(client), self._session_id, self._settings)
        except TemporalUnavailable as error:
            if isinstance(error.__cause__, RPCError) and error.__cause__.status is RPCStatusCode.INVALID_ARGUMENT:
                self._token = b""  # of a Temporal that has forgotten it: from the run's beginning again
            raise

    def _ask(self, client: Client) -> Awaitable[GetWorkflowExecutionHistoryResponse]:
        request = GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=self._session_id, run_id=self._run_id),
            next_page_token=self._token,
            wait_new_event=True,
            skip_archival=True,
        )
        # Not repeated by the SDK, which would do so for minutes in silence: who waits has a pace of its own.
        return client.workflow_service.get_workflow_execution_history(request, retry=False, timeout=_LONGEST_POLL)


def _next_run(events: Sequence[HistoryEvent]) -> str:
    """The run that a continued one goes on in; empty where it has ended for good."""
    return events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id if events else ""


async def _answered(question: Awaitable[T], session_id: str, settings: TemporalSettings) -> T:
    """What Temporal itself answers. Raises `SessionNotFound`, `TemporalUnavailable`."""
    try:
        return await question
    except LOST as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            raise SessionNotFound(f"Session {session_id} not found") from error
        raise TemporalUnavailable(unreachable(settings)) from error
