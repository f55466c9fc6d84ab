"""The gateway on a real Temporal dev server, with the real workflow and quiet activities."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from api.gateway.sessions import TemporalSessions
from api.monitoring.health import Health
from connections.temporal_client import LazyClient
from contracts import search_attributes
from contracts.identities import new_session_id
from contracts.limits import SessionLimits
from contracts.room import Presence, RoomFinished
from contracts.session import SessionRecord, SessionRequest
from contracts.statuses import EndReason
from errors import EndFailed, JoinTokenFailed, NoPlace, NoWorkerAnswered, SessionNotFound, TemporalUnavailable
from tests.fakes.dev_server import QUEUE, settings_at
from tests.fakes.quiet_activities import QuietActivities
from worker import build_worker
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.slow


def _request(**fields: Any) -> SessionRequest:
    return SessionRequest(session_id=new_session_id(int(time.time())), user_name="test", **fields)


async def _open_sessions(client: Client) -> list[str]:
    return [found.id async for found in client.list_workflows("ExecutionStatus = 'Running'")]


def _presence(at_ms: int) -> Presence:
    return Presence(participant_sid="PA_1", identity="user_test", kind="joined", at_ms=at_ms, source="webhook")


@pytest.mark.usefixtures("worker")
async def test_start_presence_and_end(gateway: TemporalSessions, client: Client) -> None:
    request = _request()
    join_token = await gateway.start(request)
    assert (join_token.session_id, join_token.room_name, join_token.token) == (request.session_id,) * 2 + (
        "header.claims.signature",
    )

    description = await client.get_workflow_handle(request.session_id).describe()
    assert description.typed_search_attributes[search_attributes.USER] == "test"
    assert await description.static_summary() == "Voice session with Ashley"

    await gateway.presence(request.session_id, _presence(int(time.time() * 1000)))
    first, *others = await asyncio.gather(*(gateway.end(request.session_id) for _ in range(8)))
    assert first.end_reason is EndReason.API_REQUEST
    assert (first.workflow_completed, first.agent_stopped, first.room_deleted, first.errors) == (True, True, True, ())
    assert others == [first] * 7
    assert await gateway.end(request.session_id) == first
    await gateway.presence(request.session_id, _presence(0))  # late, so ignored
    assert not await _open_sessions(client)


@pytest.mark.usefixtures("worker")
async def test_a_session_cancelled_in_temporals_ui_has_a_bill(gateway: TemporalSessions, client: Client) -> None:
    request = _request()
    await gateway.start(request)
    handle = client.get_workflow_handle(request.session_id)
    await handle.cancel()
    await handle.result()
    assert (await gateway.end(request.session_id)).end_reason is EndReason.CANCELLED


@pytest.mark.usefixtures("worker")
async def test_a_terminated_session_has_no_bill(gateway: TemporalSessions, client: Client) -> None:
    request = _request()
    await gateway.start(request)
    await client.get_workflow_handle(request.session_id).terminate()
    with pytest.raises(EndFailed, match=r"^Failed to end session: the session was terminated"):
        await gateway.end(request.session_id)


@pytest.mark.usefixtures("worker")
async def test_room_finished_ends_the_session(gateway: TemporalSessions, client: Client) -> None:
    request = _request()
    await gateway.start(request)
    await gateway.room_finished(request.session_id, RoomFinished(at_ms=int(time.time() * 1000)))
    await client.get_workflow_handle(request.session_id).result()
    assert (await gateway.end(request.session_id)).end_reason is EndReason.ROOM_FINISHED


@pytest.mark.usefixtures("server")
async def test_unknown_sessions(gateway: TemporalSessions) -> None:
    for session_id in (new_session_id(1_700_000_000), "session_123", "lobby", "../x"):
        with pytest.raises(SessionNotFound, match=rf"^Session {session_id} not found$"):
            await gateway.end(session_id)
    await gateway.presence(new_session_id(1_700_000_000), _presence(0))


@pytest.mark.usefixtures("worker")
async def test_no_join_token(gateway: TemporalSessions, client: Client, activities: QuietActivities) -> None:
    activities.join_token_error = "the key is not known"
    request = _request()
    with pytest.raises(JoinTokenFailed, match=r"^LiveKit token generation failed: .*the key is not known"):
        await gateway.start(request)
    await client.get_workflow_handle(request.session_id).result()
    assert not await _open_sessions(client)


@pytest.mark.usefixtures("worker")
async def test_a_slow_end_lists_what_is_missing(
    gateway: TemporalSessions, client: Client, activities: QuietActivities
) -> None:
    request = _request()
    await gateway.start(request)
    await gateway.presence(request.session_id, _presence(time.time_ns() // 1_000_000))
    activities.livekit_answers.clear()
    with pytest.raises(EndFailed, match="still ending"):
        await gateway.end(request.session_id)
    so_far = await gateway.end(request.session_id)
    assert (so_far.room_deleted, so_far.workflow_completed) == (False, False)
    assert so_far.errors
    activities.livekit_answers.set()
    await client.get_workflow_handle(request.session_id).result()
    final = await gateway.end(request.session_id)
    assert (final.room_deleted, final.errors) == (True, ())
    assert final.duration_seconds == so_far.duration_seconds


async def test_no_worker_leaves_nothing_behind(impatient: TemporalSessions, client: Client) -> None:
    request = _request()
    began = time.monotonic()
    with pytest.raises(NoWorkerAnswered, match=r"^Failed to queue voice agent spawn task: no worker answered"):
        await impatient.start(request)
    assert time.monotonic() - began < 8
    with pytest.raises(Exception, match="Workflow execution failed"):
        await client.get_workflow_handle(request.session_id).result()
    description = await client.get_workflow_handle(request.session_id).describe()
    assert description.status is WorkflowExecutionStatus.TERMINATED
    assert not await _open_sessions(client)


async def test_starts_are_refused_at_once_while_launches_wait_for_agents(client: Client, server: str) -> None:
    settings = settings_at(server)
    settings = replace(settings, temporal=settings.temporal.model_copy(update={"agent_task_queue": "nobody-polls"}))
    gateway = TemporalSessions(LazyClient(settings.temporal), settings)
    waiting: list[str] = []
    async with build_worker(client, QuietActivities(), QUEUE):
        with pytest.raises(NoPlace, match=r"^No agent host is running"):
            async with asyncio.timeout(30):
                while True:
                    request = _request(agent_task_queue="nobody-polls", limits=SessionLimits(agent_wait_seconds=0.5))
                    began = time.monotonic()
                    await gateway.start(request)
                    waiting.append(request.session_id)
                    await asyncio.sleep(0.3)
        assert time.monotonic() - began < 0.5
        assert len(waiting) > 1
        await asyncio.gather(*(gateway.end(session_id) for session_id in waiting))


async def test_a_caller_who_waits_in_vain_for_an_agent_is_not_billed(gateway: TemporalSessions, client: Client) -> None:
    request = _request(agent_task_queue="nobody-polls", limits=SessionLimits(agent_wait_seconds=0))
    async with build_worker(client, QuietActivities(), QUEUE):
        await gateway.start(request)
        await gateway.presence(request.session_id, _presence(time.time_ns() // 1_000_000))
        handle: WorkflowHandle[VoiceSession, SessionRecord] = client.get_workflow_handle_for(
            VoiceSession.run, request.session_id
        )
        summary = await handle.result()
    assert summary.end_reason is EndReason.AGENT_UNAVAILABLE
    assert (summary.duration_seconds, summary.duration_minutes, summary.generations) == (0, 0, 1)
    assert summary.workflow_completed


async def test_temporal_down() -> None:
    settings = settings_at("127.0.0.1:9", start_timeout_seconds=1.5)
    gateway = TemporalSessions(LazyClient(settings.temporal), settings)
    request = _request()
    began = time.monotonic()
    with pytest.raises(TemporalUnavailable, match=r"^Failed to queue voice agent spawn task: Temporal is unreachable"):
        await gateway.start(request)
    with pytest.raises(TemporalUnavailable, match=r"^Failed to end session: Temporal is unreachable"):
        await gateway.end(request.session_id)
    assert time.monotonic() - began < 10
    began = time.monotonic()
    with pytest.raises(TemporalUnavailable, match="not delivered"):
        await gateway.presence(request.session_id, _presence(0))
    assert time.monotonic() - began < 4, "LiveKit holds a room's other webhooks up meanwhile"
    await gateway.close()


async def test_health_finds_workers(server: str, client: Client, activities: QuietActivities) -> None:
    settings = settings_at(server)
    seconds = count(0, 2)  # no result is reused
    health = Health(LazyClient(settings.temporal), settings, clock=lambda: next(seconds))
    before = await health.check()
    assert (before.temporal_connected, before.workers_available) == (True, False)
    async with build_worker(client, activities, QUEUE, activities):
        gateway = TemporalSessions(LazyClient(settings.temporal), settings)
        await gateway.start(request := _request())
        assert (await health.check()).workers_available
        await gateway.end(request.session_id)
