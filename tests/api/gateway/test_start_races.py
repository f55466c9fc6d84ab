"""Concurrent and repeated starts of one session: one join token, one bill."""

from __future__ import annotations

import asyncio
import time

import pytest
from temporalio.client import Client

from api.gateway.sessions import TemporalSessions
from connections.temporal_client import LazyClient
from contracts.identities import new_session_id
from contracts.session import SessionRequest
from errors import JoinTokenFailed, KeyTaken, NoWorkerAnswered, SessionEnded
from tests.fakes.dev_server import QUEUE, settings_at
from tests.fakes.quiet_activities import QuietActivities
from worker import build_worker

pytestmark = pytest.mark.slow

AT_ONCE = 100


def api_at(server: str, start_timeout_seconds: float = 10) -> TemporalSessions:
    """The gateway of another API process."""
    settings = settings_at(server, start_timeout_seconds=start_timeout_seconds)
    return TemporalSessions(LazyClient(settings.temporal), settings)


def keyed(session_id: str, fingerprint: str = "one body") -> SessionRequest:
    return SessionRequest(session_id=session_id, user_name="ann", fingerprint=fingerprint)


async def runs(client: Client) -> list[str]:
    return [run.id async for run in client.list_workflows("WorkflowType = 'VoiceSession'")]


async def test_equal_starts_share_one_session_and_start_none_after_its_end(server: str, client: Client) -> None:
    sessions = api_at(server)
    request = SessionRequest(session_id=new_session_id(int(time.time())), user_name="ann")
    async with build_worker(client, quiet := QuietActivities(), QUEUE, quiet):
        join_tokens = await asyncio.gather(*(sessions.start(request) for _ in range(AT_ONCE)))
        assert len(set(join_tokens)) == 1
        bill = await sessions.end(request.session_id)
        # Temporal keeps the update of a closed run: the same join token, which is no longer valid.
        assert await sessions.start(request) == join_tokens[0]
        assert await sessions.end(request.session_id) == bill
    assert await runs(client) == [request.session_id]
    await sessions.close()


async def test_starts_with_one_key_share_one_session_and_start_none_after_its_end(server: str, client: Client) -> None:
    apis = [api_at(server), api_at(server)]
    request = keyed(new_session_id(int(time.time())))
    async with build_worker(client, quiet := QuietActivities(), QUEUE, quiet):
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


async def test_a_key_can_be_used_again_after_failed_starts(server: str, client: Client) -> None:
    first, second, activities = api_at(server, start_timeout_seconds=1), api_at(server), QuietActivities()
    request = keyed(new_session_id(int(time.time())))
    activities.join_token_error = "the key is not known"
    with pytest.raises(NoWorkerAnswered):
        await first.start(request)
    await first.close()
    async with build_worker(client, activities, QUEUE, activities):
        for _ in range(2):
            with pytest.raises(JoinTokenFailed, match="the key is not known"):
                await second.start(request)
        activities.join_token_error = None
        join_tokens = await asyncio.gather(*(second.start(request) for _ in range(10)))
        assert len(set(join_tokens)) == 1
        await second.end(request.session_id)
    await second.close()


async def test_a_terminated_session_is_not_started_again(server: str, client: Client) -> None:
    api, request = api_at(server), keyed(new_session_id(int(time.time())))
    async with build_worker(client, quiet := QuietActivities(), QUEUE, quiet):
        await api.start(request)
        await client.get_workflow_handle(request.session_id).terminate()
        with pytest.raises(SessionEnded):
            await api.start(request)
    await api.close()
