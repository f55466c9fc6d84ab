"""Reads sessions from Temporal: lists, the state of one, its transcript and its metadata. It changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Protocol

from temporalio.client import WorkflowExecutionStatus

from api.gateway import session_mapping
from api.gateway.rpc_errors import temporal_call
from api.gateway.session_handle import ANSWER_SECONDS, SessionHandle, open_session
from api.gateway.visibility_query import open_page_token, seal_page_token, visibility_query
from api.schemas.session_queries import SessionFilter, SessionListResponse, SessionResponse
from connections.payload_encryption import key_ring
from connections.temporal_client import LazyClient
from contracts.search_attributes import OWNER
from contracts.statuses import SessionStatus
from contracts.turns import Turn
from settings import TemporalSettings
from workflows.voice_session import VoiceSession

_METADATA_SECONDS = 1.0
"""Metadata is optional in the answer to an end, which does not wait longer for it."""


class SessionReader(Protocol):
    """Sessions as the routes read them. Every call may raise `TemporalUnavailable`."""

    async def find(self, wanted: SessionFilter, owner: str | None = None) -> SessionListResponse:
        """One page of the matching sessions of `owner`, or of all. Raises `InvalidInput` for a damaged page token."""

    async def owner(self, session_id: str) -> str:
        """The owner of the API key that started the session, or an empty text. Raises `SessionNotFound`."""

    async def state(self, session_id: str) -> SessionResponse:
        """One session, live or ended. Raises `SessionNotFound`."""

    async def transcript(self, session_id: str) -> tuple[Turn, ...]:
        """The turns so far, in order. Raises `SessionNotFound`, `NoWorkerAnswered`."""

    async def metadata(self, session_id: str) -> dict[str, Any] | None:
        """The metadata given at the start, or None when it cannot be read. Raises `SessionNotFound`."""


class TemporalSessionReader:
    """`SessionReader` from Temporal alone: descriptions, queries and the visibility store."""

    def __init__(self, client: LazyClient, settings: TemporalSettings) -> None:
        self._client = client
        self._settings = settings
        self._keys = key_ring(settings)

    async def find(self, wanted: SessionFilter, owner: str | None = None) -> SessionListResponse:
        """One call for any number of sessions: the list includes search attributes and memos."""
        query = visibility_query(wanted, self._keys, owner)
        token = open_page_token(wanted.pageToken, query)
        client = await self._client.get()
        found = client.list_workflows(
            query, page_size=wanted.pageSize, next_page_token=token, rpc_timeout=timedelta(seconds=ANSWER_SECONDS)
        )
        async with temporal_call(self._settings, ANSWER_SECONDS):
            await found.fetch_next_page()
        items = [await session_mapping.item(execution) for execution in found.current_page or ()]
        return SessionListResponse(sessions=items, nextPageToken=seal_page_token(found.next_page_token, query))

    async def owner(self, session_id: str) -> str:
        """A search attribute, which Temporal updates in a description without delay."""
        session = await self._open(session_id)
        return (await session.describe()).typed_search_attributes.get(OWNER, "")

    async def state(self, session_id: str) -> SessionResponse:
        """A live session is queried; an ended one has a result."""
        session = await self._open(session_id)
        described = await session.describe()
        is_running = described.status is WorkflowExecutionStatus.RUNNING
        if is_running:
            view = await session.view()
            if view is None or view.state is not SessionStatus.ENDED:
                return await session_mapping.live(described, view)
        # It has ended, or its result comes at any moment.
        record = await session.record()
        if is_running:
            described = await session.describe()
        return await session_mapping.ended(described, record)

    async def transcript(self, session_id: str) -> tuple[Turn, ...]:
        """A live session is queried; an ended one has a record."""
        session = await self._open(session_id)
        return await session.read(
            lambda log: log.turns, lambda: session.workflow.query(VoiceSession.transcript), "transcript"
        )

    async def metadata(self, session_id: str) -> dict[str, Any] | None:
        """From the memo."""
        session = await self._open(session_id)
        memo = await session_mapping.memo(await session.describe(_METADATA_SECONDS))
        return None if memo is None else memo.metadata

    async def _open(self, session_id: str) -> SessionHandle:
        return await open_session(self._client, self._settings, session_id)
