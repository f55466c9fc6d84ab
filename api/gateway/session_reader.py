"""The gateway to what is known of sessions: lists, the state of one, what was said. It changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

from api.gateway import session_mapping, worker_query
from api.gateway.outages import LOST, unreachable
from api.gateway.visibility_query import open_page_token, seal_page_token, visibility_query
from api.schemas.session_queries import SessionFilter, SessionListResponse, SessionResponse
from connections.payload_encryption import key_ring
from connections.temporal_client import LazyClient
from contracts.identities import is_session_id
from contracts.search_attributes import OWNER
from contracts.session import SessionSummary, SessionView
from contracts.statuses import SessionStatus
from contracts.turns import Turn
from errors import SessionNotFound, TemporalUnavailable
from settings import TemporalSettings
from workflows.voice_session import VoiceSession

_ANSWER_SECONDS = 5.0
_METADATA_SECONDS = 1.0
"""An end that has been made waits no longer for what it may do without."""
_VIEW_SECONDS = 2.0
"""How long the state of one session waits for a worker before it is told from what Temporal itself knows."""

T = TypeVar("T")


class SessionReader(Protocol):
    """What is known of sessions, as the routes see it. Every call may raise `TemporalUnavailable`."""

    async def find(self, wanted: SessionFilter, owner: str | None = None) -> SessionListResponse:
        """One page of the sessions of `owner`, or of all, that match. Raises `InvalidInput` for a damaged token."""

    async def owner(self, session_id: str) -> str:
        """Whose API key started the session; empty where there was none. Raises `SessionNotFound`."""

    async def state(self, session_id: str) -> SessionResponse:
        """One session, live or ended. Raises `SessionNotFound`."""

    async def transcript(self, session_id: str) -> tuple[Turn, ...]:
        """What was said so far, in order. Raises `SessionNotFound`, `NoWorkerAnswered`."""

    async def metadata(self, session_id: str) -> dict[str, Any] | None:
        """What the caller gave at the start, or None when it cannot be read. Raises `SessionNotFound`."""


class TemporalSessionReader:
    """`SessionReader` from Temporal alone: descriptions, queries and the visibility store."""

    def __init__(self, client: LazyClient, settings: TemporalSettings) -> None:
        self._client = client
        self._settings = settings
        self._keys = key_ring(settings)

    async def find(self, wanted: SessionFilter, owner: str | None = None) -> SessionListResponse:
        """One call, whatever the number of sessions: attributes and memo come with the list."""
        query = visibility_query(wanted, self._keys, owner)
        token = open_page_token(wanted.pageToken, query)
        client = await self._client.get()
        found = client.list_workflows(
            query, page_size=wanted.pageSize, next_page_token=token, rpc_timeout=timedelta(seconds=_ANSWER_SECONDS)
        )
        await self._answer(found.fetch_next_page())
        items = [await session_mapping.item(execution) for execution in found.current_page or ()]
        return SessionListResponse(sessions=items, nextPageToken=seal_page_token(found.next_page_token, query))

    async def owner(self, session_id: str) -> str:
        """From its search attributes, which Temporal tells of one session without delay."""
        handle = await self._handle(session_id)
        described = await self._answer(handle.describe(), session_id)
        return described.typed_search_attributes.get(OWNER, "")

    async def state(self, session_id: str) -> SessionResponse:
        """A live one tells by itself; of an ended one its result remains."""
        handle = await self._handle(session_id)
        described = await self._answer(handle.describe(), session_id)
        if described.status is WorkflowExecutionStatus.RUNNING:
            view = await self._view(handle)
            if view is None or view.state is not SessionStatus.ENDED:
                return await session_mapping.live(described, view)
        # It has ended, or does so at this moment; the result comes when it has.
        summary = await self._answer(_summary(handle), session_id)
        if described.status is WorkflowExecutionStatus.RUNNING:
            described = await self._answer(handle.describe(), session_id)
        return await session_mapping.ended(described, summary)

    async def transcript(self, session_id: str) -> tuple[Turn, ...]:
        """A worker reads it from the history, also of a closed workflow."""
        client = await self._client.get()
        handle = await self._handle(session_id)
        question = handle.query(VoiceSession.transcript)
        return await worker_query.answer(
            question, session_id=session_id, what="transcript", nothing=(), client=client, settings=self._settings
        )

    async def metadata(self, session_id: str) -> dict[str, Any] | None:
        """From the memo."""
        handle = await self._handle(session_id)
        described = await self._answer(handle.describe(), session_id, _METADATA_SECONDS)
        card = await session_mapping.card(described)
        return None if card is None else card.metadata

    async def _handle(self, session_id: str) -> WorkflowHandle[VoiceSession, SessionSummary]:
        if not is_session_id(session_id):
            raise _not_found(session_id)
        client = await self._client.get()
        return client.get_workflow_handle_for(VoiceSession.run, session_id)

    async def _answer(self, question: Awaitable[T], session_id: str = "", seconds: float = _ANSWER_SECONDS) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await question
        except LOST as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND and session_id:
                raise _not_found(session_id) from error
            if isinstance(error, RPCError) and error.status is RPCStatusCode.INVALID_ARGUMENT:
                raise TemporalUnavailable("Temporal refused the question; workers log what it lacks.") from error
            raise TemporalUnavailable(unreachable(self._settings)) from error

    async def _view(self, handle: WorkflowHandle[VoiceSession, SessionSummary]) -> SessionView | None:
        """What the workflow itself says; None when no worker answers."""
        try:
            async with asyncio.timeout(_VIEW_SECONDS):
                return await handle.query(VoiceSession.view)
        except (*LOST, WorkflowQueryFailedError):
            return None


def _not_found(session_id: str) -> SessionNotFound:
    return SessionNotFound(f"Session {session_id} not found")


async def _summary(handle: WorkflowHandle[VoiceSession, SessionSummary]) -> SessionSummary | None:
    """The bill; None for a session that was terminated or failed."""
    try:
        return await handle.result()
    except WorkflowFailureError:
        return None
