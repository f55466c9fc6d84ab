"""Concurrent and repeated starts of one session: one join token, one bill."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from api.gateway.sessions import TemporalSessions
from connections.temporal_client import LazyClient, connect
from contracts import search_attributes
from contracts.identities import new_session_id
from contracts.session import SessionRequest
from errors import JoinTokenFailed, KeyTaken, NoWorkerAnswered, SessionEnded
from settings import ApiSettings, Settings, StackSettings, TemporalSettings
from stack.servers.find import TEMPORAL, resolve
from tests.fakes.quiet_activities import QuietActivities
from worker import build_worker

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


def api_at(client: Client, start_timeout_seconds: float = 10) -> TemporalSessions:
    """The gateway of another API process."""
    temporal = TemporalSettings(address=client.service_client.config.target_host, task_queue=QUEUE)
    settings = replace(Settings(), temporal=temporal, api=ApiSettings(start_timeout_seconds=start_timeout_seconds))
    return TemporalSessions(LazyClient(settings.temporal), settings)


def keyed(session_id: str, fingerprint: str = "one body") -> SessionRequest:
    return SessionRequest(session_id=session_id, user_name="ann", fingerprint=fingerprint)


async def runs(client: Client) -> list[str]:
    return [run.id async for run in client.list_workflows("WorkflowType = 'VoiceSession'")]


async def test_equal_starts_share_one_session_and_start_none_after_its_end(client: Client) -> None:
    sessions = api_at(client)
    request = SessionRequest(session_id=new_session_id(int(time.time())), user_name="ann")
    async with build_worker(client, QuietActivities(), QUEUE):
        join_tokens = await asyncio.gather(*(sessions.start(request) for _ in range(AT_ONCE)))
        assert len(set(join_tokens)) == 1
        bill = await sessions.end(request.session_id)
        # Temporal keeps the update of a closed run: the same join token, which is no longer valid.
        assert await sessions.start(request) == join_tokens[0]
        assert await sessions.end(request.session_id) == bill
    assert await runs(client) == [request.session_id]
    await sessions.close()


async def test_starts_with_one_key_share_one_session_and_start_none_after_its_end(client: Client) -> None:
    apis = [api_at(client), api_at(client)]
    request = keyed(new_session_id(int(time.time())))
    async with build_worker(client, QuietActivities(), QUEUE):
        join_tokens = await asyncio.gather(*(apis[number % 2].start(request) for number in range(AT_ONCE)))
        assert len(set(join_tokens)) == 1
        with pytest.raises(KeyTaken):
            await apis[0].start(keyed(request.session_id, "another body"))
        assert await apis[1].rejoin(request.session_id) == join_tokens[0]
        await apis[0].end(request.session_id)
        for attempt in (apis[0].start(request), apis[1].rejoin(request.session_id)):
            with pytest.raises(SessionEnded):
                await attempt
    assert await runs(client) == [request.session_id]
    for api in apis:
        await api.close()


async def test_a_key_can_be_used_again_after_failed_starts(client: Client) -> None:
    first, second, activities = api_at(client, start_timeout_seconds=1), api_at(client), QuietActivities()
    request = keyed(new_session_id(int(time.time())))
    activities.join_token_error = "the key is not known"
    with pytest.raises(NoWorkerAnswered):
        await first.start(request)
    await first.close()
    async with build_worker(client, activities, QUEUE):
        for _ in range(2):
            with pytest.raises(JoinTokenFailed, match="the key is not known"):
                await second.start(request)
        activities.join_token_error = None
        join_tokens = await asyncio.gather(*(second.start(request) for _ in range(10)))
        assert len(set(join_tokens)) == 1
        await second.end(request.session_id)
    await second.close()


async def test_a_terminated_session_is_not_started_again(client: Client) -> None:
    api, request = api_at(client), keyed(new_session_id(int(time.time())))
    async with build_worker(client, QuietActivities(), QUEUE):
        await api.start(request)
        await client.get_workflow_handle(request.session_id).terminate()
        with pytest.raises(SessionEnded):
            await api.start(request)
    await api.close()
