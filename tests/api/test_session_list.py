"""Lists from a real visibility store: filters, pages, names that look like queries."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.gateway.session_reader import TemporalSessionReader
from api.gateway.sessions import TemporalSessions
from api.schemas.session_queries import SessionFilter, SessionListResponse
from connections.temporal_client import LazyClient, connect
from contracts import search_attributes
from contracts.identities import new_session_id
from contracts.join_token import JoinToken
from contracts.room import RoomFinished
from contracts.session import SessionRequest
from contracts.statuses import EndReason, SessionStatus
from errors import InvalidInput
from tests.fakes.dev_server import PATIENCE_SECONDS, QUEUE, Start, listed, settings_at
from tests.fakes.quiet_activities import QuietActivities
from worker import build_worker

pytestmark = pytest.mark.slow

_METADATA: dict[str, Any] = {"order": "A-17"}


def _ids(page: SessionListResponse) -> set[str]:
    return {item.sessionId for item in page.sessions}


@pytest.mark.usefixtures("worker")
async def test_filters(gateway: TemporalSessions, known: TemporalSessionReader, client: Client, start: Start) -> None:
    first = await start(user="annabelle")
    second = await start(user="bob")
    third = await start(user="bob")
    await gateway.end(second)
    now_ms = time.time_ns() // 1_000_000
    await gateway.room_finished(third, RoomFinished(at_ms=now_ms))
    await client.get_workflow_handle(third).result()
    page = await listed(known, lambda page: [item.state for item in page.sessions[1:]] == [SessionStatus.ENDED] * 2)
    assert [item.sessionId for item in page.sessions] == [first, third, second]  # live first, then the latest end
    assert page.nextPageToken is None

    times = {item.sessionId: item.startedAt for item in page.sessions}
    for wanted, expected in (
        ({"state": "starting"}, {first}),
        ({"state": "ended"}, {second, third}),
        ({"state": "active"}, set()),
        ({"user": "bob"}, {second, third}),
        ({"user": "bob", "endReason": "room_finished"}, {third}),
        ({"endReason": "api_request"}, {second}),
        ({"startedAfter": times[second].isoformat()}, {second, third}),
        ({"startedBefore": times[second].isoformat()}, {first}),
        ({"startedAfter": times[first].isoformat(), "startedBefore": times[third].isoformat()}, {first, second}),
        ({"startedAfter": "0001-01-01T00:00:00Z", "startedBefore": "9999-12-31T23:59:59-12:00"}, set(times)),
    ):
        assert _ids(await known.find(SessionFilter.model_validate(wanted))) == expected, wanted


@pytest.mark.usefixtures("worker")
async def test_pages(known: TemporalSessionReader, start: Start) -> None:
    ids = [await start() for _ in range(5)]
    await listed(known, lambda page: len(page.sessions) == 5)
    seen: list[str] = []
    token: str | None = None
    for size in (2, 2, 1):
        page = await known.find(SessionFilter(pageSize=2, pageToken=token))
        assert len(page.sessions) == size
        seen += [item.sessionId for item in page.sessions]
        token = page.nextPageToken
        if len(seen) < 5:
            assert token is not None
            for wrong in (SessionFilter(user="test", pageToken=token), SessionFilter(pageToken=token[:-2])):
                with pytest.raises(InvalidInput, match="pageToken"):
                    await known.find(wrong)
    assert token is None
    assert seen == ids[::-1]


@pytest.mark.usefixtures("worker")
async def test_user_names_cannot_inject_queries(known: TemporalSessionReader, start: Start) -> None:
    names = (
        "o'brien",
        "' OR 1=1 --",
        "x' OR WorkflowType = 'VoiceSession' OR SessionUser = 'x",
        "back\\slash",
        "\\' OR 1=1 --",
        "\\",
        '"double"',
        "100%_`;",
        "ann",
        "Ann",
        "☃ ü",
        "%27",
        "'" * 128,
        "'" * 127 + '"',
    )
    ids = {name: await start(user=name) for name in names}
    await listed(known, lambda page: len(page.sessions) == len(names))
    for name, session_id in ids.items():
        page = await known.find(SessionFilter(user=name))
        assert [(item.sessionId, item.userName) for item in page.sessions] == [(session_id, name)]
    assert not (await known.find(SessionFilter(user="%"))).sessions


async def test_encrypted_sessions(server: str) -> None:
    plain = settings_at(server)
    old, new = (f"{name}:{base64.b64encode(name.encode() * 8).decode()}" for name in ("k__1", "k__2"))
    page: SessionListResponse | None = None
    for keys, readable in ((old, True), (f"{new},{old}", True), (new, False)):
        temporal = plain.temporal.model_copy(update={"codec_keys": SecretStr(keys)})
        settings = replace(plain, temporal=temporal)
        known = TemporalSessionReader(LazyClient(temporal), temporal)
        if page is None:
            client = await connect(temporal)
            gateway = TemporalSessions(LazyClient(temporal), settings)
            request = SessionRequest(session_id=new_session_id(int(time.time())), user_name="annabelle")
            async with build_worker(client, quiet := QuietActivities(), QUEUE, quiet):
                await gateway.start(request, _METADATA)
                await gateway.end(request.session_id)
            page = await listed(known, lambda page: bool(page.sessions), state="ended", user="annabelle")
            raw = (await client.get_workflow_handle(request.session_id).describe()).raw_info.SerializeToString()
            assert b"annabelle" not in raw
            assert b"A-17" not in raw
        [item] = (await known.find(SessionFilter())).sessions
        assert (item.userName, item.metadata) == (("annabelle", _METADATA) if readable else (None, None))
        assert (item.state, item.endReason) == (SessionStatus.ENDED, EndReason.API_REQUEST)
        assert bool((await known.find(SessionFilter(user="annabelle"))).sessions) is readable


@workflow.defn(name="VoiceSession")
class Continued:
    """A session that continues as new once, then waits."""

    @workflow.run
    async def run(self, request: SessionRequest) -> None:
        """Passes on only its input: Temporal keeps the memo and the attributes."""
        if workflow.info().continued_run_id is None:
            workflow.continue_as_new(request)
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def join_token(self) -> JoinToken:
        """An empty join token."""
        return JoinToken(session_id="", room_name="", identity="", token="", server_url="")


async def test_continue_as_new_lists_one_session(known: TemporalSessionReader, client: Client, start: Start) -> None:
    async with Worker(client, task_queue=QUEUE, workflows=[Continued], workflow_runner=UnsandboxedWorkflowRunner()):
        session_id = await start(metadata=_METADATA)
        handle = client.get_workflow_handle(session_id)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (last_run := await handle.describe()).raw_info.first_run_id == last_run.run_id:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        first_run = await client.get_workflow_handle(session_id, run_id=last_run.raw_info.first_run_id).describe()
        page = await listed(known, lambda page: bool(page.sessions))
    [item] = page.sessions
    assert (item.userName, item.metadata, item.state) == ("test", _METADATA, SessionStatus.STARTING)
    assert item.startedAt == first_run.typed_search_attributes[search_attributes.STARTED_AT]
    assert item.startedAt <= first_run.start_time < last_run.start_time
    later = {"startedAfter": last_run.start_time.isoformat()}
    assert not (await known.find(SessionFilter.model_validate(later))).sessions
