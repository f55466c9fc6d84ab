"""The same start many times at once, and again after the end: one session, one ticket, one bill."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from api.sessions import TemporalSessions
from contracts import SessionRequest
from identities import new_session_id
from settings import Settings, StackSettings, TemporalSettings
from stack.servers import TEMPORAL, resolve
from temporal_client import LazyClient, connect
from tests.fakes.quiet_activities import QuietActivities
from worker import build_worker
from workflows import search_attributes

pytestmark = pytest.mark.slow

QUEUE = "start-races"
AT_ONCE = 100


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    server = resolve(TEMPORAL, StackSettings())
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(server),
        dev_server_log_level="error",
        search_attributes=search_attributes.ALL,
    ) as env:
        yield await connect(TemporalSettings(address=env.client.service_client.config.target_host))


async def test_a_hundred_equal_starts_make_one_session_and_none_after_its_end(client: Client) -> None:
    temporal = TemporalSettings(address=client.service_client.config.target_host, task_queue=QUEUE)
    settings = replace(Settings(), temporal=temporal)
    sessions = TemporalSessions(LazyClient(settings.temporal), settings)
    request = SessionRequest(session_id=new_session_id(int(time.time())), user_name="ann")
    async with build_worker(client, QuietActivities(), QUEUE):
        tickets = await asyncio.gather(*(sessions.start(request) for _ in range(AT_ONCE)))
        assert len(set(tickets)) == 1
        bill = await sessions.end(request.session_id)
        # The ticket's update is known by its id, also when its run is over: the same ticket, which opens nothing now.
        assert await sessions.start(request) == tickets[0]
        assert await sessions.end(request.session_id) == bill
    runs = [run async for run in client.list_workflows("WorkflowType = 'VoiceSession'")]
    assert [run.id for run in runs] == [request.session_id]
    await sessions.close()
