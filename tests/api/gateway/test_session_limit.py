"""Limits on live sessions hold over several API processes, and no slot stays taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from api.app import create_app
from api.gateway.session_limit import SessionLimit
from api.gateway.sessions import TemporalSessions
from connections.temporal_client import LazyClient
from contracts.identities import new_session_id
from contracts.session import SessionRequest
from contracts.slots import slots_id
from errors import JoinTokenFailed, KeyTaken, NoPlace
from settings import Settings, TemporalSettings
from tests.fakes.asgi_client import client_of
from tests.fakes.dev_server import PATIENCE_SECONDS, QUEUE, settings_at
from tests.fakes.quiet_activities import QuietActivities
from tests.fakes.sessions import FakeSessions
from tests.workflows.dev_server import dev_server
from worker import build_worker

AT_ONCE = 40

NewApi = Callable[..., TemporalSessions]


def _limited(server: str, **limits: int) -> Settings:
    settings = settings_at(server, start_timeout_seconds=5)
    return replace(settings, api=settings.api.model_copy(update=limits))


@pytest.fixture
async def new_api(server: str, client: Client) -> AsyncIterator[NewApi]:
    """Makes API processes, of which each knows nothing of the others."""
    made: list[TemporalSessions] = []

    def make(**limits: int) -> TemporalSessions:
        settings = _limited(server, **limits)
        made.append(TemporalSessions(LazyClient(settings.temporal), settings))
        return made[-1]

    yield make
    async for left in client.list_workflows("ExecutionStatus = 'Running'"):  # the worker waits for their agents
        with suppress(RPCError):
            await client.get_workflow_handle(left.id).terminate()
    for api in made:
        await api.close()


def _request(owner: str = "", fingerprint: str = "") -> SessionRequest:
    return SessionRequest(
        session_id=new_session_id(int(time.time())), user_name="ann", owner=owner, fingerprint=fingerprint
    )


async def _starts(api: TemporalSessions, request: SessionRequest) -> bool:
    """False without a free place."""
    try:
        await api.start(request)
    except NoPlace:
        return False
    return True


async def _starts_soon(api: TemporalSessions) -> SessionRequest:
    """A session that starts once there is a place."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await _starts(api, request := _request()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return request


async def _running(client: Client) -> int:
    query = "WorkflowType = 'VoiceSession' AND ExecutionStatus = 'Running'"
    return len([found async for found in client.list_workflows(query)])


async def test_without_a_limit_nothing_is_asked(settings: Settings) -> None:
    limit = SessionLimit(LazyClient(settings.temporal), settings)
    await limit.take("session_1", "acme")  # nothing listens at its address
    assert limit.slots == ""


async def test_over_http(settings: Settings, sessions: FakeSessions) -> None:
    async with client_of(create_app(settings, sessions)) as http:
        sessions.failure = NoPlace("All 1 places for sessions are taken; ask again later.")
        answer = await http.post("/api/session/start", json={"userName": "ann"})
        assert (answer.status_code, answer.json()) == (503, {"detail": str(sessions.failure)})
        assert answer.headers["retry-after"] == "5"


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_concurrent_starts_at_two_apis_never_share_a_place(new_api: NewApi, client: Client) -> None:
    apis = [new_api(max_sessions=7), new_api(max_sessions=7)]
    requests = [_request() for _ in range(AT_ONCE)]
    started = await asyncio.gather(*(_starts(apis[each % 2], request) for each, request in enumerate(requests)))
    assert sum(started) == 7
    live = [request for request, is_started in zip(requests, started, strict=True) if is_started]
    began = time.monotonic()
    with pytest.raises(NoPlace, match=r"^All 7 places for sessions are taken; ask again later\.$"):
        await apis[0].start(_request())
    assert time.monotonic() - began < 0.5
    await apis[0].end(live[0].session_id)
    assert await _starts(apis[1], _request()), "an end releases its place"
    assert not await _starts(apis[1], _request())


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_each_owner_has_its_own_limit(new_api: NewApi) -> None:
    apis = [new_api(max_sessions_per_owner=2), new_api(max_sessions_per_owner=2)]
    starts = (_starts(apis[each % 2], _request("acme")) for each in range(AT_ONCE))
    assert sum(await asyncio.gather(*starts)) == 2
    assert await _starts(apis[0], _request("other"))
    with pytest.raises(NoPlace, match=r"^All 2 places for your sessions are taken"):
        await apis[1].start(_request("acme"))


