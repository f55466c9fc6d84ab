"""Counts and owners from a real visibility store."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from api.gateway.session_counts import TemporalSessionCounts
from api.gateway.session_reader import TemporalSessionReader
from api.gateway.sessions import TemporalSessions
from api.gateway.visibility_query import running_query, visibility_query
from api.schemas.session_queries import SessionFilter
from connections.temporal_client import LazyClient
from contracts.identities import new_session_id
from contracts.session import SessionRequest
from contracts.statuses import SessionStatus
from tests.fakes.dev_server import PATIENCE_SECONDS, settings_at

_RUNNING = "WorkflowType = 'VoiceSession' AND ExecutionStatus = 'Running'"


def test_queries() -> None:
    assert running_query() == _RUNNING
    assert running_query(state=SessionStatus.ACTIVE, owner="acme") == (
        f"{_RUNNING} AND SessionState = 'active' AND SessionOwner = 'acme'"
    )
    before = datetime(2026, 11, 23, 15, 21, 20, 123000, tzinfo=UTC)
    assert running_query(started_before=before) == f"{_RUNNING} AND SessionStartedAt < '2026-11-23T15:21:20.123Z'"
    assert " AND SessionOwner = 'acme'" in visibility_query(SessionFilter(), owner="acme")
    assert "SessionOwner" not in visibility_query(SessionFilter())


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_owners_and_counts(server: str, gateway: TemporalSessions, known: TemporalSessionReader) -> None:
    ids = [new_session_id(int(time.time())) for _ in range(3)]
    for session_id, owner in zip(ids, ("acme", "other", ""), strict=True):
        await gateway.start(SessionRequest(session_id=session_id, user_name="ann", owner=owner))
        assert await known.owner(session_id) == owner
    settings = settings_at(server).temporal
    counts = TemporalSessionCounts(LazyClient(settings), settings)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await counts.running() < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await counts.starting_for(-60), await counts.starting_for(60)) == (3, 0)
    assert await counts.in_state(SessionStatus.STARTING, "acme") == 1
    assert await counts.in_state(SessionStatus.STARTING, None) == 3
    assert await counts.workers() == 1
    assert [item.sessionId for item in (await known.find(SessionFilter(), "acme")).sessions] == ids[:1]