@pytest.mark.slow
async def test_failed_starts_release_their_places(new_api: NewApi, client: Client) -> None:
    api, quiet = new_api(max_sessions=1), QuietActivities()
    quiet.join_token_error = "no key"
    async with build_worker(client, quiet, QUEUE, quiet):
        for request in (_request(), _request(fingerprint="one body")):
            with pytest.raises(JoinTokenFailed):
                await api.start(request)
            await asyncio.wait([asyncio.create_task(client.get_workflow_handle(request.session_id).result())])
        quiet.join_token_error = None
        assert await _starts(api, request), "the same key, once more"


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_a_repeated_start_needs_no_second_place(new_api: NewApi) -> None:
    apis = [new_api(max_sessions=1), new_api(max_sessions=1)]
    request = _request(fingerprint="one body")
    assert all(await asyncio.gather(*(_starts(apis[each % 2], request) for each in range(AT_ONCE))))
    with pytest.raises(KeyTaken):
        await apis[0].start(request.model_copy(update={"fingerprint": "another body"}))
    assert not await _starts(apis[0], _request()), "a failed repeat keeps the session's place"


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_running_sessions_count_when_a_limit_is_set(new_api: NewApi, client: Client) -> None:
    earlier = _request()
    assert await _starts(new_api(), earlier)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await _running(client):  # noqa: ASYNC110  the visibility store can only be asked
            await asyncio.sleep(0.05)
    api = new_api(max_sessions=1)
    assert not await _starts(api, _request())
    await api.end(earlier.session_id)


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_no_slot_stays_taken(
    new_api: NewApi, server: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session is terminated, a start never comes, and a release is lost."""
    monkeypatch.setattr("workflows.slots.session_slots._PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("api.gateway.session_limit._LATE_START_SECONDS", -4.5)  # no start is under way for long
    api, limit = (
        new_api(max_sessions=3),
        SessionLimit(LazyClient(TemporalSettings(address=server)), _limited(server, max_sessions=3)),
    )
    terminated, lost = _request(), _request()
    assert await _starts(api, terminated)
    await limit.take("session_1800000000_nevercame", "")
    await limit.take(lost.session_id, "")
    assert await _starts(new_api(), lost)  # it knows of no slot, so it releases none
    assert not await _starts(api, _request())
    await client.get_workflow_handle(terminated.session_id).terminate()
    await api.end(lost.session_id)
    await asyncio.gather(*(_starts_soon(api) for _ in range(3)))
    assert not await _starts(api, _request())


@pytest.mark.slow
async def test_no_slot_is_lost_at_continue_as_new() -> None:
    async with dev_server("limit.historyCount.suggestContinueAsNew=30") as env:
        apis = [_api_at(env, max_sessions=5) for _ in range(2)]
        async with build_worker(env.client, QuietActivities(), QUEUE, QuietActivities()):
            for _ in range(8):
                requests = [_request() for _ in range(AT_ONCE)]
                starts = (_starts(apis[each % 2], request) for each, request in enumerate(requests))
                started = await asyncio.gather(*starts)
                assert sum(started) == 5
                live = [request for request, is_started in zip(requests, started, strict=True) if is_started]
                await asyncio.gather(*(apis[0].end(request.session_id) for request in live))
                # A bill may come before the slot is free: Temporal holds signals back while one run follows another.
                ends = (env.client.get_workflow_handle(request.session_id).result() for request in live)
                await asyncio.gather(*ends)
        slots = await env.client.get_workflow_handle(slots_id(QUEUE)).describe()
        assert slots.status is WorkflowExecutionStatus.RUNNING
        assert slots.raw_description.workflow_execution_info.first_run_id != slots.run_id
        for api in apis:
            await api.close()


def _api_at(env: WorkflowEnvironment, **limits: int) -> TemporalSessions:
    settings = _limited(env.client.service_client.config.target_host, **limits)
    return TemporalSessions(LazyClient(settings.temporal), settings)
